//! What conversions of all resources share.

use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{Action, Algorithm, Demand};
use agw_core::backend::{Api, AppProtocol, ProviderKind};
use agw_core::expr::Expression;
use agw_core::filter::{Credentials, RedirectScheme};
use agw_core::guard::{Action as GuardAction, Builtin, FailureMode, Scope, Streaming};
use agw_core::header::FieldName;
use agw_core::hostname::Hostname;
use agw_core::id::{BackendKey, BackendKind, ObjectKey, RouteKind};
use agw_core::listener::ClientValidationMode;
use agw_core::matcher::Pattern;
use agw_core::rate_limit::{Span, Unit};
use agw_core::retry::ConnectFailure;
use agw_core::shaping::{CachePlace, Role};
use prost::UnknownEnumValue;

use super::invalid::{At, Invalid, OrInvalid};
use crate::proto;
use crate::resource::Kind;

/// An enumeration that has the same names on both sides.
macro_rules! mirror {
    ($($message:ty, $ours:ty: [$($name:ident),+];)+) => {$(
        impl From<$ours> for $message {
            fn from(value: $ours) -> Self {
                match value {
                    $(<$ours>::$name => Self::$name,)+
                }
            }
        }

        impl TryFrom<$message> for $ours {
            type Error = Invalid;

            fn try_from(value: $message) -> Result<Self, Invalid> {
                match value {
                    <$message>::Unspecified => Err(Invalid::new("is not set")),
                    $(<$message>::$name => Ok(Self::$name),)+
                }
            }
        }
    )+};
}

mirror! {
    proto::Kind, Kind: [Listener, Route, Backend, Policy, Secret];
    proto::BackendKind, BackendKind: [AgentgatewayBackend, AgentgatewayModel, Service, UdpService];
    proto::RouteKind, RouteKind: [Http, Grpc, Tls, Tcp, Udp, Model];
    proto::ClientValidationMode, ClientValidationMode: [ValidOnly, InsecureFallback];
    proto::Api, Api: [ChatCompletions, Messages, CountTokens, GenerateContent, GeminiCountTokens, Completions, Responses, Embeddings, Rerank, Models, Passthrough];
    proto::ProviderKind, ProviderKind: [OpenAi, Anthropic, Gemini, Bedrock, Azure, AzureDeployment, VertexAi, Custom];
    proto::AppProtocol, AppProtocol: [Http1, H2c];
    proto::ConnectFailure, ConnectFailure: [Retry, Give];
    proto::Credentials, Credentials: [Allowed, Omitted];
    proto::Scheme, RedirectScheme: [Http, Https];
    proto::Demand, Demand: [Strict, Optional, Permissive];
    proto::Algorithm, Algorithm: [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, EdDsa];
    proto::Action, Action: [Allow, Deny, Require];
    proto::LimitUnit, Unit: [Requests, Tokens];
    proto::Span, Span: [Second, Minute, Hour, Day, Month, Year];
    proto::Role, Role: [System, Developer, User, Assistant];
    proto::CachePlace, CachePlace: [System, Tools, Messages];
    proto::GuardStreaming, Streaming: [Enabled, Disabled];
    proto::GuardFailureMode, FailureMode: [FailClosed, FailOpen];
    proto::GuardAction, GuardAction: [Mask, Reject];
    proto::GuardBuiltin, Builtin: [CreditCard, Ssn, Email, PhoneNumber, CaSin];
    proto::GuardScope, Scope: [SystemPrompt, Messages, ToolInput, ToolOutput];
}

/// An enumeration's value as it travels; one that a newer sender knows is an error here.
pub(crate) fn enumeration<M, T>(value: i32, field: &str) -> Result<T, Invalid>
where
    M: TryFrom<i32, Error = UnknownEnumValue>,
    T: TryFrom<M, Error = Invalid>,
{
    let known = M::try_from(value);
    let known =
        known.map_err(|UnknownEnumValue(value)| Invalid::new(format!("{value} is not known")));
    known.and_then(T::try_from).at(field)
}

pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, Invalid> {
    value.ok_or_else(|| Invalid::new("is not set").under(field))
}

pub(super) fn one<M, T>(value: Option<M>, field: &str) -> Result<T, Invalid>
where
    T: TryFrom<M, Error = Invalid>,
{
    required(value, field).and_then(|value| T::try_from(value).at(field))
}

pub(super) fn optional<M, T>(value: Option<M>, field: &str) -> Result<Option<T>, Invalid>
where
    T: TryFrom<M, Error = Invalid>,
{
    value.map(T::try_from).transpose().at(field)
}

pub(super) fn each<M, T>(
    values: Vec<M>,
    field: &str,
    mut convert: impl FnMut(M) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let values = values.into_iter().enumerate();
    let converted: Result<Vec<_>, _> = values
        .map(|(n, value)| convert(value).map_err(|i| i.under(format!("{field}[{n}]"))))
        .collect();
    converted.map(compact)
}

/// Without room to spare: what is collected in the place of its messages keeps theirs, which is
/// many times what it needs, for as long as the configuration lives.
pub(super) fn compact<T>(mut values: Vec<T>) -> Vec<T> {
    values.shrink_to_fit();
    values
}

pub(super) fn list<M, T>(values: Vec<M>, field: &str) -> Result<Vec<T>, Invalid>
where
    T: TryFrom<M, Error = Invalid>,
{
    each(values, field, T::try_from)
}

pub(super) fn not_empty<T>(values: Vec<T>, field: &str) -> Result<Vec<T>, Invalid> {
    if values.is_empty() {
        return Err(Invalid::new("is empty").under(field));
    }
    Ok(values)
}

pub(super) fn port(port: u32, field: &str) -> Result<u16, Invalid> {
    u16::try_from(port).or_invalid(field)
}

pub(super) fn expression(source: &str) -> Result<Expression, Invalid> {
    Expression::compile(source).map_err(Invalid::new)
}

/// An expression where there may be none.
pub(super) fn source(expression: Option<&Expression>) -> Option<String> {
    expression.map(|e| e.source().to_owned())
}

pub(super) fn compiled(source: Option<String>, field: &str) -> Result<Option<Expression>, Invalid> {
    let compiled = source.map(|source| expression(&source));
    compiled.transpose().at(field)
}

pub(super) fn pattern(source: &str) -> Result<Pattern, Invalid> {
    Pattern::compile(source).map_err(Invalid::new)
}

pub(super) fn field_name(written: &str) -> Result<FieldName, Invalid> {
    FieldName::parse(written).map_err(Invalid::new)
}

pub(super) fn hostname_text(hostname: &Hostname) -> String {
    match hostname {
        Hostname::Any => String::new(),
        Hostname::Exact(_) | Hostname::Wildcard(_) => hostname.to_string(),
    }
}

pub(super) fn hostname(text: &str) -> Result<Hostname, Invalid> {
    Hostname::parse(text).map_err(Invalid::new)
}

pub(super) fn texts<'a>(
    texts: impl IntoIterator<Item = &'a (impl AsRef<str> + 'a)>,
) -> Vec<String> {
    texts
        .into_iter()
        .map(|text| text.as_ref().to_owned())
        .collect()
}

pub(super) fn text(text: Option<&impl AsRef<str>>) -> Option<String> {
    text.map(|text| text.as_ref().to_owned())
}

impl From<Duration> for proto::Duration {
    fn from(duration: Duration) -> Self {
        Self {
            seconds: duration.as_secs(),
            nanos: duration.subsec_nanos(),
        }
    }
}

impl TryFrom<proto::Duration> for Duration {
    type Error = Invalid;

    fn try_from(duration: proto::Duration) -> Result<Self, Invalid> {
        let proto::Duration { seconds, nanos } = duration;
        if nanos >= 1_000_000_000 {
            return Err(Invalid::new("is a second or more").under("nanos"));
        }
        Ok(Self::new(seconds, nanos))
    }
}

impl From<&ObjectKey> for proto::ObjectKey {
    fn from(key: &ObjectKey) -> Self {
        let ObjectKey { namespace, name } = key;
        Self {
            namespace: namespace.to_string(),
            name: name.to_string(),
        }
    }
}

impl TryFrom<proto::ObjectKey> for ObjectKey {
    type Error = Invalid;

    fn try_from(key: proto::ObjectKey) -> Result<Self, Invalid> {
        let proto::ObjectKey { namespace, name } = key;
        if name.is_empty() {
            return Err(Invalid::new("is empty").under("name"));
        }
        Ok(Self::new(namespace, name))
    }
}

impl From<&BackendKey> for proto::BackendKey {
    fn from(key: &BackendKey) -> Self {
        let BackendKey { kind, object, port } = key;
        Self {
            kind: proto::BackendKind::from(*kind).into(),
            object: Some(object.into()),
            port: port.map(u32::from),
        }
    }
}

impl TryFrom<proto::BackendKey> for BackendKey {
    type Error = Invalid;

    fn try_from(key: proto::BackendKey) -> Result<Self, Invalid> {
        let proto::BackendKey {
            kind,
            object,
            port: number,
        } = key;
        Ok(Self {
            kind: enumeration::<proto::BackendKind, _>(kind, "kind")?,
            object: one(object, "object")?,
            port: number.map(|number| port(number, "port")).transpose()?,
        })
    }
}

/// Expressions by what they are told under.
pub(super) fn named(expressions: &[(Arc<str>, Expression)]) -> Vec<proto::NamedExpression> {
    let expressions = expressions.iter();
    let messages = expressions.map(|(name, expression)| proto::NamedExpression {
        name: name.to_string(),
        expression: expression.source().to_owned(),
    });
    messages.collect()
}

pub(super) fn expressions(
    messages: Vec<proto::NamedExpression>,
    field: &str,
) -> Result<Vec<(Arc<str>, Expression)>, Invalid> {
    each(messages, field, |message| {
        let compiled = expression(&message.expression).at("expression")?;
        Ok((message.name.into(), compiled))
    })
}
