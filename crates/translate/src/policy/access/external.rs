//! Servers that are asked whether a request may pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agw_api::ext_auth::{
    AuthCache, ExtAuth, FailureMode as FailureModeSpec, GrpcAuth, HttpAuth, OneAuth,
};
use agw_api::parameters::Quantity;
use agw_core::access::{
    Authorizer, ExternalAuth, HttpQuestion, Lifetime, Question, Remembered, is_editable,
};
use agw_core::condition::{Case, Cases};
use agw_core::expr::Expression;
use agw_core::guard::FailureMode;
use agw_core::header::FieldName;
use http::HeaderName;

use super::super::place::Place;
use super::super::rate_limit::condition;
use crate::expression::{Rejected, collect};

/// How many answers are kept when nothing else is said.
const MOST: u32 = 10_000;

/// No answer is kept longer: who may pass changes.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn external(
    spec: &ExtAuth,
    place: &mut Place<'_, '_>,
) -> Result<ExternalAuth, Rejected> {
    let one = spec.one();
    if spec.conditional.is_empty() {
        return Ok(Cases::always(Arc::new(authorizer(&one, place)?)));
    }
    if one != OneAuth::default() {
        let remedy = "write what is beside it into the entries' `policy`";
        return Err(place.refuse("", "`conditional` excludes the other fields", remedy));
    }
    let last = spec.conditional.len() - 1;
    let cases = spec.conditional.iter().enumerate().map(|(index, entry)| {
        let at = format!("conditional[{index}]");
        let when = condition(entry.condition.as_deref(), index == last, &at, place);
        let then = authorizer(&entry.policy, &mut place.inside(&format!("{at}.policy")));
        Ok(Case {
            when: when?,
            then: Arc::new(then?),
        })
    });
    collect(cases).map(Cases::new)
}

fn authorizer(spec: &OneAuth, place: &mut Place<'_, '_>) -> Result<Authorizer, Rejected> {
    let asked = place.asked(spec.backend_ref.as_ref(), spec.url.as_deref());
    let question = match (&spec.grpc, &spec.http) {
        (Some(grpc), None) => grpc_question(grpc, &mut place.inside("grpc")),
        (None, Some(http)) => http_question(http, &mut place.inside("http"))
            .map(|question| Question::Http(Box::new(question))),
        _ => {
            let remedy = "write exactly one of `grpc` and `http`";
            Err(place.refuse("", "it is not said how the server is asked", remedy))
        }
    };
    let body = spec.forward_body.as_ref();
    let body = body.map(|body| size(&body.max_size, place)).transpose();
    let cache = spec.cache.as_ref();
    let cache = cache.map(|cache| remembered(cache, &mut place.inside("cache")));
    let (server, path) = asked?;
    let mut question = question?;
    if let Some(path) = path {
        let Question::Http(http) = &mut question else {
            let remedy = "write the URL without a path";
            return Err(place.refuse("url", "a path is for `http` only", remedy));
        };
        if http.path.is_some() {
            let remedy = "keep one of the two paths";
            let why = "the path in `url` and `http.path` exclude each other";
            return Err(place.refuse("http.path", why, remedy));
        }
        let literal = serde_json::Value::from(path).to_string();
        http.path = Some(place.expression("url", &literal)?);
    }
    let body = body?;
    if let Question::Http(http) = &question
        && http.body.is_some()
        && body.is_some()
    {
        let why = "`forwardBody` and `http.body` exclude each other";
        return Err(place.refuse("forwardBody", why, "keep one of them"));
    }
    Ok(Authorizer {
        server,
        question,
        failure_mode: failure_mode(spec.failure_mode),
        body,
        cache: cache.transpose()?,
    })
}

/// What becomes of requests that nobody could be asked about.
pub(in crate::policy) fn failure_mode(mode: Option<FailureModeSpec>) -> FailureMode {
    match mode {
        None | Some(FailureModeSpec::FailClosed) => FailureMode::FailClosed,
        Some(FailureModeSpec::FailOpen) => FailureMode::FailOpen,
    }
}

fn grpc_question(spec: &GrpcAuth, place: &mut Place<'_, '_>) -> Result<Question, Rejected> {
    let context = spec.context_extensions.iter();
    Ok(Question::Grpc {
        context: context
            .map(|(name, text)| (name.as_str().into(), text.as_str().into()))
            .collect(),
        metadata: computed(&spec.request_metadata, "requestMetadata", place)?,
    })
}

fn http_question(spec: &HttpAuth, place: &mut Place<'_, '_>) -> Result<HttpQuestion, Rejected> {
    let mut one = |source: &Option<String>, at: &str| {
        let source = source.as_deref();
        source
            .map(|source| place.expression(at, source))
            .transpose()
    };
    let path = one(&spec.path, "path");
    let redirect = one(&spec.redirect, "redirect");
    let body = one(&spec.body, "body");
    let forwarded = names(
        &spec.allowed_request_headers,
        "allowedRequestHeaders",
        place,
    );
    let taken = names(
        &spec.allowed_response_headers,
        "allowedResponseHeaders",
        place,
    );
    let headers = spec.add_request_headers.iter().map(|(name, source)| {
        let at = format!("addRequestHeaders.{name}");
        let name = editable(name, &at, place);
        let value = place.expression(&at, source);
        Ok((name?, value?))
    });
    let headers = collect(headers);
    Ok(HttpQuestion {
        path: path?,
        redirect: redirect?,
        body: body?,
        forwarded: forwarded?,
        headers: headers?,
        taken: taken?,
        metadata: computed(&spec.response_metadata, "responseMetadata", place)?,
    })
}

fn computed(
    spec: &BTreeMap<String, String>,
    at: &str,
    place: &mut Place<'_, '_>,
) -> Result<Vec<(Arc<str>, Expression)>, Rejected> {
    collect(spec.iter().map(|(name, source)| {
        let value = place.expression(&format!("{at}.{name}"), source)?;
        Ok((name.as_str().into(), value))
    }))
}

fn names(
    list: &[String],
    at: &str,
    place: &mut Place<'_, '_>,
) -> Result<Vec<HeaderName>, Rejected> {
    collect(list.iter().enumerate().map(|(index, name)| {
        let name = editable(name, &format!("{at}[{index}]"), place)?;
        Ok(name.name().clone())
    }))
}

/// A header that is not the connection's, nor what frames the message.
fn editable(name: &str, at: &str, place: &mut Place<'_, '_>) -> Result<FieldName, Rejected> {
    match FieldName::parse(name) {
        Ok(name) if is_editable(name.name()) => Ok(name),
        Ok(_) => {
            let why = format!("`{name}` is set by the gateway itself");
            Err(place.refuse(at, &why, "remove it"))
        }
        Err(error) => Err(place.refuse(at, &error.to_string(), "write a valid header name")),
    }
}

fn remembered(spec: &AuthCache, place: &mut Place<'_, '_>) -> Result<Remembered, Rejected> {
    if spec.key.is_empty() {
        let remedy = "write the expressions on which the server's answer depends";
        return Err(place.refuse("key", "there is none", remedy));
    }
    let key = spec.key.iter().enumerate();
    let key = collect(key.map(|(index, e)| place.expression(&format!("key[{index}]"), e)));
    let lifetime = match spec.ttl.parse::<agw_api::Duration>() {
        Ok(fixed) if fixed.get() <= LONGEST => Ok(Lifetime::Fixed(fixed.get())),
        Ok(_) => {
            let remedy = "write 24h or less";
            Err(place.refuse("ttl", "no answer is kept so long", remedy))
        }
        Err(_) => place.expression("ttl", &spec.ttl).map(Lifetime::Computed),
    };
    Ok(Remembered {
        key: key?,
        lifetime: lifetime?,
        most: spec.max_entries.unwrap_or(MOST).clamp(1, 1_000_000),
    })
}

/// A whole number of bytes.
fn size(amount: &Quantity, place: &mut Place<'_, '_>) -> Result<u32, Rejected> {
    let bytes = amount.bytes().and_then(|bytes| u32::try_from(bytes).ok());
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        let why = format!("`{amount}` is no size of a body");
        place.refuse(
            "forwardBody.maxSize",
            &why,
            "write a number of bytes, or as `64Ki`",
        )
    })
}
