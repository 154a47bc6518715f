//! A PostgreSQL server for the time that the tests run.
//!
//! It listens on a socket in a folder of its own. A shell looks after it, which sees by its
//! standard input that the tests have ended, however they do, stops the server and removes the
//! folder.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};

/// Where Debian puts the versions of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user that the server runs as where the tests run as root, which PostgreSQL refuses to.
const UNPRIVILEGED: &str = "postgres";

const SCRIPT: &str = r#"
trap '' INT TERM HUP
bin=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/lakegate-postgres-XXXXXX") || exit 1
cd "$folder"
if "$bin/initdb" -D data -U catalog -A trust -E UTF8 --locale=C --no-sync >log 2>&1; then
    "$bin/postgres" -D data -k "$folder" -c listen_addresses= -c max_connections=300 \
        -c fsync=off -c full_page_writes=off -c synchronous_commit=off >>log 2>&1 </dev/null &
    server=$!
    until "$bin/pg_isready" -q -h "$folder" || ! kill -0 $server 2>/dev/null; do sleep 0.1; done
    kill -0 $server 2>/dev/null && echo "$folder"
    cat >/dev/null
    kill -INT $server 2>/dev/null
    wait $server
else
    cat log >&2
fi
rm -rf "$folder"
"#;

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
    let bin = newest_version().unwrap_or_else(|| {
        panic!("no PostgreSQL below {VERSIONS}: install the Debian package postgresql")
    });
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = match is_root {
        true => Command::new("setpriv"),
        false => Command::new("sh"),
    };
    if is_root {
        let user = ["--reuid", UNPRIVILEGED, "--regid", UNPRIVILEGED, "--clear-groups", "sh"];
        command.args(user);
    }
    let mut child = command
        .args(["-c", SCRIPT, "postgres-for-tests"])
        .arg(bin)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut folder = String::new();
    let mut answer = BufReader::new(child.stdout.take().unwrap());
    answer.read_line(&mut folder).unwrap();
    let folder = folder.trim().to_string();
    assert!(!folder.is_empty(), "PostgreSQL does not start; its messages are above");
    Server { folder, _shell: child }
}

fn newest_version() -> Option<PathBuf> {
    let versions = std::fs::read_dir(Path::new(VERSIONS)).ok()?.filter_map(Result::ok);
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(version)?;
    let bin = newest.join("bin");
    bin.join("postgres").exists().then_some(bin)
}
