//! Who may read what, and what others learn of it.

mod grants;
mod history;
mod reach;
mod secrets;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, binary};
use libtest_mimic::Trial;

const PASSWORD: &str = "a password with blanks ";

pub(crate) fn tests() -> Vec<Trial> {
    [grants::tests(), history::tests(), reach::tests(), secrets::tests()]
        .into_iter()
        .flatten()
        .collect()
}

/// A server with a table and a user `ann` in a role `readers`, neither with a grant.
fn server() -> (Server, Sql, Sql) {
    let server = Server::start();
    let mut admin = server.connect();
    let file = binary::workspace().join("tests/slt/data/typed.parquet");
    let sql =
        format!("CREATE EXTERNAL TABLE hidden STORED AS PARQUET LOCATION '{}'", file.display());
    admin.run(&sql);
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    admin.run("CREATE ROLE readers");
    admin.run("GRANT readers TO ann");
    let ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    (server, admin, ann)
}
