//! What models cost, by the ConfigMaps that parameters name.

use std::sync::Arc;

use agw_ai::price::{Catalog, may_be};
use agw_api::AgentgatewayParametersSpec;
use agw_api::external::ConfigMap;
use agw_api::parameters::CatalogConfigMap;
use agw_core::id::ObjectKey;
use agw_core::price::Prices;

use crate::finding::Code;
use crate::manifest::Sourced;
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// So many rows of one catalog are named; the rest only counts.
const NAMED: usize = 16;

/// The prices of all sources together, the last one's before the others'. What cannot be used is
/// reported and left out: a price is no reason to refuse parameters.
pub(super) fn prices(
    state: &ClusterState,
    spec: &AgentgatewayParametersSpec,
    subject: Subject<'_>,
    report: &mut Report,
) -> Arc<Prices> {
    let mut all = Prices::new();
    let sources = spec.model_catalog.iter().flat_map(|c| &c.sources);
    for (index, source) in sources.enumerate() {
        let field = format!("spec.modelCatalog.sources[{index}].configMap");
        let named = &source.config_map;
        let key = ObjectKey::new(&*subject.key.namespace, &*named.name);
        let Some(found) = state.config_maps.get(&key) else {
            let message = format!("ConfigMap {key} does not exist: its prices are not known");
            let remedy = "apply it in the namespace of the parameters";
            report.add(subject, Code::ModelCatalog, &field, message, remedy);
            continue;
        };
        let texts = texts(found, named);
        if texts.is_empty() {
            let which = named.key.as_deref().map(|key| format!(" `{key}`"));
            let which = which.unwrap_or_default();
            let message = format!("ConfigMap {key} has no key{which} with a catalog");
            let remedy = r#"write a JSON object such as {"models": {"my-model": {"input": 0.5, "output": 1.5}}} there"#;
            report.add(subject, Code::ModelCatalog, &field, message, remedy);
        }
        let origin = &found.origin;
        let kind = "ConfigMap";
        let key = &key;
        let map = Subject { kind, key, origin };
        for (entry, text) in texts {
            let field = format!("data[{entry:?}]");
            all.extend(read(text, map, &field, report));
        }
    }
    Arc::new(all)
}

/// The catalogs of a ConfigMap, by their keys.
fn texts<'m>(map: &'m Sourced<ConfigMap>, named: &CatalogConfigMap) -> Vec<(&'m str, &'m str)> {
    let data = map.object.data.iter().flatten();
    let data = data.map(|(key, text)| (key.as_str(), text.as_str()));
    match named.key.as_deref() {
        Some(wanted) => data.filter(|(key, _)| *key == wanted).collect(),
        None => data.filter(|(_, text)| may_be(text)).collect(),
    }
}

fn read(text: &str, map: Subject<'_>, field: &str, report: &mut Report) -> Prices {
    const LEFT_OUT: &str =
        "correct the row; until then the model has the price that it has without it";
    let catalog = match Catalog::parse(text) {
        Ok(catalog) => catalog,
        Err(error) => {
            // Errors of JSON are worded for requests.
            let message = error.to_string().replace("the request body", "the catalog");
            let remedy = "correct the catalog; until then none of its prices counts";
            report.add(map, Code::ModelCatalog, field, message, remedy);
            return Prices::new();
        }
    };
    for row in catalog.bad.iter().take(NAMED) {
        let name: String = row.model.chars().take(64).collect();
        let message = format!("the price of `{name}` is left out: {}", row.why);
        report.add(map, Code::ModelCatalog, field, message, LEFT_OUT);
    }
    if let Some(more @ 1..) = catalog.bad.len().checked_sub(NAMED) {
        let message = format!("prices of {more} more models are left out");
        report.add(map, Code::ModelCatalog, field, message, LEFT_OUT);
    }
    catalog.prices
}
