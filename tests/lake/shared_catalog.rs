//! The catalog in PostgreSQL: what it holds outlives servers and is the same for all of them.

use lakegate_tests::server::{Options, PASSWORD, USER};
use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Server, data, tests};
use libtest_mimic::Trial;

use crate::postgres::Postgres;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        tables_users_and_grants_outlive_the_server,
        two_servers_on_one_catalog_see_one_anothers_changes,
        servers_that_start_at_once_on_an_empty_database_share_one_admin,
    ]
}

/// A server on a catalog in PostgreSQL; every such server has the same master key.
fn on(postgres: &Postgres) -> Options {
    Options::default()
        .with_variable("LAKEGATE_CATALOG_URL", &postgres.url())
        .with_variable("LAKEGATE_MASTER_KEY", &"cd".repeat(32))
}

fn connect(server: &Server, user: &str, password: &str) -> Sql {
    Sql::connect(&server.url(), user, password).unwrap()
}

fn declare(sql: &mut Sql) {
    let numbers = data::small().join("parts");
    sql.run(&format!(
        "CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION '{}/'",
        numbers.display()
    ));
}

fn tables_users_and_grants_outlive_the_server() {
    let postgres = Postgres::start();
    let mut cluster = Cluster::start_with(on(&postgres), 2);
    let mut admin = cluster.server.connect();
    declare(&mut admin);
    admin.run("CREATE VIEW few AS SELECT n FROM numbers WHERE n < 10");
    admin.run("CREATE USER ann PASSWORD 'secret of ann'");
    admin.run("CREATE ROLE readers");
    admin.run("GRANT readers TO ann");
    admin.run("GRANT SELECT ON TABLE numbers TO readers");
    admin.run("CREATE CREDENTIAL keys TYPE S3 WITH (access_key_id = 'a')");
    admin.run("CREATE LOCATION raw URL 's3://bucket/raw/' CREDENTIAL keys");
    assert!(!cluster.server.data_folder().join("catalog.db").exists());

    let Cluster { server, executors } = cluster;
    cluster = Cluster { server: server.restart(), executors };
    cluster.wait_for_active(2);
    let mut ann = connect(&cluster.server, "ann", "secret of ann");
    for tier in ["local", "durable"] {
        ann.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        assert_eq!(ann.run("SELECT count(*), max(n) FROM numbers"), [["1000", "999"]], "{tier}");
    }
    assert_eq!(ann.fail("SELECT * FROM few").code(), "table_not_found");
    let mut admin = connect(&cluster.server, USER, PASSWORD);
    assert_eq!(admin.run("SELECT count(*) FROM few"), [["10"]]);
    assert_eq!(admin.fail("DROP CREDENTIAL keys").code(), "not_empty");
}

fn servers_that_start_at_once_on_an_empty_database_share_one_admin() {
    let postgres = Postgres::start();
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| on(&postgres).start())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for server in &servers {
        let users = connect(server, USER, PASSWORD).run("SELECT name FROM system.principals");
        assert_eq!(users, [["admin"]]);
    }
}

fn two_servers_on_one_catalog_see_one_anothers_changes() {
    let postgres = Postgres::start();
    let one = on(&postgres).start();
    let other = on(&postgres).start();
    let (mut here, mut there) = (one.connect(), other.connect());
    declare(&mut here);
    assert_eq!(there.run("SELECT count(*) FROM numbers"), [["1000"]]);
    there.run("CREATE USER ann PASSWORD 'first'");
    there.run("GRANT SELECT ON numbers TO ann");
    let mut ann = connect(&one, "ann", "first");
    assert_eq!(ann.run("SELECT count(*) FROM numbers"), [["1000"]]);
    there.run("REVOKE SELECT ON numbers FROM ann");
    assert_eq!(ann.fail("SELECT count(*) FROM numbers").code(), "project_not_found");
    there.run("ALTER TABLE numbers RENAME TO figures");
    assert_eq!(here.run("SELECT count(*) FROM figures"), [["1000"]]);
    here.run("DROP TABLE figures");
    assert_eq!(there.fail("SELECT count(*) FROM figures").code(), "table_not_found");
    // A password that was changed on one server opens the other no more.
    here.run("ALTER USER ann PASSWORD 'second'");
    assert!(Sql::connect(&other.url(), "ann", "first").is_err());
    connect(&other, "ann", "second");
}
