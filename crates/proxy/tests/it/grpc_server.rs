//! A server of gRPC, which is tonic's, with one method.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

type Answering<Q, A> = dyn Fn(&Q) -> Result<A, Status> + Send + Sync;

/// Serves until it is dropped, its connections included.
pub(crate) struct GrpcServer<Q> {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Q>>>,
    task: JoinHandle<()>,
}

struct Method<Q, A> {
    asked: Arc<Mutex<Vec<Q>>>,
    answer: Arc<Answering<Q, A>>,
}

impl<Q, A> Clone for Method<Q, A> {
    fn clone(&self) -> Self {
        Self {
            asked: self.asked.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl<Q, A> UnaryService<Q> for Method<Q, A>
where
    Q: Send + 'static,
{
    type Response = A;
    type Future = Ready<Result<Response<A>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let question = request.into_inner();
        let answer = (self.answer)(&question);
        self.asked.lock().push(question);
        ready(answer.map(Response::new))
    }
}

impl<Q> GrpcServer<Q>
where
    Q: Message + Default + Clone + 'static,
{
    pub(crate) async fn start<A>(
        path: &'static str,
        answer: impl Fn(&Q) -> Result<A, Status> + Send + Sync + 'static,
    ) -> Self
    where
        A: Message + Default + 'static,
    {
        Self::start_at("127.0.0.1:0".parse().unwrap(), path, answer).await
    }

    pub(crate) async fn start_at<A>(
        address: SocketAddr,
        path: &'static str,
        answer: impl Fn(&Q) -> Result<A, Status> + Send + Sync + 'static,
    ) -> Self
    where
        A: Message + Default + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let method = Method {
            asked: asked.clone(),
            answer: Arc::new(answer),
        };
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let method = method.clone();
                let service = service_fn(move |request: http::Request<_>| {
                    let method = method.clone();
                    async move {
                        if request.uri().path() != path {
                            let status = Status::new(Code::Unimplemented, "no such method");
                            return Ok::<_, std::convert::Infallible>(status.into_http());
                        }
                        let codec = ProstCodec::<A, Q>::default();
                        Ok(Grpc::new(codec).unary(method, request).await)
                    }
                });
                let serve = http2::Builder::new(TokioExecutor::new());
                connections.spawn(async move {
                    let served = serve.serve_connection(TokioIo::new(stream), service);
                    let _ = served.await;
                });
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    pub(crate) fn asked(&self) -> Vec<Q> {
        self.asked.lock().clone()
    }
}

impl<Q> Drop for GrpcServer<Q> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
