//! Views over what their readers may not read: what they see of it, and what they are told.

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, tests};
use libtest_mimic::Trial;

const PASSWORD: &str = "x";
/// What no answer to `ann` may hold.
const HIDDEN: [&str; 7] = ["cust", "tenant", "allowed", "SECRET", "other", ".parquet", "tables/"];

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        what_a_caller_writes_sees_no_row_that_a_view_leaves_out,
        what_passes_a_view_gives_the_same_rows,
        explain_shows_nothing_of_what_lies_below_a_view,
        a_view_over_what_one_may_read_is_planned_as_if_written_out,
        what_fails_inside_of_a_view_is_told_without_its_cause,
        the_query_of_a_view_is_for_who_manages_it,
        a_view_of_a_view_hides_what_its_maker_may_not_read,
        a_view_never_reads_itself,
    ]
}

/// A server alone, and one with executors that the session of `ann` insists on.
fn both(test: impl Fn(&Cluster, Sql, Sql)) {
    for executors in [0, 2] {
        let cluster = match executors {
            0 => Cluster { server: lakegate_tests::Server::start(), executors: Vec::new() },
            count => Cluster::start(count),
        };
        let mut admin = cluster.server.connect();
        for sql in [
            "CREATE SCHEMA sec",
            "CREATE TABLE sec.cust (tenant TEXT, name TEXT, n INT)",
            "INSERT INTO sec.cust VALUES ('me', '10', 1)",
            "INSERT INTO sec.cust VALUES ('other', 'SECRET-NAME', 0)",
            "CREATE TABLE sec.allowed (tenant TEXT)",
            "INSERT INTO sec.allowed VALUES ('me')",
            "CREATE USER ann PASSWORD 'x'",
            "CREATE SCHEMA work",
            "GRANT CREATE ON SCHEMA work TO ann",
            "CREATE VIEW filtered AS SELECT name, n FROM sec.cust WHERE tenant = 'me'",
            "CREATE VIEW joined AS SELECT c.name, c.n FROM sec.cust c JOIN sec.allowed a ON c.tenant = a.tenant",
            "CREATE VIEW chosen AS SELECT name, n FROM sec.cust WHERE tenant IN (SELECT tenant FROM sec.allowed)",
            "CREATE VIEW largest AS SELECT name, n FROM sec.cust WHERE n = (SELECT max(n) FROM sec.cust)",
            "CREATE VIEW counted AS SELECT name, max(n) AS n FROM sec.cust WHERE tenant = 'me' GROUP BY name",
            "CREATE VIEW first AS SELECT name, n FROM sec.cust WHERE tenant = 'me' ORDER BY n LIMIT 5",
            "CREATE VIEW united AS SELECT name, n FROM sec.cust WHERE tenant = 'me' \
             UNION ALL SELECT name, n FROM sec.cust WHERE tenant = 'nobody'",
        ] {
            admin.run(sql);
        }
        for view in VIEWS {
            admin.run(&format!("GRANT SELECT ON VIEW {view} TO ann"));
        }
        let mut ann = Sql::connect(&cluster.server.url(), "ann", PASSWORD).unwrap();
        if executors > 0 {
            ann.run("SET lakegate.execution.tier = 'durable'");
        }
        test(&cluster, admin, ann);
    }
}

/// Views that give the one row of `me`.
const VIEWS: [&str; 7] = ["filtered", "joined", "chosen", "largest", "counted", "first", "united"];

fn assert_hidden(told: &str) {
    for word in HIDDEN {
        assert!(!told.contains(word), "{word:?} is told: {told}");
    }
}

fn what_a_caller_writes_sees_no_row_that_a_view_leaves_out() {
    both(|_, _, mut ann| {
        for view in VIEWS {
            for (sql, expected) in [
                ("SELECT n FROM v WHERE CAST(name AS INT) = 10", "1"),
                ("SELECT name FROM v WHERE 1 / n = 1", "10"),
                ("SELECT name FROM v WHERE 1 / n = 1 AND name = '10' AND n IS NOT NULL", "10"),
                ("SELECT 1 / n FROM v", "1"),
                ("SELECT CAST(name AS INT) + n FROM v", "11"),
                ("SELECT name FROM v ORDER BY 1 / n", "10"),
                ("SELECT name FROM v ORDER BY CAST(name AS INT) LIMIT 1", "10"),
                ("SELECT sum(CAST(name AS INT)) FROM v", "10"),
                ("SELECT count(*) FROM v GROUP BY 1 / n", "1"),
                ("SELECT max(name) FROM v HAVING max(1 / n) = 1", "10"),
                ("SELECT x FROM v JOIN (VALUES (10)) AS w (x) ON CAST(name AS INT) = x", "10"),
                ("SELECT a.n FROM v a JOIN v b ON 1 / a.n = b.n", "1"),
                (
                    "SELECT x FROM (VALUES (1)) AS w (x) WHERE EXISTS \
                     (SELECT 1 FROM v WHERE 1 / n = x)",
                    "1",
                ),
                ("SELECT 1 WHERE 10 IN (SELECT CAST(name AS INT) FROM v)", "1"),
                ("SELECT (SELECT max(1 / n) FROM v)", "1"),
                ("SELECT row_number() OVER (ORDER BY 1 / n) FROM v", "1"),
                ("WITH w AS (SELECT 1 / n AS x FROM v) SELECT x FROM w WHERE x = 1", "1"),
                ("SELECT DISTINCT 1 / n FROM v", "1"),
                ("SELECT sum(x) FROM (SELECT 1 / n AS x FROM v UNION ALL SELECT 5)", "6"),
            ] {
                let sql = sql.replace("FROM v", &format!("FROM {view}"));
                let sql = sql.replace("JOIN v ", &format!("JOIN {view} "));
                assert_eq!(ann.run(&sql), [[expected]], "{sql}");
            }
        }
        // What one wrote oneself is told.
        let told = ann.fail("SELECT CAST('mine' || name AS INT) FROM filtered").to_string();
        assert!(told.contains("mine10"), "{told}");
        for view in VIEWS {
            let told = ann.fail(&format!("SELECT input_file_name() FROM {view}")).to_string();
            assert_hidden(&told);
        }
    });
}

fn what_passes_a_view_gives_the_same_rows() {
    both(|_, mut admin, mut ann| {
        admin.run("INSERT INTO sec.cust SELECT 'me', CAST(value AS TEXT), value FROM generate_series(11, 40)");
        admin.run("INSERT INTO sec.cust VALUES ('me', NULL, NULL)");
        for condition in [
            "n = 12",
            "n > 12 AND n <= 20",
            "n IN (11, 13, 99)",
            "n IS NULL",
            "NOT n = 12",
            "name >= '2' OR n < 15",
            "n BETWEEN 12 AND 14 AND n % 2 = 0",
            "name LIKE '3%'",
            "n = 0",
        ] {
            for view in ["filtered", "joined", "chosen", "counted", "united"] {
                let sql = format!("SELECT name, n FROM {view} WHERE {condition} ORDER BY n, name");
                assert_eq!(ann.run(&sql), admin.run(&sql), "{sql}");
            }
        }
        for sql in [
            "SELECT n FROM filtered ORDER BY n DESC NULLS LAST LIMIT 3",
            "SELECT count(*), count(name), sum(n) FROM joined",
            "SELECT n FROM first",
            "SELECT count(*) FROM (SELECT * FROM united LIMIT 7)",
        ] {
            assert_eq!(ann.run(sql), admin.run(sql), "{sql}");
        }
    });
}

fn explain_shows_nothing_of_what_lies_below_a_view() {
    both(|_, mut admin, mut ann| {
        for view in VIEWS {
            for explain in [
                "EXPLAIN",
                "EXPLAIN VERBOSE",
                "EXPLAIN ANALYZE",
                "EXPLAIN ANALYZE VERBOSE",
                "EXPLAIN FORMAT TREE",
                "EXPLAIN FORMAT GRAPHVIZ",
            ] {
                let sql =
                    format!("{explain} SELECT name FROM {view} WHERE name > '0' AND 1 / n = 1");
                let Ok(rows) = ann.rows(&sql) else {
                    assert_hidden(&ann.fail(&sql).to_string());
                    continue;
                };
                let told = format!("{rows:?}");
                assert_hidden(&told);
                assert!(told.contains(view), "{sql}: {told}");
                assert!(
                    !told.contains("bytes_scanned") && !told.contains("to scan"),
                    "{sql}: {told}"
                );
            }
        }
        let told = format!("{:?}", admin.run("EXPLAIN SELECT name FROM filtered"));
        assert!(told.contains("cust") && told.contains("tenant"), "{told}");
    });
}

fn a_view_over_what_one_may_read_is_planned_as_if_written_out() {
    both(|_, mut admin, mut ann| {
        admin.run("GRANT SELECT ON SCHEMA sec TO ann");
        let told = format!("{:?}", ann.run("EXPLAIN SELECT name FROM joined WHERE 1 / n = 1"));
        assert!(told.contains("cust") && !told.contains("Barrier"), "{told}");
        let told = ann.fail("SELECT CAST('x' || name AS INT) FROM filtered").to_string();
        assert!(told.contains("x10"), "{told}");
    });
}

fn what_fails_inside_of_a_view_is_told_without_its_cause() {
    both(|_, mut admin, mut ann| {
        for (name, query) in [
            ("cast_up", "SELECT CAST(name AS INT) AS k FROM sec.cust"),
            ("summed", "SELECT sum(CAST(name AS INT)) AS k FROM sec.cust GROUP BY tenant"),
            ("sorted", "SELECT 1 / n AS k FROM sec.cust ORDER BY name"),
            ("matched", "SELECT a.n AS k FROM sec.cust a JOIN sec.cust b ON 1 / a.n = b.n"),
            (
                "asked",
                "SELECT n AS k FROM sec.cust WHERE n = (SELECT max(CAST(name AS INT)) FROM sec.cust)",
            ),
        ] {
            admin.run(&format!("CREATE VIEW {name} AS {query}"));
            admin.run(&format!("GRANT SELECT ON VIEW {name} TO ann"));
            for sql in [
                format!("SELECT k FROM {name}"),
                format!("SELECT max(k) FROM {name}"),
                format!("SELECT k FROM {name} WHERE k * 2 = 20"),
                format!("EXPLAIN ANALYZE SELECT k FROM {name}"),
                format!("CREATE TABLE work.t AS SELECT k FROM {name}"),
            ] {
                let told = ann.fail(&sql);
                assert_eq!(told.code(), "data_error", "{sql}: {told}");
                assert_hidden(&told.to_string());
                assert!(
                    told.to_string().contains(&format!("view lakegate.public.{name}")),
                    "{told}"
                );
            }
            let told = admin.fail(&format!("SELECT k FROM {name}")).to_string();
            assert!(told.contains("SECRET") || told.contains("ivide"), "{told}");
        }
        // What changed below it.
        for change in [
            "CREATE OR REPLACE TABLE sec.cust AS SELECT 'me' AS tenant, 1 AS other",
            "CREATE OR REPLACE TABLE sec.cust AS SELECT 'me' AS name, 1 AS other",
            "DROP TABLE sec.cust",
        ] {
            admin.run(change);
            for sql in ["SELECT * FROM summed", "EXPLAIN SELECT k FROM summed"] {
                let told = ann.fail(sql);
                assert_hidden(&told.to_string());
                assert!(told.to_string().contains("view lakegate.public.summed"), "{told}");
            }
        }
        let told = admin.fail("SELECT * FROM summed").to_string();
        assert!(told.contains("sec.cust"), "{told}");
    });
}

fn the_query_of_a_view_is_for_who_manages_it() {
    both(|cluster, mut admin, mut ann| {
        ann.run("SET lakegate.execution.tier = 'auto'");
        let http = lakegate_tests::http::Http::new(cluster.server.address(), "ann", PASSWORD);
        let surfaces = |ann: &mut Sql| {
            let rows = ann.run(
                "SELECT definition FROM information_schema.views WHERE table_name = 'filtered'",
            );
            let named = ann.run(
                "SELECT definition FROM information_schema.views JOIN filtered ON true \
                 WHERE table_name = 'filtered'",
            );
            let described = ann.run("DESCRIBE EXTENDED filtered");
            let listed = http.get("/api/v1/datasets?name=filtered").unwrap().body;
            [format!("{rows:?}"), format!("{named:?}"), format!("{described:?}"), listed]
        };
        surfaces(&mut ann).iter().for_each(|told| assert_hidden(told));
        let refused = ann.fail("SHOW CREATE VIEW filtered");
        assert_eq!(refused.code(), "permission_denied");
        assert_hidden(&refused.to_string());
        admin.run("GRANT MANAGE ON VIEW filtered TO ann");
        for told in surfaces(&mut ann) {
            assert!(told.contains("sec.cust"), "{told}");
        }
        assert!(format!("{:?}", ann.run("SHOW CREATE VIEW filtered")).contains("sec.cust"));
    });
}

fn a_view_of_a_view_hides_what_its_maker_may_not_read() {
    both(|cluster, mut admin, mut ann| {
        ann.run("CREATE VIEW work.outer AS SELECT name, n FROM filtered WHERE n < 5");
        admin.run("CREATE USER bob PASSWORD 'x'");
        ann.run("GRANT SELECT ON VIEW work.outer TO bob");
        let mut bob = Sql::connect(&cluster.server.url(), "bob", PASSWORD).unwrap();
        for reader in [&mut ann, &mut bob] {
            assert_eq!(
                reader.run("SELECT CAST(name AS INT) FROM work.outer WHERE 1 / n = 1"),
                [["10"]]
            );
            assert_hidden(&format!("{:?}", reader.run("EXPLAIN SELECT * FROM work.outer")));
        }
        let told = format!("{:?}", bob.run("EXPLAIN SELECT * FROM work.outer"));
        assert!(told.contains("work.outer") && !told.contains("filtered"), "{told}");
        let told = format!("{:?}", ann.run("EXPLAIN SELECT * FROM work.outer"));
        assert!(told.contains("filtered"), "{told}");
        admin.run("DROP VIEW filtered");
        assert!(ann.fail("SELECT * FROM work.outer").to_string().contains("filtered"));
        let told = bob.fail("SELECT * FROM work.outer").to_string();
        assert!(told.contains("work.outer") && !told.contains("filtered"), "{told}");
    });
}

fn a_view_never_reads_itself() {
    let server = lakegate_tests::Server::start();
    let mut admin = server.connect();
    admin.run("CREATE VIEW a AS SELECT 1 AS x");
    admin.run("CREATE VIEW b AS SELECT * FROM a");
    admin.run("CREATE VIEW c AS SELECT x FROM b WHERE x IN (SELECT x FROM a)");
    for circle in [
        "ALTER VIEW a AS SELECT * FROM a",
        "ALTER VIEW a AS SELECT * FROM c",
        "CREATE OR REPLACE VIEW a AS SELECT 1 AS x WHERE EXISTS (SELECT 1 FROM b)",
    ] {
        let told = admin.fail(circle);
        assert_eq!(told.code(), "invalid_statement", "{circle}");
        assert!(told.to_string().contains("would read itself"), "{told}");
    }
    // The name that another one reads and that nobody has any more.
    admin.run("ALTER VIEW a RENAME TO gone");
    let told = admin.fail("ALTER VIEW c RENAME TO a");
    assert!(told.to_string().contains("would read itself"), "{told}");
    admin.run("ALTER VIEW gone RENAME TO a");
    assert_eq!(admin.run("SELECT x FROM c"), [["1"]]);
}
