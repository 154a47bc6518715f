//! Ranges and the blocks that hold them.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::cache::BLOCK_BYTES;

/// Blocks that one request brings at most.
pub(super) const BLOCKS_A_REQUEST: u64 = 64;

/// Numbers of the blocks that hold a range.
pub(super) fn blocks_of(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES)
}

/// Numbers that follow one another, as ranges that one request can bring.
pub(super) fn runs(numbers: &[u64]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some(run) if run.end == number && run.end - run.start < BLOCKS_A_REQUEST => {
                run.end += 1;
            }
            _ => runs.push(number..number + 1),
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
    fn numbers_become_as_few_requests_as_may_be() {
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
        assert_eq!(runs(&(0..70).collect::<Vec<_>>()), [0..64, 64..70]);
        assert!(runs(&[]).is_empty());
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
