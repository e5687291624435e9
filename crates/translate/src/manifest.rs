//! Reading manifests: texts to typed objects, each with the place where it is written.

mod cluster;
mod compose;
mod decode;
mod document;
mod kind;
mod listener_set;
mod near;
mod object;
mod origin;
mod path;
mod read;
mod route;
mod scalar;
mod schema;
mod secret;

use std::collections::HashMap;
use std::sync::Arc;

use crate::finding::{Code, Finding, ObjectRef, Severity};

pub use cluster::Unreadable;
pub use kind::{Kind, Scope};
pub use listener_set::ListenerSetObject;
pub use object::Object;
pub use origin::{Origin, Sourced};
pub use route::RouteObject;
pub use secret::{SecretBytes, SecretObject};

/// A file to load: YAML of any number of documents, or JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// What findings call the file.
    pub path: String,
    /// Its lines end in `\n`, so that everybody counts them alike.
    pub text: String,
}

impl ManifestFile {
    /// A file as it was read. YAML 1.2.2 §5.4 counts a lone carriage return as a line break too:
    /// every kind of line break becomes `\n` here.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.contains('\r') {
            text = text.replace("\r\n", "\n").replace('\r', "\n");
        }
        Self {
            path: path.into(),
            text,
        }
    }
}

/// What the files hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// Objects in the order they are written. An object with an unknown field is here too, without
    /// the field; an object that is otherwise wrong is not.
    pub objects: Vec<Object>,
    /// Objects that are written but cannot be used: references to them are not dangling.
    pub broken: Vec<ObjectRef>,
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// Whether something is wrong. The objects are still usable, but not what was written.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// Loads files. Documents are independent: one that fails takes no other with it. Of two objects
/// with the same kind, namespace and name the later one is kept, as repeated applies would.
pub fn load(files: &[ManifestFile]) -> Loaded {
    let mut loaded = Loaded::default();
    for file in files {
        let path: Arc<str> = file.path.as_str().into();
        for document in document::documents(&file.text) {
            read::document(&path, document, &mut loaded);
        }
    }
    drop_duplicates(&mut loaded);
    loaded
}

fn drop_duplicates(loaded: &mut Loaded) {
    let mut last: HashMap<ObjectRef, usize> = HashMap::new();
    for (index, object) in loaded.objects.iter().enumerate() {
        last.insert(object.reference(), index);
    }
    let mut index = 0;
    let Loaded {
        objects, findings, ..
    } = loaded;
    objects.retain(|object| {
        let reference = object.reference();
        let is_last = last[&reference] == index;
        index += 1;
        if !is_last {
            let message = format!("{reference} is defined again later; this definition is ignored");
            let finding = Finding::new(Code::DuplicateObject, message)
                .with_remedy("keep one of the definitions")
                .about(reference);
            findings.push(finding.at(object.origin(), ""));
        }
        is_last
    });
}

#[cfg(test)]
mod tests;
