//! One connection, over which commands go out before the answers to others have come.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use agw_core::backend::Endpoint;
use agw_core::rate_limit::Login;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::sync::{mpsc, oneshot};

use super::reply::{Nonsense, Reply};
use crate::stream::BoxStream;
use crate::upstream::Connector;

/// What has come of answers that are not whole, at most.
const MOST_UNREAD: usize = 1 << 20;

/// Commands that wait for their answers; more are refused at once.
const MOST_WAITING: usize = 1024;

type Answer = oneshot::Sender<Reply>;

/// A command as it goes out, and who waits for its answer.
struct Asked {
    bytes: Vec<u8>,
    answer: Answer,
}

/// A server, and the connection to it if there is one. One that broke is replaced by the next
/// command.
pub(super) struct Connection {
    endpoint: Endpoint,
    login: Login,
    link: RefCell<Option<mpsc::Sender<Asked>>>,
    /// One is made at a time.
    making: tokio::sync::Mutex<()>,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, login: Login) -> Self {
        Self {
            endpoint,
            login,
            link: RefCell::new(None),
            making: tokio::sync::Mutex::new(()),
        }
    }

    /// What the server answers to a command.
    pub(super) async fn ask(
        &self,
        connector: &Rc<Connector>,
        command: Vec<Vec<u8>>,
        within: Duration,
    ) -> Result<Reply, String> {
        let asked = async {
            let link = match self.open() {
                Some(link) => link,
                None => self.connect(connector).await?,
            };
            exchange(&link, &command).await
        };
        match tokio::time::timeout(within, asked).await {
            Ok(Ok(Reply::Refusal(why))) => Err(format!("it answered {why}")),
            Ok(reply) => reply,
            Err(_) => {
                // Nobody knows whether it answers others: they get another connection.
                self.link.borrow_mut().take();
                Err(format!("no answer within {within:?}"))
            }
        }
    }

    fn open(&self) -> Option<mpsc::Sender<Asked>> {
        let link = self.link.borrow();
        link.as_ref().filter(|link| !link.is_closed()).cloned()
    }

    async fn connect(&self, connector: &Rc<Connector>) -> Result<mpsc::Sender<Asked>, String> {
        let _making = self.making.lock().await;
        if let Some(link) = self.open() {
            return Ok(link);
        }
        let stream = connector.stream(&self.endpoint).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (link, commands) = mpsc::channel(MOST_WAITING);
        connector.tasks().spawn_local(carry(stream, commands));
        for command in greeting(&self.login) {
            if let Reply::Refusal(why) = exchange(&link, &command).await? {
                // What is refused here is the login: it is not quoted.
                let kind = why.split(' ').next().unwrap_or_default().to_owned();
                return Err(format!("it does not take the login: {kind}"));
            }
        }
        *self.link.borrow_mut() = Some(link.clone());
        Ok(link)
    }
}

/// What a connection begins with.
fn greeting(login: &Login) -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    if let Some(password) = &login.password {
        let mut auth = vec![b"AUTH".to_vec()];
        auth.extend(login.username.as_ref().map(|name| name.as_bytes().to_vec()));
        auth.push(password.expose().into());
        commands.push(auth);
    }
    if login.database != 0 {
        commands.push(vec![b"SELECT".to_vec(), login.database.to_string().into()]);
    }
    commands
}

async fn exchange(link: &mpsc::Sender<Asked>, command: &[Vec<u8>]) -> Result<Reply, String> {
    let (answer, answered) = oneshot::channel();
    let asked = Asked {
        bytes: encoded(command),
        answer,
    };
    link.try_send(asked).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => "too many wait for its answers".to_owned(),
        mpsc::error::TrySendError::Closed(_) => "the connection broke".to_owned(),
    })?;
    answered
        .await
        .map_err(|_| "the connection broke".to_owned())
}

/// A list of texts.
fn encoded(command: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for part in command {
        bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Sends commands as they come and gives answers out in the same order, until the connection ends
/// or nobody is left who could ask. Whoever still waits then gets none.
async fn carry(stream: BoxStream, mut commands: mpsc::Receiver<Asked>) {
    let (mut reader, mut writer) = split(stream);
    let mut waiting: VecDeque<Answer> = VecDeque::new();
    let mut read = BytesMut::with_capacity(4096);
    loop {
        tokio::select! {
            asked = commands.recv(), if waiting.len() < MOST_WAITING => {
                let Some(asked) = asked else { break };
                let mut bytes = asked.bytes;
                waiting.push_back(asked.answer);
                // Those that came meanwhile go out with it.
                while waiting.len() < MOST_WAITING && let Ok(next) = commands.try_recv() {
                    bytes.extend_from_slice(&next.bytes);
                    waiting.push_back(next.answer);
                }
                if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            got = reader.read_buf(&mut read) => {
                if !matches!(got, Ok(1..)) || give_out(&mut read, &mut waiting).is_err() {
                    break;
                }
                if read.len() > MOST_UNREAD {
                    break;
                }
            }
        }
    }
}

/// What nobody asked for ends the connection: answers would go to the wrong ones.
fn give_out(read: &mut BytesMut, waiting: &mut VecDeque<Answer>) -> Result<(), Nonsense> {
    while let Some(reply) = Reply::take(read)? {
        let answer = waiting.pop_front().ok_or(Nonsense)?;
        // Whoever asked may have stopped waiting.
        let _ = answer.send(reply);
    }
    Ok(())
}
