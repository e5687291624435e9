//! Direct responses, CORS, CSRF, delays and fixed headers.

use std::sync::Arc;

use agw_api::traffic::{Cors as CorsSpec, HeaderModifiers as HeadersSpec};
use agw_api::traffic::{
    Csrf as CsrfSpec, Delay as DelaySpec, DirectResponse as Spec, FixedResponse,
};
use agw_core::answer::{
    AnswerBody, Csrf, Delay, DirectResponse, FixedAnswer, HeaderModifiers, LONGEST_DELAY,
};
use agw_core::condition::{Case, Cases};
use agw_core::filter::{Cors, HeaderEdits, OriginPattern};
use agw_core::header::FieldName;
use http::StatusCode;

use super::place::Place;
use super::rate_limit::condition;
use crate::expression::{Rejected, collect};
use crate::{cors, header_edits};

pub(super) fn direct_response(
    spec: &Spec,
    place: &mut Place<'_, '_>,
) -> Result<DirectResponse, Rejected> {
    let bare = spec.body.is_none() && spec.body_expression.is_none() && spec.headers.is_empty();
    match (spec.status, &spec.conditional[..]) {
        (Some(status), []) => {
            let plain = FixedResponse {
                status,
                body: spec.body.clone(),
                body_expression: spec.body_expression.clone(),
                headers: spec.headers.clone(),
            };
            answer(&plain, place).map(Cases::always)
        }
        (None, entries @ [_, ..]) if bare => {
            let last = entries.len() - 1;
            let cases = entries.iter().enumerate().map(|(index, entry)| {
                let at = format!("conditional[{index}]");
                let when = condition(entry.condition.as_deref(), index == last, &at, place);
                let then = answer(&entry.policy, &mut place.inside(&format!("{at}.policy")));
                Ok(Case {
                    when: when?,
                    then: then?,
                })
            });
            Ok(Cases::new(collect(cases)?))
        }
        _ => {
            let remedy = "write `status` and what belongs to it, or answers in `conditional` alone";
            Err(place.refuse("", "it is not said what the answer is", remedy))
        }
    }
}

fn answer(spec: &FixedResponse, place: &mut Place<'_, '_>) -> Result<Arc<FixedAnswer>, Rejected> {
    let status = StatusCode::from_u16(spec.status).ok();
    let status = status.filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or_else(|| {
        let message = format!("{} is no status of an answer", spec.status);
        place.refuse("status", &message, "write 200 to 599")
    });
    let headers = collect(spec.headers.iter().enumerate().map(|(index, header)| {
        let at = format!("headers[{index}]");
        let name = FieldName::parse(&header.name).map_err(|error| {
            let at = format!("{at}.name");
            place.refuse(&at, &error.to_string(), "write a valid header name")
        });
        let value = place.expression(&format!("{at}.value"), &header.value);
        Ok((name?, value?))
    }));
    let body = match (&spec.body, &spec.body_expression) {
        (None, None) => Ok(AnswerBody::Empty),
        (Some(text), None) => Ok(AnswerBody::Text((**text).into())),
        (None, Some(source)) => place
            .expression("bodyExpression", source)
            .map(AnswerBody::Computed),
        (Some(_), Some(_)) => {
            let message = "`body` and `bodyExpression` exclude each other";
            Err(place.refuse("bodyExpression", message, "keep one of them"))
        }
    };
    Ok(Arc::new(FixedAnswer {
        status: status?,
        headers: headers?,
        body: body?,
    }))
}

pub(super) fn cors(spec: &CorsSpec, place: &mut Place<'_, '_>) -> Result<Cors, Rejected> {
    cors::cors(spec, &mut |at, message, remedy| {
        place.refuse(at, message, remedy)
    })
}

pub(super) fn headers(
    spec: &HeadersSpec,
    place: &mut Place<'_, '_>,
) -> Result<HeaderModifiers, Rejected> {
    let mut edits = |spec: Option<_>, name: &str| match spec {
        Some(spec) => {
            let mut place = place.inside(name);
            header_edits::edits(spec, &mut |at, message, remedy| {
                place.refuse(at, message, remedy)
            })
        }
        None => Ok(HeaderEdits::default()),
    };
    let request = edits(spec.request.as_ref(), "request");
    let response = edits(spec.response.as_ref(), "response");
    Ok(HeaderModifiers {
        request: request?,
        response: response?,
    })
}

/// A host stands for its `https` and `http` origins.
pub(super) fn csrf(spec: &CsrfSpec, place: &mut Place<'_, '_>) -> Result<Csrf, Rejected> {
    let origins = spec
        .additional_origins
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let written = match text.contains("://") || text == "*" {
                true => vec![text.clone()],
                false => vec![format!("https://{text}"), format!("http://{text}")],
            };
            let parsed = written.iter().map(|origin| OriginPattern::parse(origin));
            parsed.collect::<Result<Vec<_>, _>>().map_err(|error| {
                let at = format!("additionalOrigins[{index}]");
                let remedy = "write an origin such as `https://app.example.com`, or a host";
                place.refuse(&at, &error.to_string(), remedy)
            })
        });
    Ok(Csrf {
        origins: collect(origins)?.into_iter().flatten().collect(),
    })
}

pub(super) fn delay(spec: &DelaySpec, place: &mut Place<'_, '_>) -> Result<Delay, Rejected> {
    match spec.duration.parse::<agw_api::Duration>() {
        Ok(duration) if duration.get() <= LONGEST_DELAY => Ok(Delay::Fixed(duration.get())),
        Ok(_) => {
            let message = format!("it is longer than {} s", LONGEST_DELAY.as_secs());
            Err(place.refuse("duration", &message, "write a shorter one"))
        }
        Err(_) => place
            .expression("duration", &spec.duration)
            .map(Delay::Computed),
    }
}
