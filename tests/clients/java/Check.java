import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** What tests say about values. */
final class Check {
    private Check() {}

    /** A step that may fail with an SQL error. */
    interface Step {
        void run() throws SQLException;
    }

    static void equal(String what, Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    static void holds(String what, boolean value) {
        if (!value) {
            throw new AssertionError(what);
        }
    }

    /** Runs a step that must fail, and answers the message of the failure and its causes. */
    static String fails(String what, Step step) {
        try {
            step.run();
        } catch (SQLException error) {
            StringBuilder text = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                text.append(cause.getMessage()).append('\n');
            }
            return text.toString();
        }
        throw new AssertionError(what + " did not fail");
    }

    /** All values of one column; closes the result. */
    static List<Object> column(ResultSet rows, int index) throws SQLException {
        try (rows) {
            List<Object> values = new ArrayList<>();
            while (rows.next()) {
                values.add(rows.getObject(index));
            }
            return values;
        }
    }
}
