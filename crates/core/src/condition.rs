//! Values that depend on a request.

use serde::{Serialize, Serializer};

use crate::expr::{Expression, Input};

/// Values by condition, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases<T>(Vec<Case<T>>);

/// A value, and when it is the one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case<T> {
    /// Always where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    pub then: T,
}

impl<T> Cases<T> {
    pub fn new(cases: Vec<Case<T>>) -> Self {
        Self(cases)
    }

    /// The same value for all requests.
    pub fn always(then: T) -> Self {
        Self(vec![Case { when: None, then }])
    }

    pub fn all(&self) -> &[Case<T>] {
        &self.0
    }

    /// The first value whose condition holds. A condition that has no value does not.
    pub fn choose(&self, input: &Input<'_>) -> Option<&T> {
        let holds = |case: &&Case<T>| match &case.when {
            None => true,
            Some(when) => when.eval_bool(input) == Ok(true),
        };
        self.0.iter().find(holds).map(|case| &case.then)
    }

    /// Whether a request's body has to be held before the choice.
    pub fn read_body(&self) -> bool {
        let conditions = self.0.iter().filter_map(|case| case.when.as_ref());
        conditions.into_iter().any(|e| e.reads().request_body)
    }
}

/// One value for all requests shows as itself.
impl<T: Serialize> Serialize for Cases<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [Case { when: None, then }] => then.serialize(serializer),
            cases => cases.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_holds_is_chosen() {
        let case = |when: Option<&str>, then| Case {
            when: when.map(|e| Expression::compile(e).unwrap()),
            then,
        };
        let choose = |cases| Cases::new(cases).choose(&Input::new()).copied();
        assert_eq!(choose(vec![]), None);
        assert_eq!(choose(vec![case(None, 1)]), Some(1));
        assert_eq!(
            choose(vec![case(Some("1 > 2"), 1), case(Some("2 > 1"), 2)]),
            Some(2)
        );
        assert_eq!(choose(vec![case(Some("request.path == '/'"), 1)]), None);
        assert_eq!(
            choose(vec![case(Some("1 > 2"), 1), case(None, 2), case(None, 3)]),
            Some(2)
        );
    }
}
