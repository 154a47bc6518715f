//! What a table's protocol must become so that it may have what it did not have before.

use std::collections::BTreeSet;

use delta_kernel::actions::Protocol;
use serde_json::{Value, json};

/// The versions in which a protocol names its features one by one.
const NAMES_READERS: i32 = 3;
const NAMES_WRITERS: i32 = 7;

/// What the writer versions before those imply, each besides the ones below it.
const IMPLIED: [(i32, &[&str]); 5] = [
    (2, &["appendOnly", "invariants"]),
    (3, &["checkConstraints"]),
    (4, &["changeDataFeed", "generatedColumns"]),
    (5, &["columnMapping"]),
    (6, &["identityColumns"]),
];

/// The protocol of a table with `present` that has to have the features of `needed` too; `None`
/// where it has them. Nothing is taken from it: earlier versions stay readable.
pub(super) fn widened(present: &Protocol, needed: &Protocol) -> Option<Value> {
    let (readers, writers) = (readers(present), writers(present));
    let (more_readers, more_writers) = (self::readers(needed), self::writers(needed));
    if more_readers.is_subset(&readers) && more_writers.is_subset(&writers) {
        return None;
    }
    let readers: BTreeSet<_> = readers.union(&more_readers).collect();
    let writers: BTreeSet<_> = writers.union(&more_writers).collect();
    // A protocol of reader version 1 need not name readers' features while there is none.
    if readers.is_empty() && present.min_reader_version() < NAMES_READERS {
        return Some(json!({
            "minReaderVersion": present.min_reader_version(),
            "minWriterVersion": NAMES_WRITERS,
            "writerFeatures": writers,
        }));
    }
    Some(json!({
        "minReaderVersion": NAMES_READERS,
        "minWriterVersion": NAMES_WRITERS,
        "readerFeatures": readers,
        "writerFeatures": writers,
    }))
}

fn readers(protocol: &Protocol) -> BTreeSet<String> {
    match protocol.reader_features() {
        Some(named) => named.iter().map(ToString::to_string).collect(),
        None if protocol.min_reader_version() == 2 => ["columnMapping".to_string()].into(),
        None => BTreeSet::new(),
    }
}

/// The features that a protocol requires of writers, by name.
pub(super) fn writers(protocol: &Protocol) -> BTreeSet<String> {
    match protocol.writer_features() {
        Some(named) => named.iter().map(ToString::to_string).collect(),
        None => IMPLIED
            .iter()
            .filter(|(version, _)| *version <= protocol.min_writer_version())
            .flat_map(|(_, names)| names.iter().map(ToString::to_string))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(value: Value) -> Protocol {
        serde_json::from_value(value).unwrap()
    }

    fn modern(readers: &[&str], writers: &[&str]) -> Protocol {
        protocol(json!({
            "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": readers, "writerFeatures": writers,
        }))
    }

    #[test]
    fn a_protocol_that_has_what_is_needed_stays() {
        let needed = modern(&[], &["appendOnly"]);
        for present in [
            modern(&["deletionVectors"], &["deletionVectors", "appendOnly"]),
            protocol(json!({"minReaderVersion": 1, "minWriterVersion": 2})),
        ] {
            assert_eq!(widened(&present, &needed), None);
        }
    }

    #[test]
    fn a_protocol_is_only_ever_widened() {
        let needed = modern(&["timestampNtz"], &["timestampNtz"]);
        let present = protocol(json!({"minReaderVersion": 1, "minWriterVersion": 2}));
        let widened = widened(&present, &needed).unwrap();
        assert_eq!(widened["readerFeatures"], json!(["timestampNtz"]));
        assert_eq!(widened["writerFeatures"], json!(["appendOnly", "invariants", "timestampNtz"]));
    }

    #[test]
    fn readers_need_know_nothing_of_what_concerns_writers_alone() {
        let present = protocol(json!({"minReaderVersion": 1, "minWriterVersion": 2}));
        let widened = widened(&present, &modern(&[], &["changeDataFeed"])).unwrap();
        assert_eq!(widened["minReaderVersion"], json!(1));
        assert_eq!(
            widened["writerFeatures"],
            json!(["appendOnly", "changeDataFeed", "invariants"])
        );
    }
}
