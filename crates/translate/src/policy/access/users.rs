//! Users of basic authentication.

use agw_api::access::BasicAuthentication as Spec;
use agw_core::access::{BasicAuthentication, User};
use agw_core::id::ObjectKey;

use super::super::place::Place;
use super::basic_demand;
use crate::expression::{Rejected, collect};
use crate::finding::Code;

/// Key of a Secret that holds the lines of an `htpasswd` file.
const KEY: &str = ".htaccess";

/// What browsers are told when nothing else is said.
const REALM: &str = "Restricted";

pub(super) fn basic(
    spec: &Spec,
    place: &mut Place<'_, '_>,
) -> Result<BasicAuthentication, Rejected> {
    let users = match (&spec.users[..], &spec.secret_ref) {
        ([_, ..], None) => {
            let lines = spec.users.iter().enumerate();
            let lines = lines.map(|(index, line)| (format!("users[{index}]"), line.expose()));
            collect(lines.map(|(at, line)| user(line, &at, place)))?
        }
        ([], Some(secret)) => {
            let key = ObjectKey::new(place.subject.key.namespace.clone(), &*secret.name);
            let state = place.state;
            let Some(found) = state.secrets.get(&key) else {
                let message = format!("Secret {key} does not exist");
                let remedy = "create it beside the policy, or correct the name";
                place.say(Code::SecretNotFound, "secretRef.name", &message, remedy);
                return Err(Rejected);
            };
            let name = secret.key.as_deref().unwrap_or(KEY);
            let Some(file) = found.object.data.get(name).and_then(|d| d.to_secret()) else {
                let message = format!("Secret {key} has no text under `{name}`");
                let remedy = "store the lines of an `htpasswd` file there";
                place.say(Code::SecretKeyNotFound, "secretRef", &message, remedy);
                return Err(Rejected);
            };
            let lines = file.expose().lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            collect(lines.map(|line| user(line, "secretRef", place)))?
        }
        _ => {
            let remedy = "write exactly one of `users` and `secretRef`";
            return Err(place.refuse("", "it is not said where the users are", remedy));
        }
    };
    let realm = spec.realm.as_deref().unwrap_or(REALM);
    if realm.contains(|c: char| c == '"' || c == '\\' || c.is_control() || !c.is_ascii()) {
        let remedy = "write plain text without quotes and backslashes";
        return Err(place.refuse("realm", "this is no realm", remedy));
    }
    Ok(BasicAuthentication {
        demand: basic_demand(spec.mode),
        realm: realm.into(),
        users,
    })
}

fn user(line: &str, at: &str, place: &mut Place<'_, '_>) -> Result<User, Rejected> {
    User::parse(line).map_err(|error| {
        let remedy = "make the line with `htpasswd -nB <name>`";
        place.refuse(at, &error.to_string(), remedy)
    })
}
