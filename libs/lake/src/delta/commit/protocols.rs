//! What a table's protocol must become so that it may have what it did not have before.

use std::collections::BTreeSet;

use delta_kernel::actions::Protocol;
use serde_json::{Value, json};

use crate::delta::writable::writer_features;

/// The versions in which a protocol names its features one by one.
const NAMES_READERS: i32 = 3;
const NAMES_WRITERS: i32 = 7;

/// What both readers and writers must know of a table whose columns have other names in files.
const COLUMN_MAPPING: &str = "columnMapping";

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
        // The one feature of readers that comes with a version.
        None => writers(protocol).into_iter().filter(|name| name == COLUMN_MAPPING).collect(),
    }
}

/// The features that a protocol requires of writers, by name.
pub(super) fn writers(protocol: &Protocol) -> BTreeSet<String> {
    writer_features(protocol).iter().map(ToString::to_string).collect()
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

    #[test]
    fn columns_of_other_names_are_of_both_sides_or_of_none() {
        let needed = modern(&[], &["changeDataFeed", "domainMetadata"]);
        for (reader, features) in [(1, Value::Null), (2, json!(["columnMapping"]))] {
            let present = protocol(json!({"minReaderVersion": reader, "minWriterVersion": 5}));
            let widened = widened(&present, &needed).unwrap();
            let is_mapped =
                widened["writerFeatures"].as_array().unwrap().contains(&json!("columnMapping"));
            assert_eq!(widened["readerFeatures"], features, "{widened}");
            assert_eq!(is_mapped, reader == 2, "{widened}");
        }
    }
}
