//! Ranges and the blocks that hold them.

use std::collections::HashMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::cache::BLOCK_BYTES;

/// Blocks that one request brings at most.
pub(super) const BLOCKS_A_REQUEST: u64 = 8;

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

/// A range out of the blocks that hold it; without a copy where it is in one.
pub(super) fn cut(blocks: &HashMap<u64, Bytes>, range: &Range<u64>) -> Option<Bytes> {
    let mut parts = Vec::new();
    for index in blocks_of(range) {
        let block = blocks.get(&index)?;
        let begin = index * BLOCK_BYTES;
        let from = usize::try_from(range.start.saturating_sub(begin)).ok()?;
        let to = usize::try_from((range.end - begin).min(block.len() as u64)).ok()?;
        parts.push((from <= to).then(|| block.slice(from..to))?);
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
        assert_eq!(runs(&(0..10).collect::<Vec<_>>()), [0..8, 8..10]);
        assert!(runs(&[]).is_empty());
    }
}
