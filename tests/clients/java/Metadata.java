import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** What exists, as tools ask for it on connect. */
final class Metadata {
    private Metadata() {}

    static void listsWhatExists(JdbcClient client) throws SQLException {
        try (Connection connection = client.connect()) {
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("CREATE SCHEMA meta");
                statement.executeUpdate("CREATE EXTERNAL TABLE meta.typed STORED AS PARQUET LOCATION '"
                        + client.data() + "/typed.parquet'");
                statement.executeUpdate("CREATE VIEW meta.names AS SELECT id, name FROM meta.typed");
            }
            DatabaseMetaData metadata = connection.getMetaData();
            Check.equal("product", "Lakegate", metadata.getDatabaseProductName());
            Check.holds("catalogs", Check.column(metadata.getCatalogs(), 1).contains("lakegate"));
            Check.holds("schemas", Check.column(metadata.getSchemas(), 1).contains("meta"));
            Check.equal("schemas by pattern", List.of("meta"), Check.column(metadata.getSchemas(null, "met_"), 1));
            Check.holds("table types", Check.column(metadata.getTableTypes(), 1).contains("VIEW"));
            Check.equal("tables", List.of("names", "typed"), sorted(metadata.getTables(null, "meta", "%", null), 3));
            Check.equal("views", List.of("names"),
                    sorted(metadata.getTables("lakegate", "meta", null, new String[] {"VIEW"}), 3));
            Check.equal("no table", List.of(), sorted(metadata.getTables(null, "meta", "nothing", null), 3));
            Check.equal("columns", List.of("id", "name"), sorted(metadata.getColumns(null, "meta", "names", "%"), 4));
            Check.equal("all columns", 16, sorted(metadata.getColumns(null, "meta", "typed", null), 4).size());
            Check.equal("keys", List.of(), sorted(metadata.getPrimaryKeys(null, "meta", "typed"), 4));
            Check.equal("imported", List.of(), sorted(metadata.getImportedKeys(null, "meta", "typed"), 4));
            Check.equal("exported", List.of(), sorted(metadata.getExportedKeys(null, "meta", "typed"), 4));
            metadata.getTypeInfo().close();
        }
    }

    /** Every getter without arguments, which is what database tools call on connect. */
    static void answersEveryGetter(JdbcClient client) throws SQLException, IllegalAccessException {
        List<String> failures = new ArrayList<>();
        int called = 0;
        try (Connection connection = client.connect()) {
            DatabaseMetaData metadata = connection.getMetaData();
            for (Method method : DatabaseMetaData.class.getMethods()) {
                if (method.getParameterCount() != 0) {
                    continue;
                }
                called++;
                try {
                    Object answer = method.invoke(metadata);
                    if (answer instanceof ResultSet rows) {
                        rows.close();
                    }
                } catch (InvocationTargetException error) {
                    failures.add(method.getName() + ": " + error.getCause());
                }
            }
        }
        Check.holds("called " + called, called > 100);
        Check.equal("getters that failed", List.of(), failures);
    }

    private static List<String> sorted(ResultSet rows, int column) throws SQLException {
        return Check.column(rows, column).stream().map(String::valueOf).sorted().toList();
    }
}
