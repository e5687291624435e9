//! Who may pass.

use agw_core::access::{Access, Demand, Location, Shown};
use agw_core::policy::Phase;
use agw_core::secret::Secret;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::Then;
use super::walk::{Identity, Walk};
use crate::access::hashed;

impl Walk<'_> {
    pub(super) fn admit(&mut self, phase: Phase, access: &Access) {
        if let Some(jwt) = &access.jwt {
            let issuers: Vec<_> = jwt.issuers.iter().map(|issuer| &*issuer.name).collect();
            let issuers = issuers.join(" or ");
            let claimed = self.request.claims.is_some();
            let (does, then) = match self.shown(&jwt.location, jwt.demand, "token") {
                _ if claimed => {
                    let does = format!("takes the claims as given, as if from {issuers}");
                    (does, Then::Continues)
                }
                Ok(_) => {
                    self.identity = Identity::Unchecked;
                    (
                        format!("checks the token: it has to be of {issuers}"),
                        Then::Depends,
                    )
                }
                Err(known) => known,
            };
            self.field(phase, "jwtAuthentication", does, then);
        }
        if let Some(basic) = &access.basic {
            let location = Location::Header {
                name: AUTHORIZATION,
                prefix: Some("Basic ".into()),
            };
            let (does, then) = match self.shown(&location, basic.demand, "name and password") {
                Ok(_) => {
                    self.identity = Identity::Unchecked;
                    ("checks the name and password".to_owned(), Then::Depends)
                }
                Err(known) => known,
            };
            self.field(phase, "basicAuthentication", does, then);
        }
        if let Some(keys) = &access.api_key {
            let (does, then) = match self.shown(&keys.location, keys.demand, "API key") {
                Ok(key) => match keys.keys.0.get(&hashed(key.expose())) {
                    Some(known) => {
                        self.api_key = Some(Value::Object((**known).clone()));
                        ("knows the API key".to_owned(), Then::Continues)
                    }
                    None => refused(
                        "does not know the API key",
                        keys.demand == Demand::Permissive,
                    ),
                },
                Err(known) => known,
            };
            self.field(phase, "apiKeyAuthentication", does, then);
        }
        if let Some(external) = &access.external {
            let chosen = external.choose(&self.input()).cloned();
            let (does, then) = match chosen {
                Some(authorizer) => {
                    self.identity = Identity::Unchecked;
                    let server = &authorizer.server.authority;
                    (format!("asks {server} whether it may pass"), Then::Depends)
                }
                None => (
                    "asks nobody: no condition holds".to_owned(),
                    Then::Continues,
                ),
            };
            self.field(phase, "extAuth", does, then);
        }
        if !access.authorization.is_empty() {
            let (does, then) = match (access.allows(&self.input()), self.identity) {
                (_, Identity::Unchecked) => (
                    "decides when it is known who is asking".to_owned(),
                    Then::Depends,
                ),
                (true, Identity::Known) => ("lets the request pass".to_owned(), Then::Continues),
                (false, Identity::Known) => (
                    "does not let the request pass".to_owned(),
                    Then::Answers(403),
                ),
            };
            self.field(phase, "authorization", does, then);
        }
    }

    /// The credential in its place, or what follows from there being none that counts.
    fn shown(
        &self,
        location: &Location,
        demand: Demand,
        what: &str,
    ) -> Result<Secret, (String, Then)> {
        match location.find(&self.input()) {
            Shown::Credential(credential) => Ok(credential),
            Shown::Nothing => Err(refused(
                &format!("finds no {what}"),
                demand != Demand::Strict,
            )),
            Shown::Ambiguous => {
                let does = format!("finds more than one {what}");
                Err(refused(&does, demand == Demand::Permissive))
            }
        }
    }
}

fn refused(does: &str, waived: bool) -> (String, Then) {
    match waived {
        true => (
            format!("{does}, and asks for none that is good"),
            Then::Continues,
        ),
        false => (does.to_owned(), Then::Answers(401)),
    }
}
