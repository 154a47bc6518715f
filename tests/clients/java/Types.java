import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A value and a null of each type, by getObject and by the getter that programs use. */
final class Types {
    private Types() {}

    private static final String[] TYPES = {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "DECIMAL(10, 2)", "VARCHAR", "DATE",
        "TIME", "TIMESTAMP", "BYTEA"
    };

    static void arrive(JdbcClient client) throws SQLException {
        List<String> failures = new ArrayList<>();
        try (Connection connection = client.connect(); Statement statement = connection.createStatement()) {
            for (Map.Entry<String, Object> entry : scalars().entrySet()) {
                check(statement, entry.getKey(), entry.getValue(), failures);
            }
            for (String type : TYPES) {
                check(statement, "CAST(NULL AS " + type + ")", null, failures);
            }
            for (String expression : List.of("TIMESTAMP '2024-02-29 12:34:56.789'", "CAST('23:59:59' AS TIME)",
                    "arrow_cast('2024-02-29T12:34:56Z', 'Timestamp(Microsecond, Some(\"UTC\"))')", "[1, 2, NULL]",
                    "named_struct('a', 1, 'b', 'x')", "MAP {'k': 1}", "INTERVAL '1 month'", "arrow_cast(X'00ff', 'Binary')",
                    "arrow_cast('x', 'Utf8View')", "arrow_cast('x', 'LargeUtf8')", "arrow_cast('x', 'Dictionary(Int32, Utf8)')",
                    "arrow_cast(7, 'UInt64')", "NULL")) {
                readable(statement, expression, failures);
            }
            fromFiles(client, statement, failures);
        }
        Check.equal("failures", List.of(), failures);
    }

    private static Map<String, Object> scalars() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("CAST(true AS BOOLEAN)", true);
        values.put("CAST(-128 AS TINYINT)", (byte) -128);
        values.put("CAST(-32768 AS SMALLINT)", (short) -32768);
        values.put("CAST(-2147483648 AS INTEGER)", Integer.MIN_VALUE);
        values.put("CAST(9223372036854775807 AS BIGINT)", Long.MAX_VALUE);
        // The driver hands REAL on as Double.
        values.put("CAST(0.5 AS REAL)", 0.5d);
        values.put("CAST(-1.25 AS DOUBLE)", -1.25d);
        values.put("CAST('-12345678.90' AS DECIMAL(10, 2))", new BigDecimal("-12345678.90"));
        values.put("CAST('zwölf' AS VARCHAR)", "zwölf");
        values.put("DATE '2024-02-29'", Date.valueOf("2024-02-29"));
        return values;
    }

    private static void check(Statement statement, String expression, Object expected, List<String> failures) {
        try (ResultSet rows = statement.executeQuery("SELECT " + expression + " AS v")) {
            rows.next();
            Object found = rows.getObject(1);
            boolean equal = expected instanceof Date date ? date.toString().equals(String.valueOf(found))
                    : expected == null ? found == null && rows.wasNull() : expected.equals(found);
            if (!equal) {
                String type = found == null ? "" : " of " + found.getClass().getName();
                failures.add(expression + ": expected " + expected + ", found " + found + type);
            }
        } catch (SQLException | RuntimeException error) {
            failures.add(expression + ": " + error);
        }
    }

    private static void readable(Statement statement, String expression, List<String> failures) {
        try (ResultSet rows = statement.executeQuery("SELECT " + expression + " AS v")) {
            rows.next();
            Object found = value(rows, 1);
            if (found == null && !expression.equals("NULL")) {
                failures.add(expression + ": found null");
            }
        } catch (SQLException | RuntimeException error) {
            failures.add(expression + ": " + error);
        }
    }

    private static void fromFiles(JdbcClient client, Statement statement, List<String> failures) throws SQLException {
        for (String name : List.of("typed", "nested")) {
            statement.executeUpdate("CREATE EXTERNAL TABLE " + name + " STORED AS PARQUET LOCATION '" + client.data() + "/"
                    + name + ".parquet'");
            try (ResultSet rows = statement.executeQuery("SELECT * FROM " + name + " ORDER BY id")) {
                int columns = rows.getMetaData().getColumnCount();
                int count = 0;
                while (rows.next()) {
                    count++;
                    for (int column = 1; column <= columns; column++) {
                        read(rows, name, column, failures);
                    }
                }
                Check.equal("rows of " + name, 4, count);
            }
        }
    }

    /** The driver's getObject knows no time stamps with a zone (arrow-java 839); programs use getTimestamp. */
    private static Object value(ResultSet rows, int column) throws SQLException {
        boolean zoned = rows.getMetaData().getColumnType(column) == java.sql.Types.TIMESTAMP_WITH_TIMEZONE;
        return zoned ? rows.getTimestamp(column) : rows.getObject(column);
    }

    private static void read(ResultSet rows, String name, int column, List<String> failures) {
        try {
            value(rows, column);
            rows.getMetaData().getColumnTypeName(column);
        } catch (SQLException | RuntimeException error) {
            failures.add(name + " column " + column + ": " + error);
        }
    }
}
