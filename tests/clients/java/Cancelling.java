import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Base64;

/** Going away in the middle of a result. */
final class Cancelling {
    private static final String ENDLESS =
            "SELECT a.x, b.y FROM generate_series(1, 1000000) AS a(x), generate_series(1, 1000000) AS b(y)";
    /** How long the server may take to notice, in nanoseconds. */
    private static final long NOTICED_WITHIN = 5_000_000_000L;

    private Cancelling() {}

    static void byClosingTheResult(JdbcClient client) throws SQLException, IOException, InterruptedException {
        try (Connection connection = client.connect(); Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery(ENDLESS);
            Check.holds("a first row", rows.next());
            Check.holds("the query is listed as running", queries(client).contains("\"running\""));
            rows.close();
            long end = System.nanoTime() + NOTICED_WITHIN;
            while (!queries(client).contains("\"cancelled\"")) {
                Check.holds("cancelled in time: " + queries(client), System.nanoTime() < end);
            }
            Check.holds("none runs any more", !queries(client).contains("\"running\""));
            try (ResultSet after = statement.executeQuery("SELECT 1")) {
                Check.holds("the connection still works", after.next());
            }
        }
    }

    private static String queries(JdbcClient client) throws IOException, InterruptedException {
        String credentials = client.user() + ":" + client.password();
        String basic = Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
        URI address = URI.create("http://" + client.address() + "/api/v1/queries");
        HttpRequest request = HttpRequest.newBuilder(address).header("Authorization", "Basic " + basic).build();
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        return http.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }
}
