//! Servers that policies have asked.

use std::sync::Arc;

use agw_core::access::{Authorizer, ExternalAuth, HttpQuestion, Lifetime, Question, Remembered};
use agw_core::condition::Case;
use agw_core::filter::RedirectScheme;
use agw_core::server::{Place, Server};
use http::HeaderName;

use super::common::{
    compiled, each, enumeration, expression, expressions, field_name, named, one, optional, port,
    required, source,
};
use super::invalid::{At, Invalid};
use crate::proto;
use crate::proto::authorizer::Question as QuestionMessage;
use crate::proto::remembered::Lifetime as LifetimeMessage;
use crate::proto::server::At as PlaceMessage;

impl From<&ExternalAuth> for proto::ExternalAuth {
    fn from(auth: &ExternalAuth) -> Self {
        let cases = auth.all().iter();
        let cases = cases.map(|Case { when, then }| proto::AuthCase {
            when: source(when.as_ref()),
            then: Some((&**then).into()),
        });
        Self {
            cases: cases.collect(),
        }
    }
}

impl TryFrom<proto::ExternalAuth> for ExternalAuth {
    type Error = Invalid;

    fn try_from(message: proto::ExternalAuth) -> Result<Self, Invalid> {
        let cases = each(message.cases, "cases", |case| {
            let proto::AuthCase { when, then } = case;
            Ok(Case {
                when: compiled(when, "when")?,
                then: Arc::new(one(then, "then")?),
            })
        })?;
        Ok(Self::new(cases))
    }
}

impl From<&Authorizer> for proto::Authorizer {
    fn from(authorizer: &Authorizer) -> Self {
        let Authorizer {
            server,
            question,
            failure_mode,
            body,
            cache,
        } = authorizer;
        let question = match question {
            Question::Grpc { context, metadata } => {
                let context = context.iter().map(|(name, text)| proto::NamedText {
                    name: name.to_string(),
                    text: text.to_string(),
                });
                QuestionMessage::Grpc(proto::GrpcQuestion {
                    context: context.collect(),
                    metadata: named(metadata),
                })
            }
            Question::Http(http) => QuestionMessage::Http((&**http).into()),
        };
        Self {
            server: Some(server.into()),
            question: Some(question),
            failure_mode: proto::GuardFailureMode::from(*failure_mode).into(),
            body: *body,
            cache: cache.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::Authorizer> for Authorizer {
    type Error = Invalid;

    fn try_from(message: proto::Authorizer) -> Result<Self, Invalid> {
        let proto::Authorizer {
            server,
            question,
            failure_mode,
            body,
            cache,
        } = message;
        let question = match required(question, "question")? {
            QuestionMessage::Grpc(proto::GrpcQuestion { context, metadata }) => Question::Grpc {
                context: context
                    .into_iter()
                    .map(|proto::NamedText { name, text }| (name.into(), text.into()))
                    .collect(),
                metadata: expressions(metadata, "metadata")?,
            },
            QuestionMessage::Http(http) => Question::Http(Box::new(http.try_into().at("http")?)),
        };
        Ok(Self {
            server: one(server, "server")?,
            question,
            failure_mode: enumeration::<proto::GuardFailureMode, _>(failure_mode, "failure_mode")?,
            body,
            cache: optional(cache, "cache")?,
        })
    }
}

impl From<&Server> for proto::Server {
    fn from(server: &Server) -> Self {
        let Server { at, authority } = server;
        Self {
            at: Some(match at {
                Place::Backend(key) => PlaceMessage::Backend(key.into()),
                Place::Url { scheme, host, port } => PlaceMessage::Url(proto::ServerUrl {
                    scheme: proto::Scheme::from(*scheme).into(),
                    host: host.to_string(),
                    port: (*port).into(),
                }),
            }),
            authority: authority.to_string(),
        }
    }
}

impl TryFrom<proto::Server> for Server {
    type Error = Invalid;

    fn try_from(message: proto::Server) -> Result<Self, Invalid> {
        let proto::Server { at, authority } = message;
        Ok(Self {
            at: match required(at, "at")? {
                PlaceMessage::Backend(key) => Place::Backend(key.try_into().at("backend")?),
                PlaceMessage::Url(proto::ServerUrl {
                    scheme,
                    host,
                    port: number,
                }) => Place::Url {
                    scheme: enumeration::<proto::Scheme, RedirectScheme>(scheme, "scheme")?,
                    host: host.into(),
                    port: port(number, "port")?,
                },
            },
            authority: authority.into(),
        })
    }
}

impl From<&HttpQuestion> for proto::HttpQuestion {
    fn from(question: &HttpQuestion) -> Self {
        let HttpQuestion {
            path,
            redirect,
            body,
            forwarded,
            headers,
            taken,
            metadata,
        } = question;
        let texts = |names: &[HeaderName]| names.iter().map(ToString::to_string).collect();
        let headers = headers.iter().map(|(name, value)| proto::NamedExpression {
            name: name.written().to_owned(),
            expression: value.source().to_owned(),
        });
        Self {
            path: source(path.as_ref()),
            redirect: source(redirect.as_ref()),
            body: source(body.as_ref()),
            forwarded: texts(forwarded),
            headers: headers.collect(),
            taken: texts(taken),
            metadata: named(metadata),
        }
    }
}

impl TryFrom<proto::HttpQuestion> for HttpQuestion {
    type Error = Invalid;

    fn try_from(message: proto::HttpQuestion) -> Result<Self, Invalid> {
        let proto::HttpQuestion {
            path,
            redirect,
            body,
            forwarded,
            headers,
            taken,
            metadata,
        } = message;
        let names = |names, field| {
            each(names, field, |name: String| {
                Ok(field_name(&name)?.name().clone())
            })
        };
        Ok(Self {
            path: compiled(path, "path")?,
            redirect: compiled(redirect, "redirect")?,
            body: compiled(body, "body")?,
            forwarded: names(forwarded, "forwarded")?,
            headers: each(headers, "headers", |header| {
                Ok((
                    field_name(&header.name).at("name")?,
                    expression(&header.expression).at("expression")?,
                ))
            })?,
            taken: names(taken, "taken")?,
            metadata: expressions(metadata, "metadata")?,
        })
    }
}

impl From<&Remembered> for proto::Remembered {
    fn from(remembered: &Remembered) -> Self {
        let Remembered {
            key,
            lifetime,
            most,
        } = remembered;
        Self {
            key: key.iter().map(|e| e.source().to_owned()).collect(),
            lifetime: Some(match lifetime {
                Lifetime::Fixed(lifetime) => LifetimeMessage::Fixed((*lifetime).into()),
                Lifetime::Computed(e) => LifetimeMessage::Computed(e.source().to_owned()),
            }),
            most: *most,
        }
    }
}

impl TryFrom<proto::Remembered> for Remembered {
    type Error = Invalid;

    fn try_from(message: proto::Remembered) -> Result<Self, Invalid> {
        let proto::Remembered {
            key,
            lifetime,
            most,
        } = message;
        Ok(Self {
            key: each(key, "key", |source| expression(&source))?,
            lifetime: match required(lifetime, "lifetime")? {
                LifetimeMessage::Fixed(lifetime) => {
                    Lifetime::Fixed(lifetime.try_into().at("fixed")?)
                }
                LifetimeMessage::Computed(source) => {
                    Lifetime::Computed(expression(&source).at("computed")?)
                }
            },
            most: if most == 0 {
                return Err(Invalid::new("is nothing").under("most"));
            } else {
                most
            },
        })
    }
}
