use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_common::{ByteSize, ErrorCode};

use super::scalar_functions;
use crate::codec;
use crate::failure::code_of;
use crate::session::local_state;

/// Rows with NULL, an empty text and counts that make nothing.
const ROWS: &str =
    "(VALUES ('ab', 2), ('c', 3), (NULL, 1000), ('d', NULL), ('', 9), ('e', -5)) t(s, n)";

fn session(limit: u64) -> SessionContext {
    let runtime = SessionContext::new().runtime_env();
    SessionContext::new_with_state(local_state(SessionConfig::new(), runtime, ByteSize(limit)))
}

async fn run(limit: u64, sql: &str) -> Result<(), DataFusionError> {
    session(limit).sql(sql).await?.collect().await.map(|_| ())
}

/// Runs with a limit of `size` and is refused below it.
async fn needs(size: u64, sql: &str) {
    if let Err(error) = run(size, sql).await {
        panic!("{sql}: {error}");
    }
    let Err(error) = run(size - 1, sql).await else { panic!("{sql} takes less than {size}") };
    assert_eq!(code_of(&error), ErrorCode::LimitExceeded, "{sql}: {error}");
}

#[tokio::test]
async fn texts_are_counted_before_they_are_made() {
    needs(6, "SELECT repeat('ab', 3)").await;
    needs(10, "SELECT lpad('a', 10)").await;
    needs(7, "SELECT lpad('a', 4, 'ä')").await;
    needs(11, "SELECT rpad('ä', 10)").await;
    needs(4, "SELECT rpad('äöü', 2)").await;
    needs(10, "SELECT rpad('a', 10, 'bcd')").await;
    needs(10, "SELECT replace('aXbX', 'X', 'long')").await;
    needs(10, "SELECT regexp_replace('aXbX', '[X]', 'long', 'g')").await;
    needs(7, "SELECT regexp_replace('aXbX', 'x', 'long', 'i')").await;
    // The text four times, and what stands for it, which is not told from other text.
    needs(16 + 8, r"SELECT regexp_replace('abcd', '^(.+)$', '\1\1\1\1', 'g')").await;
}

#[tokio::test]
async fn columns_are_counted_over_the_batch() {
    for of_type in ["Utf8", "LargeUtf8", "Utf8View"] {
        needs(7, &format!("SELECT repeat(arrow_cast(s, '{of_type}'), n) FROM {ROWS}")).await;
        let padded =
            "SELECT rpad(arrow_cast(s, 'TYPE'), abs(n), '.') FROM ROWS WHERE n IS NOT NULL";
        let padded = padded.replace("TYPE", of_type).replace("ROWS", ROWS);
        // The thousand is taken for the text that is NULL.
        needs(2 + 3 + 1000 + 9 + 5, &padded).await;
        let replaced = "SELECT replace(arrow_cast(s, 'TYPE'), 'b', 'bbbb') FROM ROWS";
        let replaced = replaced.replace("TYPE", of_type).replace("ROWS", ROWS);
        needs(5 + 1 + 1 + 1, &replaced).await;
    }
}

#[tokio::test]
async fn constants_beside_columns_are_counted_as_often_as_there_are_rows() {
    needs(6 * 4, &format!("SELECT repeat('abcd', least(n, 0)) FROM {ROWS}")).await;
}

#[tokio::test]
async fn lists_are_counted_before_they_are_made() {
    // A number of eight bytes, and eight bytes of where it comes from.
    needs(3 * 16, "SELECT array_repeat(1, 3)").await;
    needs(3 * (12 + 2 * 16), "SELECT array_repeat([1, 2], 3)").await;
    needs(2 * (12 + 2), "SELECT array_repeat('ab', 2)").await;
    needs(3 * 9, "SELECT list_repeat(true, 3)").await;
    needs(5 * 16, &format!("SELECT array_repeat(1, n) FROM {ROWS} WHERE n < 9 OR n IS NULL")).await;
    needs(5 * 8, "SELECT array_resize([1, 2], 5, 0)").await;
    needs(5 * 8, "SELECT array_resize([1, 2], 5)").await;
    needs(8, "SELECT list_resize([1, 2, 3], 1)").await;
    needs(3 * 4 + 3 + 3 * (4 + 4), "SELECT array_replace_all(['a', 'a', 'b'], 'a', 'long')").await;
    needs(3 * 4 + 3 + 4 + 4, "SELECT array_replace_n(['a', 'a', 'b'], 'a', 'long', 1)").await;
    needs(3 + 2, "SELECT array_to_string(['a', 'bb'], '--')").await;
    needs(6, "SELECT array_to_string(['a', NULL, 'b'], '-', 'xx')").await;
}

#[tokio::test]
async fn series_are_counted_before_they_are_made() {
    needs(10 * 8, "SELECT range(10)").await;
    needs(4 * 8, "SELECT range(0, 10, 3)").await;
    needs(10 * 8, "SELECT generate_series(1, 10)").await;
    needs(10 * 8, "SELECT range(10, 0, -1)").await;
    needs(5 * 8, &format!("SELECT range(n) FROM {ROWS} WHERE n < 9 OR n IS NULL")).await;
    let days = "DATE '2024-01-01', DATE '2024-01-10', INTERVAL '1 day'";
    needs(10 * 4, &format!("SELECT generate_series({days})")).await;
    needs(9 * 4, &format!("SELECT range({days})")).await;
    let hour = "TIMESTAMP '2024-01-01T01:00:00', TIMESTAMP '2024-01-01T00:00:00'";
    needs(61 * 8, &format!("SELECT generate_series({hour}, INTERVAL '-1 minute')")).await;
}

#[tokio::test]
async fn what_makes_nothing_is_never_refused() {
    for sql in [
        "SELECT repeat('a', -1), repeat(NULL, 5), repeat('', 2000000000), lpad('abc', 0)",
        "SELECT replace('abc', '', 'long') = 'abc'",
        "SELECT range(0), range(5, 5), range(5, 1), generate_series(1, 0)",
        "SELECT array_repeat(1, -1), array_resize([1, 2], 0)",
    ] {
        if let Err(error) = run(3, sql).await {
            panic!("{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn far_too_much_is_refused_and_does_not_overflow() {
    let days = "DATE '2024-01-31', DATE '2024-01-01'";
    let times = "TIMESTAMP '2024-01-31T00:00:00', TIMESTAMP '2024-01-01T00:00:00'";
    for sql in [
        "SELECT repeat('abc', 9223372036854775807)".to_string(),
        "SELECT lpad('a', 2000000000)".to_string(),
        "SELECT rpad(arrow_cast(NULL, 'Utf8'), 2000000000)".to_string(),
        "SELECT array_repeat(true, 9223372036854775807)".to_string(),
        "SELECT array_resize([1], 9223372036854775807)".to_string(),
        "SELECT range(-9223372036854775807, 9223372036854775807)".to_string(),
        "SELECT generate_series(9223372036854775807, -9223372036854775807, -1)".to_string(),
        // It would come back to where it was, for ever.
        format!("SELECT generate_series({days}, INTERVAL '1 month -31 days')"),
        format!("SELECT range({times}, INTERVAL '1 month -31 days')"),
        format!("SELECT array_to_string(range(1000), repeat('x', 1000000)) FROM {ROWS}"),
        "SELECT replace(repeat('x', 1000000), 'x', repeat('y', 1000))".to_string(),
        "SELECT regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000), 'g')".to_string(),
    ] {
        let Err(error) = run(ByteSize::mib(16).bytes(), &sql).await else { panic!("{sql} ran") };
        assert_eq!(code_of(&error), ErrorCode::LimitExceeded, "{sql}: {error}");
    }
}

#[tokio::test]
async fn too_much_is_not_made_while_constants_are_folded() {
    let plan = |limit| async move {
        let state = session(limit).state();
        let plan = state.create_logical_plan("SELECT repeat('x', 10) AS s").await.unwrap();
        state.optimize(&plan).unwrap().display_indent().to_string()
    };
    assert!(plan(10).await.contains("xxxxxxxxxx"));
    let unfolded = plan(9).await;
    assert!(unfolded.contains("repeat("), "{unfolded}");
}

#[tokio::test]
async fn the_refusal_names_function_size_and_limit() {
    let error = run(2048, "SELECT repeat('x', 5000)").await.unwrap_err().to_string();
    for part in ["repeat", "5000B", "2KiB"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn every_bounded_function_exists_and_keeps_its_names() {
    let bounded = |function: &Arc<ScalarUDF>| format!("{function:?}").contains("Bounded");
    let names = [
        "repeat",
        "lpad",
        "rpad",
        "replace",
        "regexp_replace",
        "array_repeat",
        "array_resize",
        "array_replace_all",
        "array_replace_n",
        "array_to_string",
        "range",
        "generate_series",
    ];
    let functions = scalar_functions(ByteSize(1));
    assert_eq!(functions.iter().filter(|function| bounded(function)).count(), names.len());
    let registry = codec::functions(ByteSize(1));
    let state = session(1).state();
    for name in names {
        assert!(bounded(&registry.scalar_functions[name]), "{name}");
        let function = &state.scalar_functions()[name];
        assert!(bounded(function), "{name}");
        for alias in function.aliases() {
            assert!(bounded(&state.scalar_functions()[alias]), "{alias}");
        }
    }
}
