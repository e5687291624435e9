//! The least a proxy built on this HTTP library can cost: a runtime and a pool of upstream
//! connections a core, `SO_REUSEPORT`, no feature. What the gateway costs above it is ours.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::anyhow;
use http::header;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

/// Serves until it is killed.
pub(crate) fn run(listen: SocketAddr, upstream: SocketAddr, workers: usize) -> anyhow::Result<()> {
    let threads: Vec<_> = (0..workers)
        .map(|_| std::thread::spawn(move || worker(listen, upstream)))
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow!("a worker panicked"))??;
    }
    Ok(())
}

fn worker(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let socket = Socket::new(
            Domain::for_address(listen),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_port(true)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&listen.into())?;
        socket.listen(4096)?;
        let listener = TcpListener::from_std(socket.into())?;
        let pool = Pool::default();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let pool = Rc::clone(&pool);
            tokio::task::spawn_local(async move {
                let service =
                    service_fn(move |request| forward(request, Rc::clone(&pool), upstream));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

async fn forward(
    mut request: Request<Incoming>,
    pool: Pool,
    upstream: SocketAddr,
) -> anyhow::Result<Response<Incoming>> {
    request.headers_mut().remove(header::CONNECTION);
    let mut sender = connection(&pool, upstream).await?;
    let response = sender.send_request(request).await?;
    tokio::task::spawn_local(async move {
        if sender.ready().await.is_ok() {
            pool.borrow_mut().push(sender);
        }
    });
    Ok(response)
}

async fn connection(pool: &Pool, upstream: SocketAddr) -> anyhow::Result<SendRequest<Incoming>> {
    loop {
        let kept = pool.borrow_mut().pop();
        match kept {
            Some(mut sender) if !sender.is_closed() => {
                if sender.ready().await.is_ok() {
                    return Ok(sender);
                }
            }
            Some(_) => {}
            None => break,
        }
    }
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(sender)
}
