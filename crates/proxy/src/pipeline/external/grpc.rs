//! Asking by gRPC, as Envoy asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::access::{Authorizer, Denial, HeaderEdit, Permit, is_editable};
use agw_core::expr::Expression;
use agw_envoy::auth::attribute_context::{HttpRequest, Peer, Request, TlsSession};
use agw_envoy::auth::check_response::HttpResponse;
use agw_envoy::auth::{
    AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use agw_envoy::core::header_value_option::HeaderAppendAction;
use agw_envoy::core::{Address, HeaderValueOption, Metadata, SocketAddress};
use agw_envoy::known::{ListValue, Struct, Timestamp, Value as Known, value::Kind};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use serde_json::{Map, Value};

use super::super::Exchange;
use crate::access::Decision;
use crate::asking::Asking;

/// Under this name servers look for the claims of a token.
const CLAIMS: &str = "envoy.filters.http.jwt_authn";

/// Names of headers that only edits with a value may have.
type Edited = (HeaderName, HeaderValue);

impl Exchange {
    /// What the server says. The error says why nothing can be told.
    pub(super) async fn check_by_grpc(
        &self,
        authorizer: &Authorizer,
        context: &[(Arc<str>, Arc<str>)],
        metadata: &[(Arc<str>, Expression)],
        asking: &Asking<'_>,
    ) -> Result<Decision, String> {
        let address = self.peer.client.address;
        let peer = |address: String, port: u16| Peer {
            address: Some(Address {
                socket_address: Some(SocketAddress {
                    address,
                    port_value: port.into(),
                }),
            }),
            ..Peer::default()
        };
        let name = &*self.peer.server_name;
        let question = CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(peer(address.ip().to_string(), address.port())),
                destination: Some(peer(self.inbound.host.clone(), self.peer.port)),
                request: Some(self.described(authorizer)),
                context_extensions: context
                    .iter()
                    .map(|(name, text)| (name.to_string(), text.to_string()))
                    .collect(),
                metadata_context: self.metadata_context(metadata),
                tls_session: (!name.is_empty()).then(|| TlsSession {
                    sni: name.to_owned(),
                }),
            }),
        };
        let server = &authorizer.server;
        decision(asking.grpc(server, agw_envoy::CHECK, &question).await?)
    }

    fn described(&self, authorizer: &Authorizer) -> Request {
        let inbound = &self.inbound;
        let target = inbound.target().map(|target| target.to_string());
        let target = target.unwrap_or_else(|_| inbound.path.clone());
        let held = inbound.held().filter(|_| authorizer.body.is_some());
        let said = inbound.headers.get(header::CONTENT_LENGTH);
        let said = said.and_then(|length| length.to_str().ok()?.parse().ok());
        let size = match held {
            Some(body) => i64::try_from(body.len()).ok(),
            None if !inbound.has_body() => Some(0),
            None => said,
        };
        let (body, raw_body) = match held {
            None => (String::new(), Bytes::new()),
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => (text.to_owned(), Bytes::new()),
                Err(_) => (String::new(), bytes.clone()),
            },
        };
        let at = self.record.at;
        Request {
            time: Some(Timestamp {
                seconds: at.as_second(),
                nanos: at.subsec_nanosecond(),
            }),
            http: Some(HttpRequest {
                id: self.record.request_id.clone(),
                method: inbound.method.to_string(),
                headers: self.told_headers(&target),
                path: target,
                host: inbound.authority.clone(),
                scheme: self.peer.scheme.as_str().to_owned(),
                size: size.unwrap_or(-1),
                protocol: match inbound.version {
                    Version::HTTP_2 => "HTTP/2".to_owned(),
                    other => format!("{other:?}"),
                },
                body,
                raw_body,
                ..HttpRequest::default()
            }),
        }
    }

    /// All headers, several of a name as one, and what HTTP/2 has in their place.
    fn told_headers(&self, target: &str) -> BTreeMap<String, String> {
        let inbound = &self.inbound;
        let mut told = BTreeMap::new();
        for (name, value) in &inbound.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            told.entry(name.as_str().to_owned())
                .and_modify(|text: &mut String| {
                    text.push(',');
                    text.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        for (name, value) in [
            (":authority", inbound.authority.as_str()),
            (":method", inbound.method.as_str()),
            (":path", target),
            (":scheme", self.peer.scheme.as_str()),
        ] {
            told.insert(name.to_owned(), value.to_owned());
        }
        told
    }

    fn metadata_context(&self, metadata: &[(Arc<str>, Expression)]) -> Option<Metadata> {
        let mut filter_metadata = BTreeMap::new();
        if metadata.is_empty() {
            let claims = self.identity.jwt.as_ref()?;
            let payload = [("jwt_payload".to_owned(), known(claims))];
            let fields = payload.into_iter().collect();
            filter_metadata.insert(CLAIMS.to_owned(), Struct { fields });
            return Some(Metadata { filter_metadata });
        }
        let values: Vec<_> = self.with_input(|input| {
            let values = metadata.iter();
            values
                .map(|(name, expression)| (name.to_string(), expression.eval(input)))
                .map(|(name, value)| (name, value.map(|value| value.to_json())))
                .collect()
        });
        let mut failures = Vec::new();
        for (name, value) in values {
            match value {
                Ok(Value::Object(members)) => drop(filter_metadata.insert(name, fields(&members))),
                Ok(value) => {
                    let alone = Map::from_iter([("value".to_owned(), value)]);
                    filter_metadata.insert(name, fields(&alone));
                }
                Err(error) => failures.push((name, error)),
            }
        }
        self.count_failures("extAuth", &failures);
        Some(Metadata { filter_metadata })
    }
}

/// What an answer means. One that is neither yes nor no is none.
fn decision(answer: CheckResponse) -> Result<Decision, String> {
    let CheckResponse {
        status,
        http_response,
        dynamic_metadata,
    } = answer;
    match (status.map(|status| status.code), http_response) {
        (_, Some(HttpResponse::DeniedResponse(denied))) => {
            Ok(Decision::Deny(Arc::new(denial(denied))))
        }
        (Some(0) | None, Some(HttpResponse::OkResponse(ok))) => {
            Ok(Decision::Permit(Arc::new(permit(ok, dynamic_metadata))))
        }
        (Some(0), None) => {
            let permit = permit(OkHttpResponse::default(), dynamic_metadata);
            Ok(Decision::Permit(Arc::new(permit)))
        }
        (Some(_), _) => Ok(Decision::Deny(Arc::new(denial(
            DeniedHttpResponse::default(),
        )))),
        (None, None) => Err("its answer says neither yes nor no".to_owned()),
    }
}

fn denial(denied: DeniedHttpResponse) -> Denial {
    let code = denied.status.map_or(0, |status| status.code);
    let code = u16::try_from(code).unwrap_or_default();
    let status = StatusCode::from_u16(code).ok();
    let status = status.filter(|_| (200..600).contains(&code));
    let mut headers = HeaderMap::new();
    for edit in edits(denied.headers, Unsaid::Set) {
        edit.apply(&mut headers);
    }
    Denial {
        status: status.unwrap_or(StatusCode::FORBIDDEN),
        headers,
        body: denied.body.into(),
    }
}

fn permit(ok: OkHttpResponse, told: Option<Struct>) -> Permit {
    let removed = ok.headers_to_remove.iter();
    let removed = removed.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    let removed = removed.filter(is_editable).map(HeaderEdit::Remove);
    let set = ok.query_parameters_to_set.into_iter();
    let told = ok.dynamic_metadata.or(told);
    Permit {
        request: removed.chain(edits(ok.headers, Unsaid::Set)).collect(),
        response: edits(ok.response_headers_to_add, Unsaid::Append).collect(),
        query_removed: ok.query_parameters_to_remove,
        query_set: set
            .map(|parameter| (parameter.key, parameter.value))
            .collect(),
        told: told.map(|told| Value::Object(members(told))),
    }
}

/// What an option means that says neither `append` nor an action.
#[derive(Debug, Clone, Copy)]
enum Unsaid {
    Set,
    Append,
}

/// The edits that options ask for. What cannot stand in a header is left out.
fn edits(options: Vec<HeaderValueOption>, unsaid: Unsaid) -> impl Iterator<Item = HeaderEdit> {
    options.into_iter().filter_map(move |option| {
        let action = option.append_action();
        let (name, value) = edited(&option)?;
        Some(match (option.append, action, unsaid) {
            (Some(true), _, _) => HeaderEdit::Append(name, value),
            (_, HeaderAppendAction::AddIfAbsent, _) => HeaderEdit::Add(name, value),
            (_, HeaderAppendAction::OverwriteIfExists, _) => HeaderEdit::Replace(name, value),
            (None, HeaderAppendAction::AppendIfExistsOrAdd, Unsaid::Append) => {
                HeaderEdit::Append(name, value)
            }
            _ => HeaderEdit::Set(name, value),
        })
    })
}

fn edited(option: &HeaderValueOption) -> Option<Edited> {
    let header = option.header.as_ref()?;
    let name = HeaderName::from_bytes(header.key.as_bytes()).ok()?;
    let value = match header.raw_value.is_empty() {
        true => HeaderValue::from_str(&header.value).ok()?,
        false => HeaderValue::from_bytes(&header.raw_value).ok()?,
    };
    is_editable(&name).then_some((name, value))
}

fn fields(members: &Map<String, Value>) -> Struct {
    let members = members.iter();
    Struct {
        fields: members
            .map(|(name, value)| (name.clone(), known(value)))
            .collect(),
    }
}

fn known(value: &Value) -> Known {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(known).collect(),
        }),
        Value::Object(members) => Kind::StructValue(fields(members)),
    };
    Known { kind: Some(kind) }
}

fn members(told: Struct) -> Map<String, Value> {
    let fields = told.fields.into_iter();
    fields.map(|(name, value)| (name, plain(value))).collect()
}

/// A number that is whole is one here: expressions compare it with whole numbers.
fn plain(value: Known) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => whole(number).map_or_else(|| number.into(), Value::from),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(plain).collect(),
        Some(Kind::StructValue(told)) => Value::Object(members(told)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
