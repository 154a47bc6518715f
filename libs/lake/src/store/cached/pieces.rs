//! Ranges, what they are of blocks, and the requests that bring them.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::cache::BLOCK_BYTES;

/// Bytes that one request brings at most, in whole blocks.
pub(super) const REQUEST_BYTES: u64 = 32 * BLOCK_BYTES;
/// Bytes between two wanted ranges that cost less than a request of their own. Less than a block:
/// what lies between is never in the cache.
const GAP_BYTES: u64 = 64 << 10;

/// Numbers of the blocks that hold a range.
pub(super) fn blocks_of(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES)
}

/// What `ranges` want of each block, by its number: as one range, with what lies between.
pub(super) fn wanted(ranges: &[Range<u64>]) -> BTreeMap<u64, Range<u64>> {
    let mut wanted: BTreeMap<u64, Range<u64>> = BTreeMap::new();
    for range in ranges {
        for index in blocks_of(range) {
            let start = range.start.max(index * BLOCK_BYTES);
            let end = range.end.min((index + 1) * BLOCK_BYTES);
            let of_block = wanted.entry(index).or_insert(start..end);
            *of_block = of_block.start.min(start)..of_block.end.max(end);
        }
    }
    wanted
}

/// Ranges in order that lie close together, as ranges that one request can bring.
pub(super) fn runs(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match runs.last_mut() {
            Some(run)
                if range.start <= run.end + GAP_BYTES && range.end - run.start <= REQUEST_BYTES =>
            {
                run.end = range.end;
            }
            _ => runs.push(range.clone()),
        }
    }
    runs
}

/// Parts of an object by where they begin.
pub(super) type Extents = BTreeMap<u64, Bytes>;

/// A range out of the extents that hold it; without a copy where it is in one.
pub(super) fn cut(extents: &Extents, range: &Range<u64>) -> Option<Bytes> {
    let mut parts = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let (begin, extent) = extents.range(..=at).next_back()?;
        let from = usize::try_from(at - begin).ok()?;
        let to = usize::try_from(range.end - begin).ok()?.min(extent.len());
        parts.push((from < to).then(|| extent.slice(from..to))?);
        at = begin + to as u64;
    }
    if let [part] = parts.as_slice() {
        return Some(part.clone());
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    Some(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_become_as_few_requests_as_may_be() {
        assert_eq!(runs(&[1..2, 2..5, 9..10, 90_000..90_001]), [1..10, 90_000..90_001]);
        let blocks = |count: u64| (0..count).map(|n| n * BLOCK_BYTES..(n + 1) * BLOCK_BYTES);
        let requests = [0..32 * BLOCK_BYTES, 32 * BLOCK_BYTES..40 * BLOCK_BYTES];
        assert_eq!(runs(&blocks(40).collect::<Vec<_>>()), requests);
        assert!(runs(&[]).is_empty());
    }

    #[test]
    fn of_each_block_no_more_is_wanted_than_was_asked_for() {
        let ranges = [10..20, 30..40, BLOCK_BYTES - 1..2 * BLOCK_BYTES + 1];
        let expected = [
            (0, 10..BLOCK_BYTES),
            (1, BLOCK_BYTES..2 * BLOCK_BYTES),
            (2, 2 * BLOCK_BYTES..2 * BLOCK_BYTES + 1),
        ];
        assert_eq!(wanted(&ranges), expected.into());
    }

    #[test]
    fn a_range_is_cut_out_of_extents_that_meet_and_of_no_others() {
        let extents: Extents = [(0, "abcd".into()), (4, "ef".into()), (9, "jk".into())].into();
        assert_eq!(cut(&extents, &(1..3)).unwrap(), "bc");
        assert_eq!(cut(&extents, &(2..6)).unwrap(), "cdef");
        assert_eq!(cut(&extents, &(3..3)).unwrap(), "");
        assert_eq!(cut(&extents, &(5..10)), None);
        assert_eq!(cut(&extents, &(9..12)), None);
    }
}
