//! Every field of our definitions does something, or its object is refused because of it.
//!
//! The objects of the golden cases, of `tests/crds/valid`, of the examples and of
//! `testdata/coverage` are changed one field at a time: a field is taken away, or has another value.
//! One of which no change makes any difference, in no object, is silent, and none may be.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-translate` writes `coverage.expected` anew, which says of each
//! kind how many fields there are and names those that are refused.

mod change;
mod corpus;
mod fields;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use agw_translate::finding::Severity;
use agw_translate::manifest::{Loaded, Object};
use agw_translate::{ClusterState, Settings, Translation, translate};

use change::{object, value};
use corpus::Unit;
use fields::{Occurrence, occurrences};

/// What is known of a field; the greater is the better known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// No change of it made any difference.
    Silent,
    /// The object is refused because of it.
    Refused,
    /// With another value the object is not valid.
    Needed,
    /// Both values are good, and something else is served.
    Served,
}

fn translated(unit: &Unit, objects: &[Object]) -> Translation {
    let loaded = Loaded {
        objects: objects.to_vec(),
        ..Loaded::default()
    };
    let settings = Settings {
        mode: unit.mode,
        ..Settings::default()
    };
    translate(&ClusterState::from_loaded(loaded), &settings)
}

fn has_error(translation: &Translation, object: &Object) -> bool {
    let reference = object.reference();
    let errors = translation.findings.iter();
    let mut errors = errors.filter(|finding| finding.severity == Severity::Error);
    errors.any(|finding| finding.object.as_ref() == Some(&reference))
}

/// Whether an error names the field, or something inside it.
fn is_refused(translation: &Translation, object: &Object, field: &str) -> bool {
    let reference = object.reference();
    let errors = translation.findings.iter();
    let mut errors = errors.filter(|finding| finding.severity == Severity::Error);
    errors.any(|finding| {
        let named = finding.field.as_deref().unwrap_or_default();
        finding.object.as_ref() == Some(&reference) && named.starts_with(field)
    })
}

/// The effect of one field where it stands.
fn effect(unit: &Unit, base: &Translation, at: usize, occurrence: &Occurrence) -> Effect {
    let before = &unit.objects[at];
    let refused = is_refused(base, before, &occurrence.written);
    let mut best = match refused {
        true => Effect::Refused,
        false => Effect::Silent,
    };
    let changes = occurrence.changes();
    let alone = changes.len() == 1;
    for changed in changes {
        let is_gone = changed.is_none();
        let mut whole = value(before);
        occurrence.put(&mut whole, changed);
        let Some(after) = object(before, whole) else {
            // That an object has to have a field says nothing of what the field does.
            if alone || !is_gone {
                best = best.max(Effect::Needed);
            }
            continue;
        };
        let mut objects = unit.objects.clone();
        objects[at] = after;
        let other = translated(unit, &objects);
        if other.gateways == base.gateways && other.infra == base.infra {
            continue;
        }
        best = best.max(match refused {
            true => Effect::Refused,
            false if has_error(base, before) || has_error(&other, &objects[at]) => Effect::Needed,
            false => Effect::Served,
        });
        if best == Effect::Served {
            break;
        }
    }
    best
}

#[test]
fn no_field_is_silent() {
    let mut known: BTreeMap<(&str, String), Effect> = BTreeMap::new();
    for (kind, fields) in fields::all() {
        known.extend(
            fields
                .into_iter()
                .map(|field| ((kind, field), Effect::Silent)),
        );
    }
    for unit in corpus::units() {
        let mut base = None;
        for (at, object) in unit.objects.iter().enumerate() {
            let Some(schema) = fields::schema(object) else {
                continue;
            };
            let kind = object.kind().name();
            for occurrence in occurrences(schema, &value(object)) {
                let key = (kind, occurrence.field.clone());
                let Some(effect_so_far) = known.get_mut(&key) else {
                    panic!("{} is no field of {kind}", occurrence.field);
                };
                if *effect_so_far >= Effect::Needed {
                    continue;
                }
                let base = base.get_or_insert_with(|| translated(&unit, &unit.objects));
                let effect = effect(&unit, base, at, &occurrence);
                *effect_so_far = effect.max(*effect_so_far);
            }
        }
    }
    let told = told(&known);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/coverage.expected");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &told).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(told, expected);
    let silent: Vec<_> = known
        .iter()
        .filter(|(_, e)| **e == Effect::Silent)
        .collect();
    assert!(
        silent.is_empty(),
        "{} fields are silent: {silent:#?}",
        silent.len()
    );
}

fn told(known: &BTreeMap<(&'static str, String), Effect>) -> String {
    let mut told = String::new();
    let mut kinds: Vec<_> = known.keys().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    for kind in kinds {
        let of_kind = known.iter().filter(|((k, _), _)| *k == kind);
        let fields: Vec<_> = of_kind
            .map(|((_, field), effect)| (field, *effect))
            .collect();
        let count = |some: &dyn Fn(Effect) -> bool| fields.iter().filter(|(_, e)| some(*e)).count();
        let served = count(&|effect| effect >= Effect::Needed);
        let (refused, silent) = (
            count(&|effect| effect == Effect::Refused),
            count(&|effect| effect == Effect::Silent),
        );
        writeln!(
            told,
            "{kind}: {served} implemented, {refused} refused with a condition, {silent} silent"
        )
        .unwrap();
        for (field, effect) in fields {
            match effect {
                Effect::Refused => writeln!(told, "  refused {field}").unwrap(),
                Effect::Silent => writeln!(told, "  SILENT {field}").unwrap(),
                Effect::Needed | Effect::Served => {}
            }
        }
    }
    told
}
