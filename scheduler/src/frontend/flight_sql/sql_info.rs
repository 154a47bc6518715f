//! What the service tells of itself through GetSqlInfo.
//!
//! Older JDBC drivers fail on every value that is missing and on every number that they do not know,
//! so the set is complete for the published numbers 0 to 576 and holds nothing else. The type of each
//! value is fixed by what drivers cast it to; see the test.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo as Info, SqlNullOrdering, SqlSupportedCaseSensitivity,
    SqlSupportedTransaction, SqlSupportsConvert as Convert,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

/// The version of the Arrow libraries that write the streams.
const ARROW_VERSION: &str = datafusion::arrow::ARROW_VERSION;

/// Words of the dialect that are not in SQL:2003, as JDBC's `getSQLKeywords` wants them.
const KEYWORDS: &[&str] = &[
    "ANALYZE",
    "ANTI",
    "ASC",
    "COPY",
    "CSV",
    "DATABASE",
    "DESC",
    "EXPLAIN",
    "EXTERNAL",
    "FORMAT",
    "ILIKE",
    "IF",
    "JSON",
    "LIMIT",
    "LOCATION",
    "OFFSET",
    "OPTIONS",
    "PARQUET",
    "PARTITIONED",
    "PIVOT",
    "QUALIFY",
    "RENAME",
    "REPLACE",
    "SCHEMAS",
    "SEMI",
    "SHOW",
    "STORED",
    "TABLES",
    "TRUNCATE",
    "UNNEST",
    "USE",
    "VERBOSE",
    "VIEW",
];

/// The values; `None` only if they did not fit their schema, which a test excludes.
static VALUES: LazyLock<Option<SqlInfoData>> = LazyLock::new(|| {
    let mut builder = SqlInfoDataBuilder::new();
    server(&mut builder);
    names_and_words(&mut builder);
    language(&mut builder);
    objects(&mut builder);
    limits(&mut builder);
    transactions_and_results(&mut builder);
    builder.build().ok()
});

/// The schema of the answer.
pub(super) fn schema() -> SchemaRef {
    SqlInfoDataBuilder::schema().clone().into()
}

/// The values that `command` asks for; all of them when it names none.
///
/// # Errors
/// Only when the rows cannot be filtered.
pub(super) fn batch(command: &CommandGetSqlInfo) -> Result<RecordBatch, FlightError> {
    match VALUES.as_ref() {
        Some(values) => values.record_batch(command.info.iter().copied()),
        None => Ok(RecordBatch::new_empty(schema())),
    }
}

/// A bit mask of enum values.
const fn mask(values: &[u8]) -> i32 {
    let mut bits = 0;
    let mut index = 0;
    while index < values.len() {
        bits |= 1 << values[index];
        index += 1;
    }
    bits
}

fn server(builder: &mut SqlInfoDataBuilder) {
    builder.append(Info::FlightSqlServerName, "Lakegate");
    builder.append(Info::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(Info::FlightSqlServerArrowVersion, ARROW_VERSION);
    builder.append(Info::FlightSqlServerReadOnly, false);
    builder.append(Info::FlightSqlServerSql, true);
    builder.append(Info::FlightSqlServerSubstrait, false);
    builder.append(Info::FlightSqlServerSubstraitMinVersion, "");
    builder.append(Info::FlightSqlServerSubstraitMaxVersion, "");
    builder.append(Info::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    builder.append(Info::FlightSqlServerCancel, true);
    builder.append(Info::FlightSqlServerBulkIngestion, false);
    builder.append(Info::FlightSqlServerIngestTransactionsSupported, false);
    builder.append(Info::FlightSqlServerStatementTimeout, 0);
    builder.append(Info::FlightSqlServerTransactionTimeout, 0);
}

fn names_and_words(builder: &mut SqlInfoDataBuilder) {
    let lower = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i64;
    let unknown = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i64;
    // ODBC reads these three from the 64-bit child although they are enums.
    builder.append(Info::SqlIdentifierCase, lower);
    builder.append(Info::SqlQuotedIdentifierCase, unknown);
    builder.append(Info::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i64);
    builder.append(Info::SqlIdentifierQuoteChar, "\"");
    builder.append(Info::SqlAllTablesAreSelectable, true);
    builder.append(Info::SqlKeywords, KEYWORDS);
    builder.append(
        Info::SqlNumericFunctions,
        function_names(datafusion::functions::math::functions()),
    );
    let mut strings = datafusion::functions::string::functions();
    strings.extend(datafusion::functions::unicode::functions());
    strings.extend(datafusion::functions::regex::functions());
    builder.append(Info::SqlStringFunctions, function_names(strings));
    builder
        .append(Info::SqlSystemFunctions, function_names(datafusion::functions::core::functions()));
    let moments = datafusion::functions::datetime::functions();
    builder.append(Info::SqlDatetimeFunctions, function_names(moments));
    builder.append(Info::SqlSearchStringEscape, "\\");
    builder.append(Info::SqlExtraNameCharacters, "");
    builder.append(Info::SqlSchemaTerm, "schema");
    builder.append(Info::SqlProcedureTerm, "procedure");
    builder.append(Info::SqlCatalogTerm, "project");
    builder.append(Info::SqlCatalogAtStart, true);
}

fn function_names(
    functions: Vec<std::sync::Arc<datafusion::logical_expr::ScalarUDF>>,
) -> Vec<String> {
    let mut names: Vec<String> =
        functions.iter().map(|function| function.name().to_string()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn language(builder: &mut SqlInfoDataBuilder) {
    builder.append(Info::SqlSupportsColumnAliasing, true);
    builder.append(Info::SqlNullPlusNullIsNull, true);
    builder.append(Info::SqlSupportsConvert, conversions());
    builder.append(Info::SqlSupportsTableCorrelationNames, true);
    builder.append(Info::SqlSupportsDifferentTableCorrelationNames, false);
    builder.append(Info::SqlSupportsExpressionsInOrderBy, true);
    builder.append(Info::SqlSupportsOrderByUnrelated, true);
    builder.append(Info::SqlSupportedGroupBy, mask(&[0, 1]));
    builder.append(Info::SqlSupportsLikeEscapeClause, true);
    builder.append(Info::SqlSupportsNonNullableColumns, true);
    builder.append(Info::SqlSupportedGrammar, mask(&[0, 1]));
    builder.append(Info::SqlAnsi92SupportedLevel, mask(&[0, 1, 2]));
    builder.append(Info::SqlSupportsIntegrityEnhancementFacility, false);
    // Drivers read a bit mask here, though the protocol text says an ordinal: limited and full.
    builder.append(Info::SqlOuterJoinsSupportLevel, mask(&[1, 2]));
    builder.append(Info::SqlSupportedSubqueries, mask(&[0, 1, 2, 3]));
    builder.append(Info::SqlCorrelatedSubqueriesSupported, true);
    builder.append(Info::SqlSupportedUnions, mask(&[0, 1]));
}

/// Which types CAST takes to which, by the numbers of the protocol.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    use Convert as C;
    let numbers = [
        C::SqlConvertBigint,
        C::SqlConvertDecimal,
        C::SqlConvertFloat,
        C::SqlConvertInteger,
        C::SqlConvertNumeric,
        C::SqlConvertReal,
        C::SqlConvertSmallint,
        C::SqlConvertTinyint,
    ];
    let texts = [C::SqlConvertChar, C::SqlConvertLongvarchar, C::SqlConvertVarchar];
    let moments = [C::SqlConvertDate, C::SqlConvertTime, C::SqlConvertTimestamp];
    let number = |values: &[C]| values.iter().map(|value| *value as i32).collect::<Vec<_>>();

    let mut map = BTreeMap::new();
    let from_number = number(&[&numbers[..], &texts, &[C::SqlConvertBit]].concat());
    for source in numbers.iter().chain(&[C::SqlConvertBit]) {
        map.insert(*source as i32, from_number.clone());
    }
    let from_text = number(
        &[&numbers[..], &texts, &moments, &[C::SqlConvertBit, C::SqlConvertVarbinary]].concat(),
    );
    for source in texts {
        map.insert(source as i32, from_text.clone());
    }
    let day = [C::SqlConvertDate, C::SqlConvertTimestamp];
    map.insert(C::SqlConvertDate as i32, number(&[&day[..], &texts].concat()));
    map.insert(C::SqlConvertTime as i32, number(&[&[C::SqlConvertTime][..], &texts].concat()));
    map.insert(C::SqlConvertTimestamp as i32, number(&[&moments[..], &texts].concat()));
    map.insert(
        C::SqlConvertVarbinary as i32,
        number(&[&[C::SqlConvertVarbinary][..], &texts].concat()),
    );
    map
}

fn objects(builder: &mut SqlInfoDataBuilder) {
    builder.append(Info::SqlDdlCatalog, false);
    builder.append(Info::SqlDdlSchema, true);
    builder.append(Info::SqlDdlTable, true);
    builder.append(Info::SqlSchemasSupportedActions, 0);
    builder.append(Info::SqlCatalogsSupportedActions, 0);
    builder.append(Info::SqlSupportedPositionedCommands, 0);
    builder.append(Info::SqlSelectForUpdateSupported, false);
    builder.append(Info::SqlStoredProceduresSupported, false);
    builder.append(Info::SqlStoredFunctionsUsingCallSyntaxSupported, false);
}

/// Zero means without a limit of its own.
fn limits(builder: &mut SqlInfoDataBuilder) {
    for info in [
        Info::SqlMaxBinaryLiteralLength,
        Info::SqlMaxCharLiteralLength,
        Info::SqlMaxColumnNameLength,
        Info::SqlMaxColumnsInGroupBy,
        Info::SqlMaxColumnsInIndex,
        Info::SqlMaxColumnsInOrderBy,
        Info::SqlMaxColumnsInSelect,
        Info::SqlMaxColumnsInTable,
        Info::SqlMaxConnections,
        Info::SqlMaxCursorNameLength,
        Info::SqlMaxIndexLength,
        Info::SqlDbSchemaNameLength,
        Info::SqlMaxProcedureNameLength,
        Info::SqlMaxCatalogNameLength,
        Info::SqlMaxRowSize,
        Info::SqlMaxStatementLength,
        Info::SqlMaxStatements,
        Info::SqlMaxTableNameLength,
        Info::SqlMaxTablesInSelect,
        Info::SqlMaxUsernameLength,
    ] {
        builder.append(info, 0_i64);
    }
    builder.append(Info::SqlMaxRowSizeIncludesBlobs, true);
}

fn transactions_and_results(builder: &mut SqlInfoDataBuilder) {
    builder.append(Info::SqlDefaultTransactionIsolation, 0_i64);
    builder.append(Info::SqlTransactionsSupported, false);
    builder.append(Info::SqlSupportedTransactionsIsolationLevels, mask(&[0]));
    builder.append(Info::SqlDataDefinitionCausesTransactionCommit, false);
    builder.append(Info::SqlDataDefinitionsInTransactionsIgnored, false);
    builder.append(Info::SqlSupportedResultSetTypes, mask(&[1]));
    builder.append(Info::SqlSupportedConcurrenciesForResultSetUnspecified, 0);
    builder.append(Info::SqlSupportedConcurrenciesForResultSetForwardOnly, mask(&[1]));
    builder.append(Info::SqlSupportedConcurrenciesForResultSetScrollSensitive, 0);
    builder.append(Info::SqlSupportedConcurrenciesForResultSetScrollInsensitive, 0);
    builder.append(Info::SqlBatchUpdatesSupported, true);
    builder.append(Info::SqlSavepointsSupported, false);
    builder.append(Info::SqlNamedParametersSupported, false);
    builder.append(Info::SqlLocatorsUpdateCopy, false);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::UInt32Type;

    use super::*;

    fn type_ids() -> HashMap<u32, i8> {
        let all = batch(&CommandGetSqlInfo { info: vec![] }).unwrap();
        let names = all.column(0).as_primitive::<UInt32Type>();
        let values = all.column(1).as_union();
        (0..all.num_rows()).map(|row| (names.value(row), values.type_id(row))).collect()
    }

    #[test]
    fn every_published_number_is_answered_and_no_other() {
        let ids = type_ids();
        let published: Vec<u32> = (0..=11).chain([100, 101]).chain(500..=576).collect();
        for number in &published {
            assert!(ids.contains_key(number), "{number}");
        }
        assert_eq!(ids.len(), published.len());
    }

    #[test]
    fn values_have_the_types_that_drivers_cast_to() {
        let ids = type_ids();
        let expect = |type_id: i8, numbers: &[u32]| {
            for number in numbers {
                assert_eq!(ids[number], type_id, "{number}");
            }
        };
        expect(0, &[0, 1, 2, 504, 513, 514, 529, 530, 531]);
        expect(1, &[3, 4, 5, 9, 10, 500, 506, 515, 519, 523, 536, 539, 556, 563, 572, 576]);
        expect(2, &[503, 505, 507, 562]);
        expect(2, &(541..=555).chain(557..=561).collect::<Vec<_>>());
        expect(3, &[8, 100, 101, 522, 525, 526, 528, 533, 534, 535, 538, 540, 564, 567, 568, 571]);
        expect(4, &[508, 509, 510, 511, 512]);
        expect(5, &[517]);
    }

    #[test]
    fn one_value_can_be_asked_for_and_the_schema_is_the_same() {
        let one = batch(&CommandGetSqlInfo { info: vec![8] }).unwrap();
        assert_eq!(one.num_rows(), 1);
        assert_eq!(one.schema(), schema());
        assert_eq!(batch(&CommandGetSqlInfo { info: vec![4711] }).unwrap().num_rows(), 0);
    }
}
