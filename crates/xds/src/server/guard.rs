//! The check before every method, whatever its name: none can be added without it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::authenticate::{Authenticate, Identity, Refusal};
use super::connection::Admission;

/// Tokens that are verified at the same time: each may be a question to the API server.
const CONCURRENT: usize = 32;

/// How long one verification may take.
const PATIENCE: Duration = Duration::from_secs(10);

struct Guard<A> {
    authenticate: A,
    turns: Semaphore,
}

pub(super) struct GuardLayer<A>(Arc<Guard<A>>);

pub(super) struct Guarded<A, S> {
    guard: Arc<Guard<A>>,
    inner: S,
}

impl<A: Authenticate> GuardLayer<A> {
    pub(super) fn new(authenticate: A) -> Self {
        Self(Arc::new(Guard {
            authenticate,
            turns: Semaphore::new(CONCURRENT),
        }))
    }
}

impl<A: Authenticate> Guard<A> {
    /// Who asks; every request that reaches a method has it among its extensions.
    async fn check(&self, headers: &HeaderMap) -> Result<Identity, Status> {
        let token = bearer(headers).ok_or_else(|| Status::unauthenticated("no bearer token"))?;
        let verify = async {
            let _turn = self
                .turns
                .acquire()
                .await
                .map_err(|_| Refusal::Unavailable)?;
            self.authenticate.authenticate(token).await
        };
        let verified = tokio::time::timeout(PATIENCE, verify).await;
        Ok(verified.unwrap_or(Err(Refusal::Unavailable))?)
    }
}

/// Exactly one `Bearer` token.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl<A> Clone for GuardLayer<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A, S> Layer<S> for GuardLayer<A> {
    type Service = Guarded<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        let guard = self.0.clone();
        Guarded { guard, inner }
    }
}

impl<A, S: Clone> Clone for Guarded<A, S> {
    fn clone(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<A, S> Service<Request<Body>> for Guarded<A, S>
where
    A: Authenticate,
    S: Service<Request<Body>, Response = Response<Body>, Future: Send> + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let guard = self.guard.clone();
        // The one that is ready is called; its clone need not be.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match guard.check(request.headers()).await {
                Ok(identity) => {
                    if let Some(admission) = request.extensions().get::<Admission>() {
                        admission.grant();
                    }
                    // The token has done its work.
                    request.headers_mut().remove(AUTHORIZATION);
                    request.extensions_mut().insert(identity);
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_bearer_token_and_nothing_else() {
        let table: [(&[&str], Option<&str>); 7] = [
            (&[], None),
            (&["Bearer t"], Some("t")),
            (&["bearer  t "], Some("t")),
            (&["Basic t"], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Bearer t", "Bearer u"], None),
        ];
        for (values, want) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bearer(&headers), want, "{values:?}");
        }
    }
}
