//! The Java program, part by part, each on a server of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use lakegate_tests::{Requirement, Server, binary, data, server, suite};
use libtest_mimic::Trial;
use tempfile::TempDir;

/// What the program needs of the machine.
const NEEDS: &[Requirement] = &[Requirement::Tool("javac"), Requirement::Tool("mvn")];
/// Arrow reads its buffers through a package that Java keeps closed.
const OPEN_BUFFERS: &str = "--add-opens=java.base/java.nio=ALL-UNNAMED";
/// The driver that `setup.sh` fetches.
const DRIVER: &str = "flight-sql-jdbc-driver-18.3.0.jar";
/// The parts of the program, as its first argument takes them.
const PARTS: [&str; 9] = [
    "connect",
    "wrong_password",
    "metadata",
    "metadata_sweep",
    "types",
    "prepared",
    "empty",
    "update",
    "cancel",
];

/// One test a part.
pub(crate) fn tests() -> Vec<Trial> {
    let part =
        |part: &'static str| suite::test_with(format!("jdbc::{part}"), NEEDS, move || run(part));
    PARTS.into_iter().map(part).collect()
}

fn run(part: &str) {
    let classes = classes();
    let mut server = Server::start();
    let output = Command::new("java")
        .args([OPEN_BUFFERS, "-cp"])
        .arg(format!("{}:{}", classes.display(), driver().display()))
        .args(["JdbcClient", part, server.address(), server::USER, server::PASSWORD])
        .arg(data::small())
        .output()
        .expect("java runs");
    report(&format!("jdbc {part}"), &output);
    server.assert_unharmed();
}

/// The folder with the compiled program; compiled once per run.
fn classes() -> PathBuf {
    static CLASSES: OnceLock<TempDir> = OnceLock::new();
    let folder = CLASSES.get_or_init(|| {
        data::python();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sources = fs::read_dir(binary::workspace().join("tests/clients/java"))
            .expect("the Java sources can be read")
            .map(|entry| entry.expect("an entry can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "java"));
        let mut javac = Command::new("javac");
        javac.args(["-Xlint:all", "-Werror", "-d"]).arg(folder.path()).arg("-cp").arg(driver());
        report("javac", &javac.args(sources).output().expect("javac runs"));
        folder
    });
    folder.path().to_path_buf()
}

fn driver() -> PathBuf {
    data::cache().join("jars").join(DRIVER)
}

fn report(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
