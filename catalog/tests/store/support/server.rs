//! A PostgreSQL server for the time that the tests run.
//!
//! The script that starts it sees by its standard input that the tests have ended, however they do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};

struct Server {
    folder: String,
    /// Its standard input is closed when this process ends.
    _shell: Child,
}

/// Makes an empty database; its URL.
pub(crate) async fn new_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(start);
    let host = server.folder.replace('/', "%2F");
    let admin = format!("postgres://catalog@{host}/postgres");
    let name = format!("catalog_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0");
    connection.execute(sql.as_str()).await.unwrap();
    connection.close().await.unwrap();
    format!("postgres://catalog@{host}/{name}")
}

fn start() -> Server {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/postgres");
    let mut command = Command::new(script);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut folder = String::new();
    let mut answer = BufReader::new(child.stdout.take().unwrap());
    answer.read_line(&mut folder).unwrap();
    let folder = folder.trim().to_string();
    assert!(!folder.is_empty(), "PostgreSQL does not start; its messages are above");
    Server { folder, _shell: child }
}
