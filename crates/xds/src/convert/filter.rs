//! Filters.

use agw_core::filter::{
    Cors, Filter, HeaderEdits, HostPattern, Mirror, Names, OriginPattern, PathRewrite, Redirect,
    Share, UrlRewrite,
};
use agw_core::header::{FieldName, FieldValue};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::common::{each, enumeration, field_name, list, one, optional, port, required, text};
use super::invalid::{At, Invalid, OrInvalid};
use crate::proto;
use crate::proto::filter::Filter as Message;
use crate::proto::names::Names as NamesMessage;
use crate::proto::origin::Origin as OriginMessage;
use crate::proto::origin_of::Host;
use crate::proto::path_rewrite::Rewrite;

impl From<&Filter> for proto::Filter {
    fn from(filter: &Filter) -> Self {
        let filter = match filter {
            Filter::RequestHeaders(edits) => Message::RequestHeaders(edits.into()),
            Filter::ResponseHeaders(edits) => Message::ResponseHeaders(edits.into()),
            Filter::UrlRewrite(rewrite) => Message::UrlRewrite(rewrite.into()),
            Filter::Redirect(redirect) => Message::Redirect(redirect.into()),
            Filter::Cors(cors) => Message::Cors((&**cors).into()),
            Filter::Mirror(mirror) => Message::Mirror(mirror.into()),
        };
        Self {
            filter: Some(filter),
        }
    }
}

impl TryFrom<proto::Filter> for Filter {
    type Error = Invalid;

    fn try_from(filter: proto::Filter) -> Result<Self, Invalid> {
        let proto::Filter { filter } = filter;
        Ok(match required(filter, "filter")? {
            Message::RequestHeaders(edits) => {
                Self::RequestHeaders(edits.try_into().at("request_headers")?)
            }
            Message::ResponseHeaders(edits) => {
                Self::ResponseHeaders(edits.try_into().at("response_headers")?)
            }
            Message::UrlRewrite(rewrite) => Self::UrlRewrite(rewrite.try_into().at("url_rewrite")?),
            Message::Redirect(redirect) => Self::Redirect(redirect.try_into().at("redirect")?),
            Message::Cors(cors) => Self::Cors(Box::new(cors.try_into().at("cors")?)),
            Message::Mirror(mirror) => Self::Mirror(mirror.try_into().at("mirror")?),
        })
    }
}

impl From<&HeaderEdits> for proto::HeaderEdits {
    fn from(edits: &HeaderEdits) -> Self {
        let HeaderEdits { set, add, remove } = edits;
        let headers = |headers: &[(FieldName, FieldValue)]| {
            let header = |(name, value): &(FieldName, FieldValue)| proto::Header {
                name: name.written().to_owned(),
                value: field_bytes(value),
            };
            headers.iter().map(header).collect()
        };
        Self {
            set: headers(set),
            add: headers(add),
            remove: remove
                .iter()
                .map(|name| name.written().to_owned())
                .collect(),
        }
    }
}

impl TryFrom<proto::HeaderEdits> for HeaderEdits {
    type Error = Invalid;

    fn try_from(edits: proto::HeaderEdits) -> Result<Self, Invalid> {
        let proto::HeaderEdits { set, add, remove } = edits;
        let header = |message: proto::Header| {
            let proto::Header { name, value } = message;
            Ok((
                field_name(&name).at("name")?,
                field_value(&value).at("value")?,
            ))
        };
        Ok(Self {
            set: each(set, "set", header)?,
            add: each(add, "add", header)?,
            remove: each(remove, "remove", |name| field_name(&name))?,
        })
    }
}

fn field_bytes(value: &FieldValue) -> Bytes {
    let FieldValue(value) = value;
    Bytes::copy_from_slice(value.as_bytes())
}

fn field_value(bytes: &[u8]) -> Result<FieldValue, Invalid> {
    HeaderValue::from_bytes(bytes)
        .map(FieldValue)
        .map_err(Invalid::new)
}

impl From<&UrlRewrite> for proto::UrlRewrite {
    fn from(rewrite: &UrlRewrite) -> Self {
        let UrlRewrite { hostname, path } = rewrite;
        Self {
            hostname: text(hostname.as_ref()),
            path: path.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::UrlRewrite> for UrlRewrite {
    type Error = Invalid;

    fn try_from(rewrite: proto::UrlRewrite) -> Result<Self, Invalid> {
        let proto::UrlRewrite { hostname, path } = rewrite;
        Ok(Self {
            hostname: hostname.map(Into::into),
            path: optional(path, "path")?,
        })
    }
}

impl From<&PathRewrite> for proto::PathRewrite {
    fn from(rewrite: &PathRewrite) -> Self {
        let rewrite = match rewrite {
            PathRewrite::Full(path) => Rewrite::Full(path.to_string()),
            PathRewrite::Prefix(path) => Rewrite::Prefix(path.to_string()),
        };
        Self {
            rewrite: Some(rewrite),
        }
    }
}

impl TryFrom<proto::PathRewrite> for PathRewrite {
    type Error = Invalid;

    fn try_from(rewrite: proto::PathRewrite) -> Result<Self, Invalid> {
        let proto::PathRewrite { rewrite } = rewrite;
        Ok(match required(rewrite, "rewrite")? {
            Rewrite::Full(path) => Self::Full(path.into()),
            Rewrite::Prefix(path) => Self::Prefix(path.into()),
        })
    }
}

impl From<&Redirect> for proto::Redirect {
    fn from(redirect: &Redirect) -> Self {
        let Redirect {
            scheme,
            hostname,
            port,
            path,
            status,
        } = redirect;
        Self {
            scheme: scheme.map_or(proto::Scheme::Unspecified, Into::into).into(),
            hostname: text(hostname.as_ref()),
            port: port.map(Into::into),
            path: path.as_ref().map(Into::into),
            status: status.as_u16().into(),
        }
    }
}

impl TryFrom<proto::Redirect> for Redirect {
    type Error = Invalid;

    fn try_from(redirect: proto::Redirect) -> Result<Self, Invalid> {
        let proto::Redirect {
            scheme,
            hostname,
            port: number,
            path,
            status,
        } = redirect;
        let scheme = if scheme == i32::from(proto::Scheme::Unspecified) {
            None
        } else {
            Some(enumeration::<proto::Scheme, _>(scheme, "scheme")?)
        };
        let status = port(status, "status")?;
        Ok(Self {
            scheme,
            hostname: hostname.map(Into::into),
            port: number.map(|number| port(number, "port")).transpose()?,
            path: optional(path, "path")?,
            status: StatusCode::from_u16(status).or_invalid("status")?,
        })
    }
}

impl From<&Cors> for proto::Cors {
    fn from(cors: &Cors) -> Self {
        let Cors {
            origins,
            credentials,
            methods,
            headers,
            expose,
            max_age,
        } = cors;
        Self {
            origins: origins.iter().map(Into::into).collect(),
            credentials: proto::Credentials::from(*credentials).into(),
            methods: Some(methods.into()),
            headers: Some(headers.into()),
            expose: Some(expose.into()),
            max_age: Some((*max_age).into()),
        }
    }
}

impl TryFrom<proto::Cors> for Cors {
    type Error = Invalid;

    fn try_from(cors: proto::Cors) -> Result<Self, Invalid> {
        let proto::Cors {
            origins,
            credentials,
            methods,
            headers,
            expose,
            max_age,
        } = cors;
        Ok(Self {
            origins: list(origins, "origins")?,
            credentials: enumeration::<proto::Credentials, _>(credentials, "credentials")?,
            methods: one(methods, "methods")?,
            headers: one(headers, "headers")?,
            expose: one(expose, "expose")?,
            max_age: one(max_age, "max_age")?,
        })
    }
}

impl From<&Mirror> for proto::Mirror {
    fn from(mirror: &Mirror) -> Self {
        let Mirror { to, share } = mirror;
        Self {
            to: Some(to.into()),
            part: share.part(),
            whole: share.whole(),
        }
    }
}

impl TryFrom<proto::Mirror> for Mirror {
    type Error = Invalid;

    fn try_from(mirror: proto::Mirror) -> Result<Self, Invalid> {
        let proto::Mirror { to, part, whole } = mirror;
        let share = Share::new(part, whole).ok_or_else(|| Invalid::new("is more than all"));
        Ok(Self {
            to: one(to, "to")?,
            share: share.at("part")?,
        })
    }
}

impl From<&Names> for proto::Names {
    fn from(names: &Names) -> Self {
        let names = match names {
            Names::Any => NamesMessage::Any(proto::Empty {}),
            Names::Listed(list) => NamesMessage::Listed(field_bytes(list)),
            Names::None => NamesMessage::None(proto::Empty {}),
        };
        Self { names: Some(names) }
    }
}

impl TryFrom<proto::Names> for Names {
    type Error = Invalid;

    fn try_from(names: proto::Names) -> Result<Self, Invalid> {
        let proto::Names { names } = names;
        Ok(match required(names, "names")? {
            NamesMessage::Any(proto::Empty {}) => Self::Any,
            NamesMessage::Listed(list) => Self::Listed(field_value(&list).at("listed")?),
            NamesMessage::None(proto::Empty {}) => Self::None,
        })
    }
}

impl From<&OriginPattern> for proto::Origin {
    fn from(origin: &OriginPattern) -> Self {
        let origin = match origin {
            OriginPattern::Any => OriginMessage::Any(proto::Empty {}),
            OriginPattern::Of { scheme, host, port } => {
                let host = match host {
                    HostPattern::Any => Host::Any(proto::Empty {}),
                    HostPattern::Suffix(suffix) => Host::Suffix(suffix.to_string()),
                    HostPattern::Exact(exact) => Host::Exact(exact.to_string()),
                };
                OriginMessage::Of(proto::OriginOf {
                    scheme: scheme.to_string(),
                    host: Some(host),
                    port: (*port).into(),
                })
            }
        };
        Self {
            origin: Some(origin),
        }
    }
}

impl TryFrom<proto::Origin> for OriginPattern {
    type Error = Invalid;

    fn try_from(origin: proto::Origin) -> Result<Self, Invalid> {
        let proto::Origin { origin } = origin;
        let of = match required(origin, "origin")? {
            OriginMessage::Any(proto::Empty {}) => return Ok(Self::Any),
            OriginMessage::Of(of) => of,
        };
        let proto::OriginOf {
            scheme,
            host,
            port: number,
        } = of;
        let host = match required(host, "host")? {
            Host::Any(proto::Empty {}) => HostPattern::Any,
            Host::Suffix(suffix) => HostPattern::Suffix(suffix.into()),
            Host::Exact(exact) => HostPattern::Exact(exact.into()),
        };
        Ok(Self::Of {
            scheme: scheme.into(),
            host,
            port: port(number, "port")?,
        })
    }
}
