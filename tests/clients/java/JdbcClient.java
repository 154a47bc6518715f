import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;

/** Runs one part of the JDBC tests against a server; exits with 1 and says why when it fails. */
public final class JdbcClient {
    private final String address;
    private final String user;
    private final String password;
    private final String data;

    private JdbcClient(String address, String user, String password, String data) {
        this.address = address;
        this.user = user;
        this.password = password;
        this.data = data;
    }

    /** Arguments: part, host:port, user, password, folder with test data. */
    public static void main(String[] arguments) throws Exception {
        JdbcClient client = new JdbcClient(arguments[1], arguments[2], arguments[3], arguments[4]);
        switch (arguments[0]) {
            case "connect" -> Connecting.connects(client);
            case "wrong_password" -> Connecting.refusesWrongPasswords(client);
            case "metadata" -> Metadata.listsWhatExists(client);
            case "metadata_sweep" -> Metadata.answersEveryGetter(client);
            case "types" -> Types.arrive(client);
            case "prepared" -> Statements.prepared(client);
            case "empty" -> Statements.emptyResult(client);
            case "update" -> Statements.definitions(client);
            case "cancel" -> Cancelling.byClosingTheResult(client);
            default -> throw new IllegalArgumentException("no part " + arguments[0]);
        }
        System.out.println("passed");
        // Threads of the driver may still wait for something.
        System.exit(0);
    }

    Connection connect() throws SQLException {
        return connect(user, password);
    }

    Connection connect(String user, String password) throws SQLException {
        Properties properties = new Properties();
        properties.put("user", user);
        properties.put("password", password);
        properties.put("useEncryption", "false");
        return DriverManager.getConnection("jdbc:arrow-flight-sql://" + address + "/", properties);
    }

    String address() {
        return address;
    }

    String user() {
        return user;
    }

    String password() {
        return password;
    }

    String data() {
        return data;
    }
}
