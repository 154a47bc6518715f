//! What tells one version of an object from the next, for those who go by its time.
//!
//! DataFusion keeps footers and statistics of a file by its path, and takes them for valid while the
//! file has the same size and time. Stores tell times in seconds, and two buckets may have the same
//! path. So the fraction of a second in the time of an object comes from its bucket and its tag, in
//! listings and in answers alike.

use chrono::{DateTime, Timelike, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;

/// Where the log of a Delta table lies. Its files never change, and their times are those of commits.
const LOG_FOLDER: &str = "_delta_log";

/// Whether an object belongs to the log of a Delta table.
pub(super) fn is_log(path: &Path) -> bool {
    path.parts().any(|part| part.as_ref() == LOG_FOLDER)
}

/// What a store told of an object, with a time that another version of it does not have.
pub(super) fn told_apart(bucket: &str, mut meta: ObjectMeta) -> ObjectMeta {
    if let Some(e_tag) = &meta.e_tag
        && !is_log(&meta.location)
    {
        meta.last_modified = with_fraction(meta.last_modified, bucket, e_tag);
    }
    meta
}

fn with_fraction(time: DateTime<Utc>, bucket: &str, e_tag: &str) -> DateTime<Utc> {
    let mut hash = crc32fast::Hasher::new();
    hash.update(bucket.as_bytes());
    // Some stores have quotes in answers and none in listings.
    hash.update(e_tag.trim_matches('"').as_bytes());
    time.with_nanosecond(hash.finalize() % 1_000_000_000).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(path: &str, millis: i64, e_tag: Option<&str>) -> ObjectMeta {
        ObjectMeta {
            location: Path::from(path),
            last_modified: DateTime::from_timestamp_millis(millis).unwrap(),
            size: 1,
            e_tag: e_tag.map(ToString::to_string),
            version: None,
        }
    }

    fn time(bucket: &str, path: &str, millis: i64, e_tag: Option<&str>) -> DateTime<Utc> {
        told_apart(bucket, meta(path, millis, e_tag)).last_modified
    }

    #[test]
    fn a_time_is_the_same_for_a_version_and_another_for_the_next() {
        let listed = time("s3://a", "x", 5_789, Some("tag"));
        assert_eq!(time("s3://a", "x", 5_000, Some("\"tag\"")), listed);
        assert_eq!(listed.timestamp(), 5);
        assert_ne!(time("s3://a", "x", 5_789, Some("gat")), listed);
        assert_ne!(time("s3://b", "x", 5_789, Some("tag")), listed);
        assert_ne!(time("s3://a", "x", 6_789, Some("tag")), listed);
    }

    #[test]
    fn times_of_commits_and_of_objects_without_a_tag_stay_as_they_are() {
        let log = "t/_delta_log/00000000000000000000.json";
        assert_eq!(time("s3://a", log, 5_789, Some("tag")).timestamp_millis(), 5_789);
        assert_eq!(time("s3://a", "x", 5_789, None).timestamp_millis(), 5_789);
    }
}
