//! `agw explain`: what would become of a request, and why.

mod text;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use agw_core::config::GatewayConfig;
use agw_core::id::ObjectKey;
use agw_core::policy::{Field, Phase};
use agw_core::secret::Secret;
use agw_core::snapshot::Snapshot;
use agw_proxy::explain::{By, Described, Explanation, explain};
use agw_translate::{Origin, Settings, Shapes, Target, key_variables};
use anyhow::Context as _;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use crate::command::{self, Data};
use crate::compile::Compiled;
use crate::sources::Sources;

/// Prints what would become of the request. Ends well whatever that is.
pub(crate) fn run(arguments: &command::Explain) -> anyhow::Result<ExitCode> {
    let files = Sources::open(&arguments.files.filename)?.read()?;
    let compiled = Compiled::from(files, &settings());
    let errors = compiled.errors().count();
    if errors > 0 {
        let what = match errors {
            1 => "an error".to_owned(),
            many => format!("{many} errors"),
        };
        let _ = writeln!(
            std::io::stderr(),
            "note: there is {what} in these files; `agw analyze` tells"
        );
    }
    let request = described(arguments)?;
    let told = told(&compiled, arguments.gateway.as_deref(), &request)?;
    let text = match arguments.output {
        command::Output::Json => format!("{:#}\n", told.json()),
        command::Output::Text => text::text(&told, &request, arguments.all),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is told of a request at one Gateway.
struct Told<'a> {
    gateway: &'a ObjectKey,
    explanation: Explanation,
    origins: &'a [Origin],
}

/// Explanations do not depend on whose keys are there.
fn settings() -> Settings {
    let keys = key_variables().map(|(whose, _)| (whose, Secret::new("placeholder")));
    Settings {
        credentials: keys.collect(),
        ..Settings::default()
    }
}

fn described(arguments: &command::Explain) -> anyhow::Result<Described> {
    let body = match &arguments.data {
        None => Vec::new(),
        Some(Data::Text(text)) => text.clone().into_bytes(),
        Some(Data::File(file)) => {
            let read = std::fs::read(file);
            read.with_context(|| format!("cannot read {}", file.display()))?
        }
    };
    let mut headers: HeaderMap = arguments.headers.iter().cloned().collect();
    let host = headers.remove(header::HOST);
    let host = host.and_then(|host| host.to_str().ok().map(str::to_owned));
    let default = match body.is_empty() {
        true => Method::GET,
        false => Method::POST,
    };
    let (path, query) = match arguments.path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (arguments.path.as_str(), None),
    };
    Ok(Described {
        port: arguments.port,
        scheme: arguments.scheme.into(),
        method: arguments.method.clone().unwrap_or(default),
        authority: host.unwrap_or_else(|| "localhost".to_owned()),
        path: path.to_owned(),
        query,
        headers,
        body: body.into(),
        source: SocketAddr::new(arguments.source, 0),
        claims: arguments.claims.clone(),
        now: SystemTime::now(),
    })
}

/// Of the Gateway that is named, or of the first that has a rule for the request.
fn told<'a>(
    compiled: &'a Compiled,
    named: Option<&str>,
    request: &Described,
) -> anyhow::Result<Told<'a>> {
    let all = compiled.gateways.iter();
    let mut some = all.filter(|g| named.is_none_or(|named| g.gateway.to_string() == named));
    let tell = |config: &'a Arc<GatewayConfig>| Told {
        gateway: &config.gateway,
        explanation: explain(&Snapshot::build(1, config.clone()), request.clone()),
        origins: &compiled.origins,
    };
    let first = some.next().map(tell);
    let first = first.with_context(|| match named {
        Some(named) => format!("there is no Gateway {named} in these files"),
        None => "there is no Gateway of ours in these files".to_owned(),
    })?;
    if first.explanation.winner.is_some() {
        return Ok(first);
    }
    let other = some
        .map(tell)
        .find(|told| told.explanation.winner.is_some());
    Ok(other.unwrap_or(first))
}

impl Told<'_> {
    /// Who says what a step does, the nearest target first.
    fn says(&self, by: By) -> Vec<String> {
        let targets = self.targets();
        match by {
            By::Gateway => Vec::new(),
            By::Rule => self.rule().into_iter().collect(),
            By::Policy(field) => {
                let says = |origin: &&Origin| origin.fields.contains(&field);
                let found = self.origins_on(&targets, says);
                let nearest = found.first().map(|origin| &origin.target);
                let counted: Vec<_> = match (field.adds_up(), nearest) {
                    (true, _) => found,
                    // The older of two on one target counts, and stands first.
                    (false, _) => found.into_iter().take(1).collect(),
                };
                self.named(&counted, field)
            }
            By::Shaping => {
                let found = self.origins_on(&targets, |o| o.shapes == Shapes::Something);
                found.into_iter().map(name).collect()
            }
        }
    }

    /// What no policy says the route does itself: a model has policies of its own.
    fn named(&self, origins: &[&Origin], field: Field) -> Vec<String> {
        match (origins, field.phase) {
            ([], Phase::PostRouting) => self.rule().into_iter().collect(),
            _ => origins.iter().copied().map(name).collect(),
        }
    }

    fn rule(&self) -> Option<String> {
        let winner = self.explanation.winner.as_ref()?;
        Some(format!("{} {}", winner.kind, winner.route))
    }

    fn origins_on<'o>(
        &'o self,
        targets: &[Target],
        says: impl Fn(&&Origin) -> bool,
    ) -> Vec<&'o Origin> {
        let all = targets.iter().flat_map(|target| {
            let target = target.clone();
            self.origins.iter().filter(move |o| o.target == target)
        });
        all.filter(says).collect()
    }

    /// What the request is under, the narrowest first.
    fn targets(&self) -> Vec<Target> {
        let explanation = &self.explanation;
        let winner = explanation.winner.as_ref();
        let rule = winner.and_then(|winner| {
            let name = winner.rule_name.clone()?;
            Some(Target::Rule(winner.kind, winner.route.clone(), name))
        });
        let route = winner.map(|winner| Target::Route(winner.kind, winner.route.clone()));
        let listener = explanation.listener.clone();
        let listener = listener.map(|name| Target::Listener(self.gateway.clone(), name));
        let gateway = Target::Gateway(self.gateway.clone());
        let narrow = rule.into_iter().chain(route).chain(listener);
        narrow.chain([gateway]).collect()
    }

    fn json(&self) -> Value {
        let mut value = json!(self.explanation);
        value["gateway"] = json!(self.gateway);
        let steps = value["steps"].as_array_mut().into_iter().flatten();
        for (step, told) in steps.zip(&self.explanation.steps) {
            step["from"] = json!(self.says(told.by));
        }
        value
    }
}

fn name(origin: &Origin) -> String {
    format!("{} {} on {}", origin.kind, origin.policy, origin.target)
}
