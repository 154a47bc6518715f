//! The code of a task's failure, on its way from an executor to the client.
//!
//! Ballista carries a failure as a text and wraps it in further ones. The executor knows the error
//! itself; it puts the code into the text between marks that the scheduler finds again.

use lakegate_common::ErrorCode;

const OPEN: &str = "[lakegate ";
const CLOSE: &str = "[/lakegate]";

/// Longest text of a failure that travels, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// What the wire says when the executor at its other end dies in the middle of a shuffle file. The
/// reader then has an error of the stream, which Ballista takes for one of the data.
const BROKEN_CONNECTION: [&str; 8] = [
    "error reading a body from connection",
    "h2 protocol error",
    "stream closed because of a broken pipe",
    "Connection reset by peer",
    "Connection refused",
    "tcp connect error",
    "transport error",
    "Unexpected End of Stream",
];

/// The words of a failure that tell that the connection to an executor broke.
pub fn broken_connection(text: &str) -> Option<&'static str> {
    BROKEN_CONNECTION.into_iter().find(|words| text.contains(words))
}

/// The text that an executor reports.
pub fn encode(code: ErrorCode, text: &str) -> String {
    let end = text
        .char_indices()
        .map(|(index, _)| index)
        .find(|index| *index >= TEXT_BYTES_MAX)
        .unwrap_or(text.len());
    format!("{OPEN}{code}]{}{CLOSE}", &text[..end])
}

/// The code and the text of the first failure in what Ballista made of it.
pub fn decode(wrapped: &str) -> Option<(ErrorCode, String)> {
    let start = wrapped.find(OPEN)? + OPEN.len();
    let (code, rest) = wrapped[start..].split_once(']')?;
    let code = *ErrorCode::ALL.iter().find(|known| known.as_str() == code)?;
    let text = rest.find(CLOSE).map_or(rest, |end| &rest[..end]);
    Some((code, text.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_found_in_what_was_wrapped_round_it() {
        let text = encode(ErrorCode::MemoryExhausted, "the sort [of 3] needs more");
        let wrapped = format!("Job failed due to stage 3 failed: {:?}\n", format!("{text} again"));
        assert_eq!(
            decode(&wrapped),
            Some((ErrorCode::MemoryExhausted, "the sort [of 3] needs more".to_string()))
        );
    }

    #[test]
    fn a_text_without_a_code_is_none() {
        for text in ["", "Job failed", "[lakegate nothing]x[/lakegate]", "[lakegate data_error"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = encode(ErrorCode::DataError, &"ä".repeat(TEXT_BYTES_MAX));
        assert!(text.len() <= TEXT_BYTES_MAX + OPEN.len() + CLOSE.len() + 16);
    }
}
