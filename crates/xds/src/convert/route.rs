//! Routes, rules and matches.

use std::sync::Arc;

use agw_core::matcher::{HeaderMatch, Match, PathMatch, QueryMatch, ValueMatch};
use agw_core::route::{BackendRef, Destination, Route, Rule};
use agw_core::shaping::ModelPattern;

use super::common::{
    compact, each, enumeration, expression, field_name, hostname, hostname_text, list, one,
    optional, pattern, required, text, texts,
};
use super::invalid::{At, Invalid, OrInvalid};
use super::policy::{policy, said};
use crate::proto;
use crate::proto::backend_ref::To;
use crate::proto::r#match::Path;
use crate::proto::value_match::Value;

impl From<&Route> for proto::Route {
    fn from(route: &Route) -> Self {
        let Route {
            kind,
            key,
            listeners,
            hostnames,
            created,
            rules,
            policy,
        } = route;
        Self {
            kind: proto::RouteKind::from(*kind).into(),
            key: Some(key.into()),
            listeners: texts(listeners),
            hostnames: hostnames.iter().map(hostname_text).collect(),
            created: *created,
            rules: rules.iter().map(|rule| (&**rule).into()).collect(),
            policy: said(policy),
        }
    }
}

impl TryFrom<proto::Route> for Route {
    type Error = Invalid;

    fn try_from(route: proto::Route) -> Result<Self, Invalid> {
        let proto::Route {
            kind,
            key,
            listeners,
            hostnames,
            created,
            rules,
            policy: attached,
        } = route;
        Ok(Self {
            kind: enumeration::<proto::RouteKind, _>(kind, "kind")?,
            key: one(key, "key")?,
            listeners: compact(listeners.into_iter().map(Into::into).collect()),
            hostnames: each(hostnames, "hostnames", |text| hostname(&text))?,
            created,
            rules: each(rules, "rules", |rule| Rule::try_from(rule).map(Arc::new))?,
            policy: policy(attached, "policy")?,
        })
    }
}

impl From<&Rule> for proto::Rule {
    fn from(rule: &Rule) -> Self {
        let Rule {
            name,
            matches,
            filters,
            request_timeout,
            backend_request_timeout,
            retry,
            session,
            backends,
            policy,
            broken,
        } = rule;
        Self {
            name: text(name.as_ref()),
            matches: matches.iter().map(Into::into).collect(),
            filters: filters.iter().map(Into::into).collect(),
            request_timeout: request_timeout.map(Into::into),
            backend_request_timeout: backend_request_timeout.map(Into::into),
            retry: retry.as_ref().map(Into::into),
            session: session.as_deref().map(Into::into),
            backends: backends.iter().map(Into::into).collect(),
            policy: said(policy),
            broken: text(broken.as_ref()),
        }
    }
}

impl TryFrom<proto::Rule> for Rule {
    type Error = Invalid;

    fn try_from(rule: proto::Rule) -> Result<Self, Invalid> {
        let proto::Rule {
            name,
            matches,
            filters,
            request_timeout,
            backend_request_timeout,
            retry,
            backends,
            policy: attached,
            broken,
            session,
        } = rule;
        Ok(Self {
            name: name.map(Into::into),
            // A rule all of whose matches are invalid has none, and is never selected.
            matches: list(matches, "matches")?,
            filters: list(filters, "filters")?,
            request_timeout: optional(request_timeout, "request_timeout")?,
            backend_request_timeout: optional(backend_request_timeout, "backend_request_timeout")?,
            retry: optional(retry, "retry")?,
            session: optional(session, "session")?.map(Arc::new),
            backends: list(backends, "backends")?,
            policy: policy(attached, "policy")?,
            broken: broken.map(Into::into),
        })
    }
}

impl From<&BackendRef> for proto::BackendRef {
    fn from(reference: &BackendRef) -> Self {
        let BackendRef {
            weight,
            to,
            filters,
            model,
            when,
        } = reference;
        let to = match to {
            Destination::Backend(key) => To::Backend(key.into()),
            Destination::Invalid(reason) => To::Invalid(reason.to_string()),
        };
        Self {
            weight: *weight,
            to: Some(to),
            filters: filters.iter().map(Into::into).collect(),
            model: text(model.as_ref()),
            when: when.as_ref().map(|when| when.source().to_owned()),
        }
    }
}

impl TryFrom<proto::BackendRef> for BackendRef {
    type Error = Invalid;

    fn try_from(reference: proto::BackendRef) -> Result<Self, Invalid> {
        let proto::BackendRef {
            weight,
            to,
            filters,
            model,
            when,
        } = reference;
        let to = match required(to, "to")? {
            To::Backend(key) => Destination::Backend(key.try_into().at("backend")?),
            To::Invalid(reason) => Destination::Invalid(reason.into()),
        };
        Ok(Self {
            weight,
            to,
            filters: list(filters, "filters")?,
            model: model.map(Into::into),
            when: when.map(|when| expression(&when)).transpose().at("when")?,
        })
    }
}

impl From<&Match> for proto::Match {
    fn from(of: &Match) -> Self {
        let Match {
            path,
            method,
            headers,
            query,
            model,
        } = of;
        let path = match path {
            PathMatch::Exact(path) => Path::Exact(path.to_string()),
            PathMatch::Prefix(path) => Path::Prefix(path.to_string()),
            PathMatch::Regex(pattern) => Path::Regex(pattern.source().to_owned()),
        };
        let headers = headers.iter();
        let headers = headers.map(|HeaderMatch { name, value }| value_match(name.written(), value));
        let query = query.iter();
        let query = query.map(|QueryMatch { name, value }| value_match(name, value));
        Self {
            path: Some(path),
            method: method.as_ref().map(ToString::to_string),
            headers: headers.collect(),
            query: query.collect(),
            model: model.as_ref().map(ToString::to_string),
        }
    }
}

pub(super) fn value_match(name: &str, value: &ValueMatch) -> proto::ValueMatch {
    let value = match value {
        ValueMatch::Exact(text) => Value::Exact(text.to_string()),
        ValueMatch::Regex(pattern) => Value::Regex(pattern.source().to_owned()),
    };
    proto::ValueMatch {
        name: name.to_owned(),
        value: Some(value),
    }
}

impl TryFrom<proto::Match> for Match {
    type Error = Invalid;

    fn try_from(message: proto::Match) -> Result<Self, Invalid> {
        let proto::Match {
            path,
            method,
            headers,
            query,
            model,
        } = message;
        let path = match required(path, "path")? {
            Path::Exact(path) => PathMatch::Exact(path.into()),
            Path::Prefix(path) => PathMatch::prefix(&path),
            Path::Regex(source) => PathMatch::Regex(pattern(&source).at("regex")?),
        };
        let header = |message| {
            let (name, value) = named_value(message)?;
            let name = field_name(&name).at("name")?;
            Ok(HeaderMatch { name, value })
        };
        let parameter = |message| {
            let (name, value) = named_value(message)?;
            let name = name.into();
            Ok(QueryMatch { name, value })
        };
        Ok(Self {
            path,
            method: method
                .map(|m| m.parse::<http::Method>())
                .transpose()
                .or_invalid("method")?,
            headers: each(headers, "headers", header)?,
            query: each(query, "query", parameter)?,
            model: model.map(|model| ModelPattern::new(&model)),
        })
    }
}

pub(super) fn named_value(message: proto::ValueMatch) -> Result<(String, ValueMatch), Invalid> {
    let proto::ValueMatch { name, value } = message;
    let value = match required(value, "value")? {
        Value::Exact(text) => ValueMatch::Exact(text.into()),
        Value::Regex(source) => ValueMatch::Regex(pattern(&source).at("regex")?),
    };
    Ok((name, value))
}
