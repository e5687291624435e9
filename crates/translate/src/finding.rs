//! What is wrong, odd or better said otherwise in a configuration.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::manifest::Origin;

/// One remark on a configuration. Serialises to what `analyze -o json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// What is wrong, in one sentence. Never holds a credential.
    pub message: String,
    /// What to do about it; empty when the message says it all.
    pub remedy: String,
    pub object: Option<ObjectRef>,
    /// Path of the field within the object: `spec.rules[0].matches[1].path`.
    pub field: Option<String>,
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration does not do what it says; `analyze` exits with 1.
    Error,
    /// It works, but probably not as meant.
    Warning,
    /// It works; there is a better or more portable way to write it.
    Hint,
}

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectRef {
    pub kind: String,
    /// `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    pub name: String,
}

/// Defines [`Code`] from one table, so that number, severity and title stand side by side.
macro_rules! codes {
    ($($variant:ident $code:literal $severity:ident $title:literal $advice:literal;)*) => {
        /// Stable identity of a kind of finding. Codes are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`: ", $title, ".")] $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// `AGW0101` and so on.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// One line that says what the code is about.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What to do about it in general; a finding's own remedy knows more.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            /// How bad findings of this code are unless they say otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

// 01xx manifests, 02xx references, 03xx expressions, 04xx routes, 05xx dialect, 06xx backends and
// policies.
codes! {
    Syntax "AGW0101" Error "not valid YAML or JSON"
        "Check indentation (spaces, no tabs), quotes and brackets at and before the place. Other documents of the file are still read.";
    DuplicateKey "AGW0102" Error "a key stands twice in the same object"
        "Remove one of the two keys: which of them counts would depend on the reader.";
    NotAnObject "AGW0103" Error "not a Kubernetes object"
        "A document needs `apiVersion`, `kind` and `metadata.name`.";
    UnknownKind "AGW0104" Error "unknown kind"
        "Correct `apiVersion` or `kind`; the message names the nearest known one.";
    UnknownField "AGW0105" Error "unknown field"
        "Correct the spelling, or remove the field: nothing reads it.";
    WrongType "AGW0106" Error "wrong type of value"
        "Write the type that the message names; quote numbers that are meant as text.";
    MissingField "AGW0107" Error "a required field is missing"
        "Add the field.";
    InvalidValue "AGW0108" Error "a value is not allowed"
        "Write one of the values that the message names.";
    TooLarge "AGW0109" Error "a document is too large or too deep"
        "Split the document, or write out fewer aliases.";
    KindNotServed "AGW0110" Warning "a Gateway API kind that is not served"
        "Nothing acts on the object; remove it, or serve it with another implementation.";
    KindIgnored "AGW0111" Hint "a kind that does not concern the gateway"
        "Nothing to do: such objects may stand beside the gateway's.";
    DuplicateObject "AGW0112" Warning "an object is defined twice"
        "Remove one of the two; the later one counts.";
    AmbiguousScalar "AGW0113" Warning "kubectl reads a plain word as a boolean"
        "Put quotes around the word.";

    ParentNotFound "AGW0201" Error "a route's parent does not exist"
        "Create the Gateway, or correct `parentRefs`.";
    BackendNotFound "AGW0202" Error "a backend does not exist"
        "Create the backend, or correct the reference. Until then its share of the requests gets 500.";
    SecretNotFound "AGW0203" Error "a Secret does not exist"
        "Create the Secret in the namespace of the object that names it, or correct the name.";
    SecretKeyNotFound "AGW0204" Error "a Secret has no such key"
        "Store the credential under the key that the message names.";
    TargetNotFound "AGW0205" Error "a policy's target does not exist"
        "Create the target, or correct `targetRefs`; the policy acts on nothing.";
    RefNotPermitted "AGW0206" Error "a reference to another namespace has no ReferenceGrant"
        "Create a ReferenceGrant in the namespace that is referred to.";
    GatewayClassNotFound "AGW0207" Warning "a Gateway of a class that is not ours"
        "Use `agentgateway` or `enterprise-agentgateway`, or leave the Gateway to its own controller.";
    NotAllowedByListeners "AGW0208" Error "no listener allows the route"
        "Widen `allowedRoutes` of the listener, or move the route.";
    NoMatchingHostname "AGW0209" Error "no listener has a hostname of the route"
        "Give the route a hostname that a listener serves, or the listener one of the route's.";
    UnsupportedRefKind "AGW0210" Error "a reference to a kind that cannot be used here"
        "Refer to one of the kinds that the message names.";
    ServicePortNotFound "AGW0211" Error "a Service has no such port"
        "Set `port` to one of the Service's ports.";
    InvalidCertificate "AGW0212" Error "a certificate cannot be used"
        "Refer to a Secret of type `kubernetes.io/tls` whose `tls.crt` is a PEM chain and whose `tls.key` is its key.";
    ParametersNotFound "AGW0213" Error "a parametersRef leads nowhere"
        "Create the parameters, or correct the reference. What is deployed stays as it is.";

    InvalidExpression "AGW0301" Error "an expression does not compile"
        "Correct the expression at the place that is pointed to; [expressions.md](expressions.md) lists what there is.";
    ExpressionTooCostly "AGW0302" Error "an expression may cost too much"
        "Make the expression simpler; its cost is bounded before it ever runs.";

    ShadowedRule "AGW0401" Warning "a rule never gets a request"
        "Remove one of the two matches, or make this one more specific.";
    InvalidMatch "AGW0402" Error "a match is not valid"
        "Correct the match. Until then the rule answers 500.";
    InvalidFilter "AGW0403" Error "a filter is not valid"
        "Correct the filter. Until then the rule answers 500.";
    UnsupportedValue "AGW0404" Error "a value that is not served"
        "Remove the field or choose another value. Until then the object says so in its status.";
    NoBackends "AGW0405" Warning "a rule has no backend that can take a request"
        "Name a backend with a weight above 0.";
    ListenerConflict "AGW0406" Error "listeners share port and hostname"
        "Give one of the listeners another port or hostname. The first keeps what it has.";
    UnsupportedListener "AGW0407" Error "a listener that is not served"
        "Correct the listener; the others of the Gateway are served.";
    InvalidDuration "AGW0408" Error "a duration is not valid"
        "Write digits with a unit, such as `30s` or `1m30s`.";
    HeaderCase "AGW0409" Hint "HTTP/2 has no capital letters in header names"
        "Nothing to do unless clients compare names letter by letter: HTTP/1.1 clients see the name as it is written.";

    DialectModel "AGW0501" Hint "the model has a standard place"
        "Write `ai.provider.<provider>.model`.";
    DialectTimeout "AGW0502" Hint "the timeout has a standard place"
        "Write the timeout where the message says.";
    DialectTransformation "AGW0503" Hint "the transformation has a standard form"
        "Write `traffic.transformation` with lists of names and values.";
    DialectExpression "AGW0504" Hint "the expression has a standard form"
        "Write the standard CEL that the message shows.";
    DialectStandby "AGW0505" Hint "standby by weight 0 has a standard form"
        "Write `ai.groups` in one AgentgatewayBackend: the next group takes over when one fails.";
    DialectHealth "AGW0506" Hint "the health check has a standard form"
        "Write the health check where the message says.";
    DialectRetry "AGW0507" Hint "the retry has a standard form"
        "Write the retry where the message says.";
    DoubledPath "AGW0508" Hint "a rewrite doubles the end of the path"
        "Use `ReplaceFullPath` to say exactly what is meant.";
    DialectProvider "AGW0509" Hint "no provider is named, and OpenAI is meant"
        "Write `openai: {}`: `kubectl apply` drops an `openai:` with nothing behind it.";

    InvalidBackend "AGW0601" Error "a backend contradicts itself or lacks something"
        "Correct the backend as the message says. Until then its share of the requests gets 500.";
    InvalidPolicy "AGW0602" Error "a policy contradicts itself or lacks something"
        "Correct the policy as the message says. Where it guards access, requests get 500 until then.";
    PolicyConflict "AGW0603" Warning "policies on one target set the same field"
        "Set the field in one policy only; the older policy counts, then the first by name.";
    InlineCredential "AGW0604" Hint "a credential is written into the manifest"
        "Keep the credential in a Secret and refer to it.";
    UnusedPolicy "AGW0605" Warning "a policy has nothing that applies to its target"
        "Attach the policy to a kind of target that its settings apply to.";
    NoEffect "AGW0606" Hint "a setting has no effect here"
        "Keep it for where it has one, or remove it.";
    LimitWithoutEffect "AGW0607" Warning "a time limit or wait that cannot take effect"
        "Change one of the two times that the message names.";
    InvalidParameters "AGW0608" Error "parameters contradict themselves"
        "Correct the parameters as the message says. What is deployed stays as it is.";
    ModelCatalog "AGW0609" Warning "a price that cannot be used"
        "Correct what the message names. Other prices count; a model without a price has no `cost_usd`.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}

impl ObjectRef {
    pub fn new(kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }
}

/// `Kind namespace/name`.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

impl Finding {
    /// A finding of the code's own severity, about nothing in particular yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            remedy: String::new(),
            object: None,
            field: None,
            file: None,
            line: None,
            column: None,
        }
    }

    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    #[must_use]
    pub fn about(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    /// Points at a field of the object that `origin` belongs to, or at the nearest part of it that
    /// is written.
    #[must_use]
    pub fn at(mut self, origin: &Origin, field: &str) -> Self {
        self.file = origin.file().map(str::to_owned);
        (self.line, self.column) = origin.locate(field).unzip();
        self.field = (!field.is_empty()).then(|| field.to_owned());
        self
    }
}

/// `file:line:column: error AGW0105: message (remedy)`, with what is known.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            for number in [self.line, self.column].into_iter().flatten() {
                write!(f, "{number}:")?;
            }
            f.write_str(" ")?;
        }
        write!(f, "{} {}: ", self.severity, self.code)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let seen: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(seen.len(), Code::ALL.len());
        for code in Code::ALL {
            let digits = code.as_str().strip_prefix("AGW").unwrap();
            assert!(
                digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()),
                "{code}"
            );
            assert!(!code.title().is_empty());
        }
    }

    #[test]
    fn serialises_with_every_key() {
        let finding = Finding::new(Code::UnknownField, "unknown field `modle`")
            .with_remedy("did you mean `model`?")
            .about(ObjectRef::new("AgentgatewayBackend", Some("ns"), "b"));
        let json = serde_json::to_string(&finding).unwrap();
        assert_eq!(
            json,
            r#"{"code":"AGW0105","severity":"error","message":"unknown field `modle`","remedy":"did you mean `model`?","object":{"kind":"AgentgatewayBackend","namespace":"ns","name":"b"},"field":null,"file":null,"line":null,"column":null}"#
        );
    }
}
