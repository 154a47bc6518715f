//! Files that the log names by absolute paths, which have several spellings: `/t/x`, `file:/t/x`
//! and `file:///t/x` are one file. The log reader compares paths letter by letter.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use delta_kernel::actions::get_commit_schema;
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::{Engine, KernelResult, Snapshot};
use url::Url;

use super::FileList;
use super::read::{child, column};
use super::segment::{Segment, vector_at};
use crate::delta::guarded::LogEngine;

/// A file with one of its deletion vectors.
type File = (String, Option<String>);
/// The newest commit's word about a file: the path by which it was added, or that it was removed.
type Newest = HashMap<File, Option<String>>;

/// Whether a path of the log is one that has several spellings.
pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.contains(":/")
}

/// One spelling for all of a path.
fn canonical(path: &str) -> String {
    let url = match path.strip_prefix('/') {
        // Without a scheme it is in the store that holds the table.
        Some(path) => return decoded(&format!("/{}", path.trim_start_matches('/'))),
        None => Url::parse(path),
    };
    match url {
        Ok(url) if url.scheme() == "file" => decoded(url.path()),
        Ok(url) => format!("{}://{}{}", url.scheme(), url.authority(), decoded(url.path())),
        Err(_) => decoded(path),
    }
}

fn decoded(path: &str) -> String {
    object_store::path::Path::from_url_path(path)
        .map_or_else(|_| path.to_string(), |path| path.to_string())
}

/// `list` without files that were removed, or added anew, under another spelling.
///
/// # Errors
/// The log reader's own.
pub(super) fn without_respelled(
    engine: &LogEngine,
    snapshot: &Snapshot,
    list: FileList,
) -> KernelResult<FileList> {
    if !list.segments().any(|(segment, _)| segment.has_absolute()) {
        return Ok(list);
    }
    let newest = newest_words(engine, snapshot)?;
    let mut kept = FileList { segments: list.segments.clone(), ..FileList::default() };
    for (segment, alive) in list.segments() {
        let alive = still_alive(segment, alive, &newest, snapshot)?;
        kept.count += alive.count_set_bits();
        kept.alive.push(alive);
    }
    Ok(kept)
}

fn still_alive(
    segment: &Segment,
    alive: &BooleanBuffer,
    newest: &Newest,
    snapshot: &Snapshot,
) -> KernelResult<BooleanBuffer> {
    let mut kept = BooleanBufferBuilder::new(alive.len());
    kept.append_buffer(alive);
    for row in alive.set_indices() {
        let path = segment.paths().value(row);
        if !is_absolute(path) {
            continue;
        }
        let vector =
            segment.vector(row)?.map(|vector| vector.unique_id_for(snapshot)).transpose()?;
        let word = newest.get(&(canonical(path), vector));
        if word.is_some_and(|added_as| added_as.as_deref() != Some(path)) {
            kept.set_bit(row, false);
        }
    }
    Ok(kept.finish())
}

/// What the commits say of files with absolute paths.
fn newest_words(engine: &LogEngine, snapshot: &Snapshot) -> KernelResult<Newest> {
    let commits = &snapshot.log_segment().listed.ascending_commit_files;
    let newest_first: Vec<_> = commits.iter().rev().map(|commit| commit.location.clone()).collect();
    let schema = get_commit_schema().project(&["add", "remove"])?;
    let mut words = Newest::new();
    for batch in engine.json_handler().read_json_files(&newest_first, schema, None)? {
        let batch = batch?.try_into_record_batch()?;
        for kind in ["add", "remove"] {
            take_words(&batch, kind, snapshot, &mut words)?;
        }
    }
    Ok(words)
}

fn take_words(
    batch: &RecordBatch,
    kind: &str,
    snapshot: &Snapshot,
    words: &mut Newest,
) -> KernelResult<()> {
    let actions = column(batch, kind)?.as_struct();
    let paths = child(actions, "path")?.as_string::<i32>();
    let vectors = child(actions, "deletionVector")?.as_struct();
    for row in (0..actions.len()).filter(|row| actions.is_valid(*row)) {
        let path = paths.value(row);
        if is_absolute(path) {
            let vector = vector_at(vectors, row)?;
            let vector = vector.map(|vector| vector.unique_id_for(snapshot)).transpose()?;
            let added_as = (kind == "add").then(|| path.to_string());
            words.entry((canonical(path), vector)).or_insert(added_as);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_path_are_one() {
        for path in ["/t/a%20b/x", "file:/t/a%20b/x", "file:///t/a%20b/x", "//t/a%20b/x"] {
            assert!(is_absolute(path));
            assert_eq!(canonical(path), "t/a b/x", "{path}");
        }
        assert_ne!(canonical("s3://one/t/x"), canonical("s3://other/t/x"));
        assert_ne!(canonical("s3://one/t/x"), canonical("/t/x"));
        assert!(!is_absolute("p=10:00/x"));
    }
}
