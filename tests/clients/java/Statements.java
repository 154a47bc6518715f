import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** Prepared statements, empty results and definitions. */
final class Statements {
    private Statements() {}

    static void prepared(JdbcClient client) throws SQLException {
        try (Connection connection = client.connect();
                PreparedStatement statement = connection.prepareStatement("SELECT 7 AS seven, 'x' AS word")) {
            ResultSetMetaData metadata = statement.getMetaData();
            Check.equal("columns before it runs", 2, metadata.getColumnCount());
            Check.equal("name before it runs", "seven", metadata.getColumnName(1));
            Check.equal("parameters", 0, statement.getParameterMetaData().getParameterCount());
            for (int round = 0; round < 5; round++) {
                try (ResultSet rows = statement.executeQuery()) {
                    Check.equal("rows", List.of(7L), Check.column(rows, 1));
                }
            }
        }
    }

    static void emptyResult(JdbcClient client) throws SQLException {
        try (Connection connection = client.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT 1 AS a, 'x' AS b WHERE false")) {
            // The driver up to 18.3 tells each column of an empty result twice (arrow-java 44).
            ResultSetMetaData metadata = rows.getMetaData();
            Check.holds("columns: " + metadata.getColumnCount(), metadata.getColumnCount() % 2 == 0);
            Check.equal("first column", "a", metadata.getColumnName(1));
            Check.equal("second column", "b", metadata.getColumnName(2));
            Check.equal("a row", false, rows.next());
        }
    }

    static void definitions(JdbcClient client) throws SQLException {
        try (Connection connection = client.connect(); Statement statement = connection.createStatement()) {
            Check.holds("count of a definition", statement.executeUpdate("CREATE SCHEMA made") <= 0);
            String text = Check.fails("making it twice", () -> statement.executeUpdate("CREATE SCHEMA made"));
            Check.holds("says already_exists: " + text, text.contains("already_exists"));
            Check.equal("execute tells a definition", false, statement.execute("DROP SCHEMA made"));
            Check.equal("execute tells a query", true, statement.execute("SELECT 1"));
            for (String[] wrong : new String[][] {
                {"SELEC 1", "syntax_error"}, {"SELECT * FROM nowhere", "table_not_found"}}) {
                String message = Check.fails(wrong[0], () -> statement.executeQuery(wrong[0]).close());
                Check.holds("says " + wrong[1] + ": " + message, message.contains(wrong[1]));
            }
            try (ResultSet rows = statement.executeQuery("SELECT 42 AS answer")) {
                Check.equal("rows after failures", List.of(42L), Check.column(rows, 1));
            }
        }
    }
}
