//! The nearest known name to one that is not known, for "did you mean" hints.

/// Names longer than this are never compared: the cost grows with the square of the length.
const NAME_CHARS_MAX: usize = 255;

/// No more candidates than this are compared, so that a hint stays cheap in a large catalog.
const CANDIDATES_MAX: usize = 2_000;

/// The candidate that differs least from `name`, where one is near enough to be a slip of the hand:
/// at most a third of the letters differ. Letter case does not count as a difference.
pub fn nearest<'a, I>(name: &str, candidates: I) -> Option<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let furthest = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
        let letters: Vec<char> = candidate.to_lowercase().chars().collect();
        if letters.len().abs_diff(wanted.len()) > furthest {
            continue;
        }
        let distance = edits(&wanted, &letters);
        if distance <= furthest && best.is_none_or(|(nearest, _)| distance < nearest) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The number of letters to insert, delete, replace or swap with their neighbour to turn one text
/// into the other.
fn edits(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, left_letter) in left.iter().enumerate() {
        let mut current = vec![row + 1; right.len() + 1];
        for (column, right_letter) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(left_letter != right_letter);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0
                && column > 0
                && left[row - 1] == *right_letter
                && *left_letter == right[column - 1];
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            current[column + 1] = least;
        }
        before = above;
        above = current;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_the_name() {
        let names = ["flights", "airports", "carriers"];
        assert_eq!(nearest("fligths", names), Some("flights"));
        assert_eq!(nearest("airport", names), Some("airports"));
        assert_eq!(nearest("CARIERS", names), Some("carriers"));
    }

    #[test]
    fn a_name_unlike_all_others_finds_none() {
        assert_eq!(nearest("orders", ["flights", "airports"]), None);
        assert_eq!(nearest("", ["flights"]), None);
        assert_eq!(nearest("flights", []), None);
    }

    #[test]
    fn edits_count_a_swap_of_neighbours_as_one() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(edits(&letters("ab"), &letters("ba")), 1);
        assert_eq!(edits(&letters("kitten"), &letters("sitting")), 3);
        assert_eq!(edits(&letters(""), &letters("abc")), 3);
    }
}
