//! A Kubernetes Event for everything that is wrong with an object, so that `kubectl describe`
//! shows it.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use agw_translate::finding::{Finding, ObjectRef, Severity};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use agw_api::names::{CONTROLLER_NAME, DEFAULT_NAMESPACE};

use crate::error::{Error, Retry, within};
use crate::lease::Leadership;
use crate::live::LiveObjects;
use crate::metrics::{EventWrite, Metrics};
use crate::reconcile::Publication;
use crate::resource::Resource;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Events a second, at most.
const RATE: u32 = 20;
/// Events that may wait; what is wrong beyond that is told in statuses alone.
const QUEUE: usize = 512;
/// Limits of the API server.
const NOTE: usize = 1024;
const NAME: usize = 253;

pub(crate) struct Reporter {
    client: Client,
    live: LiveObjects,
    metrics: Metrics,
    /// Name of this replica.
    instance: String,
    published: Publication,
    leadership: Leadership,
    /// What has been told, of what is wrong now.
    told: HashSet<Identity>,
    waiting: VecDeque<(Identity, Finding)>,
}

/// Tells what is wrong from everything else that is wrong: the same in every replica.
type Identity = [u8; 8];

impl Reporter {
    pub(crate) fn new(
        client: Client,
        live: LiveObjects,
        metrics: Metrics,
        instance: String,
        (published, leadership): (Publication, Leadership),
    ) -> Self {
        Self {
            client,
            live,
            metrics,
            instance,
            published,
            leadership,
            told: HashSet::new(),
            waiting: VecDeque::new(),
        }
    }

    pub(crate) async fn run(mut self, end: CancellationToken) {
        let mut rate = interval(Duration::from_secs(1) / RATE);
        rate.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                Ok(()) = self.published.changed() => self.gather(),
                () = self.leadership.changed() => self.gather(),
                _ = rate.tick(), if !self.waiting.is_empty() => self.tell_one().await,
            }
        }
    }

    /// Collects what has not been told.
    fn gather(&mut self) {
        if !self.leadership.is_held() {
            self.waiting.clear();
            return;
        }
        let published = self.published.borrow_and_update().clone();
        let Some(published) = published else {
            return;
        };
        let findings = published.translation.findings.iter();
        let wrong = findings.filter(|finding| finding.severity == Severity::Error);
        let now: Vec<_> = wrong
            .filter_map(|f| Some((identity(f, &self.live)?, f)))
            .collect();
        let identities: HashSet<_> = now.iter().map(|(identity, _)| *identity).collect();
        self.told.retain(|told| identities.contains(told));
        self.waiting
            .retain(|(identity, _)| identities.contains(identity));
        let mut known: HashSet<_> = self.waiting.iter().map(|(identity, _)| *identity).collect();
        for (identity, finding) in now {
            if self.told.contains(&identity) || !known.insert(identity) {
                continue;
            }
            if self.waiting.len() >= QUEUE {
                self.metrics.event(EventWrite::Dropped);
                continue;
            }
            self.waiting.push_back((identity, finding.clone()));
        }
    }

    async fn tell_one(&mut self) {
        let Some((identity, finding)) = self.waiting.pop_front() else {
            return;
        };
        let Some(object) = &finding.object else {
            return;
        };
        if !self.leadership.is_held() {
            return;
        }
        self.told.insert(identity);
        match self.tell(identity, &finding, object).await {
            Ok(()) => self.metrics.event(EventWrite::Written),
            // Told before, by this or another replica; or its namespace ends.
            Err(error) if matches!(error.retry(), Retry::Conflict | Retry::Gone) => {}
            Err(error) => {
                tracing::debug!(%object, %error, "an Event is not written");
                self.metrics.event(EventWrite::Failed);
            }
        }
    }

    async fn tell(
        &self,
        identity: Identity,
        finding: &Finding,
        object: &ObjectRef,
    ) -> Result<(), Error> {
        let namespace = object.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let suffix: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();
        let stem = cut(&object.name, NAME - suffix.len() - 1);
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{suffix}", stem.trim_end_matches(['.', '-']))),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            action: Some("Translate".to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(cut(&note(finding), NOTE).to_owned()),
            reason: Some(format!("{:?}", finding.code)),
            regarding: Some(self.regarding(object)),
            reporting_controller: Some(CONTROLLER_NAME.to_owned()),
            reporting_instance: Some(cut(&self.instance, 128).to_owned()),
            type_: Some("Warning".to_owned()),
            ..Event::default()
        };
        let parameters = PostParams::default();
        let create = api.create(&parameters, &event);
        within("the Event cannot be written", ANSWER_WITHIN, create)
            .await
            .map(drop)
    }

    fn regarding(&self, object: &ObjectRef) -> ObjectReference {
        let resource = Resource::named(&object.kind);
        let live = self.live.get(object);
        ObjectReference {
            api_version: resource.map(|resource| resource.api_resource(0).api_version),
            kind: Some(object.kind.clone()),
            name: Some(object.name.clone()),
            namespace: object.namespace.clone(),
            resource_version: live.as_ref().map(|live| live.resource_version.clone()),
            uid: live.map(|live| live.uid),
            ..ObjectReference::default()
        }
    }
}

/// `spec.rules[0].filters[1]: what is wrong; what to do (AGW0403)`.
fn note(finding: &Finding) -> String {
    let field = finding.field.as_ref().filter(|field| !field.is_empty());
    let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
    let remedy = match finding.remedy.as_str() {
        "" => String::new(),
        remedy => format!("; {remedy}"),
    };
    format!("{field}{}{remedy} ({})", finding.message, finding.code)
}

fn identity(finding: &Finding, live: &LiveObjects) -> Option<Identity> {
    let object = finding.object.as_ref()?;
    let uid = live.get(object).map(|live| live.uid).unwrap_or_default();
    let field = finding.field.as_deref().unwrap_or_default();
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let mut digest = Sha256::new();
    let code = finding.code.as_str();
    for part in [
        &object.kind,
        namespace,
        &object.name,
        &uid,
        code,
        field,
        &finding.message,
    ] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().first_chunk().copied()
}

/// At most that many bytes, in whole characters.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use agw_translate::finding::Code;

    use super::*;

    #[test]
    fn a_note_names_field_remedy_and_code() {
        let mut finding = Finding {
            code: Code::InvalidFilter,
            severity: Severity::Error,
            message: "no".to_owned(),
            remedy: "do".to_owned(),
            object: None,
            field: Some("spec.rules[0]".to_owned()),
            file: None,
            line: None,
            column: None,
        };
        assert_eq!(note(&finding), "spec.rules[0]: no; do (AGW0403)");
        (finding.field, finding.remedy) = (None, String::new());
        assert_eq!(note(&finding), "no (AGW0403)");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 9), "aé");
    }
}
