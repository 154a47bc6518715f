//! Tables, views and volumes over HTTP are those of SQL.

use std::path::PathBuf;
use std::time::Duration;

use lakegate_tests::random::Random;
use lakegate_tests::{Server, data, tests, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::client::Rest;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_table_is_that_of_sql,
        a_declared_table_has_the_columns_that_were_said,
        a_view_reads_with_the_rights_of_who_made_it,
        a_volume_is_only_files,
        files_of_lakegate_go_with_their_table,
        a_client_that_goes_away_leaves_no_files_of_dropped_tables,
        wrong_datasets_are_told,
    ]
}

/// The default schema.
pub(crate) fn public(rest: &Rest) -> Value {
    rest.only("/api/v1/schemas?name=public")["id"].clone()
}

fn file(name: &str) -> String {
    data::small().join(name).display().to_string()
}

fn a_table_is_that_of_sql() {
    let mut server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    let location = file("typed.parquet");
    let made = rest.post(
        "/api/v1/datasets",
        json!({"schema_id": public(&rest), "name": "By \"rest\"", "comment": "here",
               "properties": {"cost": "1"},
               "table": {"format": "parquet", "location": location}}),
    );
    sql.run(&format!("CREATE EXTERNAL TABLE by_sql STORED AS PARQUET LOCATION '{location}'"));
    let other = rest.only("/api/v1/datasets?name=by_sql");
    assert_eq!((&made["columns"], &made["table"]), (&other["columns"], &other["table"]));
    assert_eq!((&made["type"], &made["comment"]), (&json!("table"), &json!("here")));
    assert_eq!(sql.run("SELECT count(*) FROM \"By \"\"rest\"\"\""), [["4"]]);
    let path = format!("/api/v1/datasets/{}", made["id"].as_str().unwrap());
    assert_eq!(rest.get(&path), made);
    rest.patch(&path, json!({"name": "renamed"}));
    assert_eq!(sql.run("SELECT count(*) FROM renamed"), [["4"]]);
    rest.delete(&path);
    assert_eq!(sql.fail("SELECT 1 FROM renamed").code(), "table_not_found");
    assert_eq!(rest.refusal("GET", &path, None), "table_not_found");
    server.assert_unharmed();
}

fn a_declared_table_has_the_columns_that_were_said() {
    let server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    let table = json!({
        "format": "CSV", "location": file("semicolon.csv"),
        "columns": [{"name": "a", "type": "BIGINT"}, {"name": "B b", "type": "varchar"},
                    {"name": "c", "type": "DECIMAL(4, 2)"}],
        "options": {"format.delimiter": ";", "format.has_header": "false"},
    });
    let new = json!({"schema_id": public(&rest), "name": "t", "table": table});
    let made = rest.post("/api/v1/datasets", new);
    assert_eq!(made["columns"][0]["type"], "Int64");
    assert_eq!(made["columns"][1]["name"], "B b");
    assert_eq!(made["columns"][2]["type"], "Decimal128(4, 2)");
    assert_eq!(made["table"]["options"]["format.delimiter"], ";");
    let rows = sql.run("SELECT a, \"B b\", c FROM t ORDER BY a LIMIT 2");
    assert_eq!(rows, [["1", "one", "1.50"], ["2", "two; and a half", "2.50"]]);
}

fn a_view_reads_with_the_rights_of_who_made_it() {
    let server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    sql.run("CREATE VIEW base AS SELECT 1 AS n");
    let query = "SELECT n + 1 AS m FROM base";
    let new = json!({"schema_id": public(&rest), "name": "v", "view": {"query": query}});
    let made = rest.post("/api/v1/datasets", new);
    assert_eq!(made["view"]["query"], query);
    assert_eq!(made["columns"][0]["name"], "m");
    rest.post("/api/v1/users", json!({"name": "ann", "password": "x"}));
    let on_view = json!({"type": "dataset", "id": made["id"]});
    rest.post(
        "/api/v1/grants",
        json!({"grantee": "ann", "privilege": "select", "object": on_view}),
    );
    let ann = lakegate_tests::sql::Sql::connect(&server.url(), "ann", "x");
    assert_eq!(ann.unwrap().run("SELECT m FROM v"), [["2"]]);
    let seen = Rest::user(&server, "ann", "x").only("/api/v1/datasets");
    assert_eq!((&seen["id"], &seen["owners"]), (&made["id"], &json!([])));
}

fn a_volume_is_only_files() {
    let server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    let new = json!({"schema_id": public(&rest), "name": "files",
                     "volume": {"location": "s3://bucket/notes/"}});
    let made = rest.post("/api/v1/datasets", new);
    assert_eq!(made["volume"], json!({"is_managed": false, "location": "s3://bucket/notes/"}));
    assert_eq!(rest.only("/api/v1/datasets?type=volume"), made);
    assert_eq!(rest.get("/api/v1/datasets?type=view")["items"], json!([]));
    assert_eq!(sql.fail("SELECT * FROM files").code(), "invalid_statement");
    rest.delete(&format!("/api/v1/datasets/{}", made["id"].as_str().unwrap()));
}

/// A managed table is dropped by itself, with its schema, and with its project.
fn files_of_lakegate_go_with_their_table() {
    let server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    for kind in ["datasets", "schemas", "projects"] {
        sql.run("CREATE PROJECT lab");
        sql.run("CREATE SCHEMA lab.raw");
        sql.run("CREATE TABLE lab.raw.kept AS SELECT 1 AS n");
        let made = rest.only("/api/v1/datasets?name=kept");
        assert_eq!(made["table"]["is_managed"], true);
        let folder = made["table"]["location"].as_str().unwrap();
        let folder = PathBuf::from(folder.trim_start_matches("file://"));
        assert!(folder.is_dir(), "{}", folder.display());
        let name = match kind {
            "datasets" => "kept",
            "schemas" => "raw",
            _ => "lab",
        };
        let cascade = if kind == "datasets" { "" } else { "?cascade=true" };
        rest.delete(&format!("{}{cascade}", rest.path_of(kind, name)));
        wait::until("the files to be gone", Duration::from_secs(20), || {
            if folder.exists() { Err(folder.display().to_string()) } else { Ok(()) }
        });
        if kind != "projects" {
            sql.run("DROP PROJECT lab CASCADE");
        }
    }
}

fn a_client_that_goes_away_leaves_no_files_of_dropped_tables() {
    const TABLES: usize = 40;
    let mut server = Server::start();
    let (rest, mut sql) = (Rest::admin(&server), server.connect());
    let mut random = Random::seeded();
    for number in 0..TABLES {
        sql.run(&format!("CREATE TABLE t{number} (id BIGINT)"));
    }
    let mut paths: Vec<_> =
        (0..TABLES).map(|number| rest.path_of("datasets", &format!("t{number}"))).collect();
    let last = paths.pop().unwrap();
    for path in paths {
        let patience = random.moment(Duration::from_millis(8));
        rest.http().send_and_leave("DELETE", &path, patience).unwrap();
    }
    // Changes come one after the other, so those that had begun are done then.
    rest.delete(&last);
    let folders = || std::fs::read_dir(server.data_folder().join("tables")).unwrap().count();
    let left = rest.get("/api/v1/datasets?limit=1000")["items"].as_array().unwrap().len();
    wait::until("only files of tables that are there", Duration::from_secs(20), || {
        if folders() == left {
            Ok(())
        } else {
            Err(format!("{} folders, {left} tables", folders()))
        }
    });
    server.assert_unharmed();
}

fn wrong_datasets_are_told() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let schema = public(&rest);
    let parquet = |location: &str| json!({"format": "parquet", "location": file(location)});
    for (what, code) in [
        (json!({}), "invalid_argument"),
        (json!({"view": {"query": "SELECT 1"}, "volume": {"location": "/x/"}}), "invalid_argument"),
        (json!({"table": null}), "invalid_argument"),
        (json!({"table": {"format": "parquet"}}), "invalid_argument"),
        (json!({"view": {"query": "SELECT"}}), "syntax_error"),
        (json!({"view": {"query": "DROP TABLE x"}}), "unsupported"),
        (json!({"view": {"query": "SELECT * FROM nowhere"}}), "table_not_found"),
        (json!({"table": parquet("words.parquet")}), "invalid_file"),
        (json!({"table": parquet("no_such_file.parquet")}), "location_not_found"),
        (json!({"table": {"format": "docx", "location": file("typed.parquet")}}), "unsupported"),
        (
            json!({"table": {"format": "csv", "location": file("semicolon.csv"),
                          "columns": [{"name": "a", "type": "int, b int"}]}}),
            "invalid_statement",
        ),
        (
            json!({"table": {"format": "csv", "location": file("semicolon.csv"),
                          "columns": [{"name": "a", "type": "ARRAY<".repeat(50_000)}]}}),
            "invalid_statement",
        ),
        (
            json!({"table": {"format": "csv", "location": file("semicolon.csv"),
                          "options": {"format.nonsense": "x"}}}),
            "invalid_argument",
        ),
        (json!({"volume": {"location": "ftp://host/"}}), "unsupported"),
    ] {
        let mut new = json!({"schema_id": schema, "name": "t"});
        new.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        assert_eq!(rest.refusal("POST", "/api/v1/datasets", Some(&new)), code, "{what}");
    }
    assert_eq!(rest.get("/api/v1/datasets")["items"], json!([]));
    server.assert_unharmed();
}
