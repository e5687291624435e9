//! Puts an update together that comes in several messages.

use prost::Message as _;

use crate::error::Error;
use crate::limits;
use crate::proto;

/// A whole update.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) version: u64,
    /// 0 when it replaces all that is held.
    pub(crate) base: u64,
    pub(crate) upsert: Vec<proto::Resource>,
    pub(crate) remove: Vec<proto::ResourceId>,
}

#[derive(Debug, Default)]
pub(super) struct Collector {
    change: Change,
    size: usize,
}

impl Collector {
    /// The update that this message is the last of, if it is.
    ///
    /// # Errors
    /// It grows beyond all bounds, or has no version.
    pub(super) fn push(&mut self, update: proto::Update) -> Result<Option<Change>, Error> {
        if update.version == 0 {
            return Err(Error::Protocol("an update has no version".to_owned()));
        }
        if (update.version, update.base) != (self.change.version, self.change.base) {
            // What has come of another one will never be complete.
            *self = Self {
                change: Change {
                    version: update.version,
                    base: update.base,
                    ..Change::default()
                },
                size: 0,
            };
        }
        self.size += update.encoded_len();
        if self.size > limits::CONFIGURATION {
            let limit = limits::CONFIGURATION;
            return Err(Error::Protocol(format!(
                "an update has more than {limit} bytes"
            )));
        }
        self.change.upsert.extend(update.upsert);
        self.change.remove.extend(update.remove);
        Ok(update.complete.then(|| std::mem::take(self).change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(version: u64, name: &str, complete: bool) -> proto::Update {
        let id = proto::ResourceId {
            kind: proto::Kind::Route.into(),
            name: name.to_owned(),
        };
        proto::Update {
            version,
            base: 1,
            remove: vec![id],
            complete,
            ..proto::Update::default()
        }
    }

    #[test]
    fn gives_nothing_before_the_last_part() {
        let mut collector = Collector::default();
        assert!(collector.push(part(2, "a", false)).unwrap().is_none());
        let change = collector.push(part(2, "b", true)).unwrap().unwrap();
        assert_eq!(
            (change.version, change.base, change.remove.len()),
            (2, 1, 2)
        );
        let change = collector.push(part(3, "c", true)).unwrap().unwrap();
        assert_eq!(change.remove.len(), 1);
    }

    #[test]
    fn forgets_an_update_that_another_one_interrupts() {
        let mut collector = Collector::default();
        collector.push(part(2, "a", false)).unwrap();
        let change = collector.push(part(3, "b", true)).unwrap().unwrap();
        assert_eq!((change.version, change.remove.len()), (3, 1));
        assert!(collector.push(part(0, "c", true)).is_err());
    }
}
