//! What an error of DataFusion, Arrow or Parquet means in our codes.

use std::io::ErrorKind;

use arrow::error::ArrowError;
use ballista_core::error::BallistaError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use lakegate_common::{Coded, ErrorCode};

use crate::bounded_functions::TooLarge;
use crate::security_barrier::ViewFailure;

/// The code of an error that planning or running a query gave.
pub fn code_of(error: &DataFusionError) -> ErrorCode {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            code_of(inner)
        }
        DataFusionError::Shared(inner) => code_of(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(ErrorCode::Internal, code_of),
        DataFusionError::SQL(..) => ErrorCode::SyntaxError,
        DataFusionError::Plan(text) => code_of_plan(text),
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { .. } => ErrorCode::ColumnNotFound,
            _ => ErrorCode::InvalidStatement,
        },
        DataFusionError::NotImplemented(_) => ErrorCode::Unsupported,
        DataFusionError::Configuration(_) => ErrorCode::InvalidSetting,
        DataFusionError::ResourcesExhausted(text) => code_of_exhausted(text),
        DataFusionError::ArrowError(error, _) => code_of_arrow(error),
        DataFusionError::ParquetError(error) => lakegate_lake::code_of_parquet(error),
        DataFusionError::ObjectStore(error) => match lakegate_lake::code_of_store(error) {
            // What a plan reads was there when it was listed.
            ErrorCode::LocationNotFound => ErrorCode::FileGone,
            code => code,
        },
        DataFusionError::IoError(error) => code_of_io(error),
        DataFusionError::Execution(text) => code_of_execution(text),
        DataFusionError::External(error) => match error.downcast_ref::<DataFusionError>() {
            Some(inner) => code_of(inner),
            None => code_of_external(error.as_ref()),
        },
        _ => ErrorCode::Internal,
    }
}

fn code_of_external(error: &(dyn std::error::Error + Send + Sync + 'static)) -> ErrorCode {
    if let Some(inner) = error.downcast_ref::<lakegate_lake::Error>() {
        return inner.code();
    }
    if let Some(inner) = error.downcast_ref::<ParquetError>() {
        return lakegate_lake::code_of_parquet(inner);
    }
    if let Some(inner) = error.downcast_ref::<ViewFailure>() {
        return inner.code;
    }
    if error.is::<TooLarge>() {
        return ErrorCode::LimitExceeded;
    }
    // What the writer of shuffle files puts round an error of its input.
    match error.downcast_ref::<BallistaError>() {
        Some(BallistaError::DataFusionError(inner)) => return code_of(inner),
        Some(BallistaError::ArrowError(inner)) => return code_of_arrow(inner),
        _ => {}
    }
    match error.downcast_ref::<ArrowError>() {
        Some(inner) => code_of_arrow(inner),
        None => code_of_execution(&error.to_string()),
    }
}

/// An action that may help against an error of this code, where there is one.
pub fn hint_for(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::MemoryExhausted => {
            Some("raise local.memory_limit, or select fewer columns or rows")
        }
        ErrorCode::DiskFull => {
            Some("free space in the scratch folder, or give it a larger one with data_dir")
        }
        ErrorCode::FileGone => {
            Some("somebody removed it after it was listed; run the statement again")
        }
        // Plans have no other limit that is told so.
        ErrorCode::LimitExceeded => Some(
            "ask for less, or raise limits.function_bytes, which the server and each executor have; \
             it holds for one batch of rows, datafusion.execution.batch_size",
        ),
        ErrorCode::DataError => Some("use TRY_CAST or a WHERE clause to keep such values out"),
        _ => None,
    }
}

fn code_of_plan(text: &str) -> ErrorCode {
    let lower = text.to_lowercase();
    if lower.contains("no function matches") || lower.contains("invalid function") {
        ErrorCode::FunctionNotFound
    } else if lower.starts_with("table ") && lower.contains("not found")
        || lower.contains("failed to resolve schema")
    {
        ErrorCode::TableNotFound
    } else {
        ErrorCode::InvalidStatement
    }
}

fn code_of_exhausted(text: &str) -> ErrorCode {
    if text.contains("disk space") || text.contains("max_temp_directory_size") {
        ErrorCode::DiskFull
    } else {
        ErrorCode::MemoryExhausted
    }
}

/// The code of an error of Arrow.
pub fn code_of_arrow(error: &ArrowError) -> ErrorCode {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => code_of(inner),
            None => code_of_external(inner.as_ref()),
        },
        ArrowError::IoError(_, error) => code_of_io(error),
        ArrowError::ParquetError(text) => lakegate_lake::code_of_parquet_text(text),
        ArrowError::MemoryError(_) => ErrorCode::MemoryExhausted,
        ArrowError::NotYetImplemented(_) => ErrorCode::Unsupported,
        ArrowError::CDataInterface(_) | ArrowError::IpcError(_) => ErrorCode::Internal,
        _ => ErrorCode::DataError,
    }
}

/// The code of an error of the operating system.
pub fn code_of_io(error: &std::io::Error) -> ErrorCode {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            ErrorCode::DiskFull
        }
        ErrorKind::NotFound => ErrorCode::LocationNotFound,
        ErrorKind::OutOfMemory => ErrorCode::MemoryExhausted,
        _ => code_of_io_text(&error.to_string()),
    }
}

/// Errors that were wrapped on the way up keep their text and lose their kind.
fn code_of_io_text(text: &str) -> ErrorCode {
    let is_full =
        text.contains("No space left on device") || text.contains("max_temp_directory_size");
    if is_full { ErrorCode::DiskFull } else { ErrorCode::StorageError }
}

fn code_of_execution(text: &str) -> ErrorCode {
    if text.contains("No space left on device") {
        ErrorCode::DiskFull
    } else if text.contains("Parquet error") || text.contains("Invalid Parquet file") {
        lakegate_lake::code_of_parquet_text(text)
    } else {
        ErrorCode::DataError
    }
}

#[cfg(test)]
mod tests {
    use lakegate_common::ByteSize;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = DataFusionError::IoError(std::io::Error::from(ErrorKind::StorageFull));
        let broken = DataFusionError::IoError(std::io::Error::other("lost"));
        assert_eq!(code_of(&full), ErrorCode::DiskFull);
        assert_eq!(code_of(&broken), ErrorCode::StorageError);
        let wrapped = std::io::Error::other("IO error: No space left on device (os error 28)");
        assert_eq!(code_of_io(&wrapped), ErrorCode::DiskFull);
    }

    #[test]
    fn a_wrapped_cause_decides_the_code() {
        let inner = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        assert_eq!(code_of(&inner.context("in a sort")), ErrorCode::DataError);
    }

    #[test]
    fn a_function_that_would_make_too_much_reaches_a_limit() {
        let (function, size) = ("repeat".to_string(), ByteSize(2_000_000_000));
        let error = TooLarge { function, size, limit: ByteSize::mib(256) };
        let error = DataFusionError::External(Box::new(error));
        assert_eq!(code_of(&error), ErrorCode::LimitExceeded);
        let below = ArrowError::ExternalError(Box::new(error.context("in a projection")));
        assert_eq!(code_of_arrow(&below), ErrorCode::LimitExceeded);
    }

    fn gone() -> object_store::Error {
        let source = std::io::Error::from(ErrorKind::ConnectionRefused).into();
        object_store::Error::Generic { store: "S3", source }
    }

    #[test]
    fn a_store_that_is_gone_is_not_taken_for_a_broken_file() {
        let below = |error: ParquetError| DataFusionError::ParquetError(Box::new(error));
        let as_it_is = below(ParquetError::External(Box::new(gone())));
        let wrapped = DataFusionError::ObjectStore(Box::new(gone()));
        let wrapped = below(ParquetError::External(Box::new(wrapped)));
        let in_words = DataFusionError::ObjectStore(Box::new(gone()));
        let in_words = ParquetError::General(format!("Failed to fetch metadata: {in_words}"));
        let by_arrow =
            DataFusionError::from(ArrowError::from(ParquetError::External(gone().into())));
        let by_itself = DataFusionError::External(Box::new(ParquetError::External(gone().into())));
        for error in [as_it_is, wrapped, below(in_words), by_arrow, by_itself] {
            assert_eq!(code_of(&error), ErrorCode::StorageError, "{error}");
        }
        let broken = below(ParquetError::General("Invalid Parquet file".to_string()));
        assert_eq!(code_of(&broken), ErrorCode::InvalidFile);
        let undecodable = std::io::Error::from(ErrorKind::InvalidData);
        assert_eq!(code_of(&below(undecodable.into())), ErrorCode::InvalidFile);
    }

    #[test]
    fn a_full_disk_below_a_store_is_told() {
        let source = std::io::Error::from(ErrorKind::StorageFull).into();
        let full = object_store::Error::Generic { store: "LocalFileSystem", source };
        let full = ParquetError::External(Box::new(full));
        assert_eq!(code_of(&DataFusionError::ParquetError(Box::new(full))), ErrorCode::DiskFull);
    }
}
