//! Errors as gRPC statuses: the one place where a code and a cause chain become what a client reads.

use lakegate_common::{Chain, Coded, ErrorCode};
use tonic::Status;
use tonic::metadata::{MetadataMap, MetadataValue};

/// The response metadata key that carries the stable error code.
pub const ERROR_CODE_KEY: &str = "lakegate-error-code";

/// Bytes of text after which a status message is cut. Clients refuse header lists that are too
/// large, 8 KiB with some of them, and a status message travels percent-encoded in a header.
const MESSAGE_BYTES_MAX: usize = 2048;

/// The status that carries `error`: its code fixes the gRPC code; the message is
/// `code: cause chain (hint: …)`.
pub fn status_of(error: &dyn Coded) -> Status {
    let code = error.code();
    if code == ErrorCode::Internal {
        tracing::error!(error = %Chain(error), "internal error");
    }
    let mut metadata = MetadataMap::new();
    metadata.insert(ERROR_CODE_KEY, MetadataValue::from_static(code.as_str()));
    Status::with_metadata(code.grpc(), message_of(error), metadata)
}

/// `code: cause chain (hint: …)`, cut to what fits a header.
pub fn message_of(error: &dyn Coded) -> String {
    let mut message = format!("{}: {}", error.code(), Chain(error));
    if message.len() > MESSAGE_BYTES_MAX {
        let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
        message.truncate(end);
        message.push('…');
    }
    if let Some(hint) = error.hint() {
        message.push_str(&format!(" (hint: {hint})"));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Refused {
        text: String,
    }

    impl Coded for Refused {
        fn code(&self) -> ErrorCode {
            ErrorCode::TableNotFound
        }

        fn hint(&self) -> Option<String> {
            Some("SHOW TABLES lists them".to_string())
        }
    }

    #[test]
    fn status_has_code_text_and_hint() {
        let status = status_of(&Refused { text: "no dataset \"a\"".to_string() });
        assert_eq!(status.code(), tonic::Code::NotFound);
        assert_eq!(
            status.message(),
            "table_not_found: no dataset \"a\" (hint: SHOW TABLES lists them)"
        );
        assert_eq!(status.metadata().get(ERROR_CODE_KEY).unwrap(), "table_not_found");
    }

    #[test]
    fn long_message_is_cut_between_characters() {
        let status = status_of(&Refused { text: "ü".repeat(10_000) });
        assert!(status.message().len() < MESSAGE_BYTES_MAX + 100);
        assert!(status.message().ends_with("(hint: SHOW TABLES lists them)"));
    }
}
