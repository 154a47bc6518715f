import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** Logging in. */
final class Connecting {
    private Connecting() {}

    static void connects(JdbcClient client) throws SQLException {
        try (Connection connection = client.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT 1 AS one")) {
            Check.equal("column", "one", rows.getMetaData().getColumnName(1));
            Check.equal("rows", List.of(1L), Check.column(rows, 1));
            Check.holds("valid", connection.isValid(5));
            // What the driver does on these is its own affair; they must not fail.
            connection.setAutoCommit(true);
            Check.equal("auto commit", true, connection.getAutoCommit());
            connection.getWarnings();
            connection.clearWarnings();
            Check.equal("closed", false, connection.isClosed());
        }
        for (int round = 0; round < 20; round++) {
            try (Connection connection = client.connect()) {
                Check.equal("closed", false, connection.isClosed());
            }
        }
    }

    static void refusesWrongPasswords(JdbcClient client) {
        String[][] wrong = {
            {client.user(), "Zebra-9917"}, {client.user(), client.password().split(":")[0]}, {"nobody", client.password()}
        };
        for (String[] pair : wrong) {
            String text = Check.fails("connecting as " + pair[0], () -> {
                try (Connection connection = client.connect(pair[0], pair[1]);
                        Statement statement = connection.createStatement()) {
                    statement.executeQuery("SELECT 1").close();
                }
            });
            Check.holds("says unauthenticated: " + text, text.toLowerCase().contains("unauthenticated"));
            Check.holds("keeps the password", !text.contains(pair[1]));
        }
    }
}
