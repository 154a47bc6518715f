//! Wrong statements, files, passwords and settings: each a clear error with its code.

use std::fs;
use std::time::Duration;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Server, data, server, tests, wait, workload};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        wrong_statements_have_their_codes,
        wrong_locations_have_their_codes,
        wrong_passwords_are_refused,
        a_malformed_setting_harms_no_later_query,
        a_file_that_vanishes_or_breaks_fails_one_query,
        an_expired_ticket_is_refused,
        http_faults_are_problem_documents,
        noise_on_the_ports_harms_nothing,
        a_wrong_configuration_is_told_whole,
    ]
}

fn wrong_statements_have_their_codes() {
    let mut server = Server::start();
    let mut sql = server.connect();
    for (statement, code) in [
        ("SELEC 1", "syntax_error"),
        ("", "syntax_error"),
        ("SELECT 1; SELECT 2", "unsupported"),
        ("SELECT * FROM nowhere", "table_not_found"),
        ("SELECT a FROM (SELECT 1 AS b)", "column_not_found"),
        ("SELECT nonsense(1)", "function_not_found"),
        ("DROP TABLE nowhere", "table_not_found"),
        ("DROP SCHEMA nowhere", "schema_not_found"),
        ("SELECT 1 / (n - n) FROM generate_series(1, 3) AS t(n)", "data_error"),
    ] {
        let error = sql.fail(statement);
        assert_eq!(error.code(), code, "{statement}: {error}");
    }
    assert_eq!(sql.run("SELECT 1"), [["1"]]);
    server.assert_unharmed();
}

fn wrong_locations_have_their_codes() {
    let mut server = Server::start();
    let mut sql = server.connect();
    let folder = data::small().display().to_string();
    for (location, codes) in [
        ("words.parquet", &["invalid_file"][..]),
        ("only_notes/", &["location_empty"]),
        ("no_such_folder/", &["location_not_found", "location_empty"]),
        ("no_such_file.parquet", &["location_not_found", "location_empty"]),
    ] {
        let create =
            format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{folder}/{location}'");
        let error = sql.fail(&create);
        assert!(codes.contains(&error.code()), "{create}: {error}");
        assert!(error.to_string().contains(location.trim_end_matches('/')), "names it: {error}");
    }
    assert_eq!(sql.fail("SELECT * FROM t").code(), "table_not_found");
    server.assert_unharmed();
}

fn wrong_passwords_are_refused() {
    let mut server = Server::start();
    for (user, password) in
        [("admin", "wrong"), ("admin", ""), ("nobody", server::PASSWORD), ("", "")]
    {
        let refused = Sql::connect(&server.url(), user, password);
        let Err(error) = refused else { panic!("{user:?} with {password:?} could log in") };
        assert_eq!(error.code(), "unauthenticated", "{error}");
    }
    server.assert_unharmed();
}

fn a_malformed_setting_harms_no_later_query() {
    let mut cluster = Cluster::start(1);
    workload::create_flights(&cluster.server);
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    for setting in [
        "datafusion.execution.batch_size = 'abc'",
        "datafusion.execution.batch_size = -5",
        "datafusion.execution.batch_size = 99999999999999999999",
        "datafusion.execution.target_partitions = 0",
        "datafusion.execution.target_partitions = 'x'",
        "datafusion.execution.time_zone = 'nowhere'",
        "datafusion.optimizer.max_passes = 'x'",
        "ballista.shuffle.partitions = 'x'",
        "lakegate.execution.tier = 42",
        "lakegate.execution.timeout = '-1s'",
        "no.such.setting = 1",
    ] {
        let error = sql.fail(&format!("SET {setting}"));
        assert_eq!(error.code(), "invalid_setting", "SET {setting}: {error}");
        assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]], "after SET {setting}");
    }
    let mut other = workload::connect_with_tier(&cluster.server, "durable");
    assert_eq!(other.run("SELECT count(*) FROM flights"), [["3000000"]]);
    cluster.server.assert_unharmed();
}

fn a_file_that_vanishes_or_breaks_fails_one_query() {
    let mut cluster = Cluster::start(1);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let source = data::small().join("typed.parquet");
    let copies = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    for copy in &copies {
        fs::copy(&source, copy).expect("the file can be copied");
    }
    let location = folder.path().display();
    let create = format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{location}/'");
    cluster.server.connect().run(&create);
    for tier in ["local", "durable"] {
        let mut sql = workload::connect_with_tier(&cluster.server, tier);
        assert_eq!(sql.run("SELECT count(id) FROM t"), [["8"]], "{tier}");
        // Cut in the middle: the footer is gone.
        let whole = fs::read(&copies[1]).expect("the copy can be read");
        fs::write(&copies[1], &whole[..whole.len() / 2]).expect("the copy can be cut");
        let error = sql.fail("SELECT sum(id), max(name) FROM t");
        let codes = ["invalid_file", "storage_error"];
        assert!(codes.contains(&error.code()), "{tier}, cut: {error}");
        fs::write(&copies[1], &whole).expect("the copy can be mended");
        assert_eq!(sql.run("SELECT count(id) FROM t"), [["8"]], "{tier}, mended");
    }
    fs::remove_dir_all(folder.path()).expect("the folder can be removed");
    for tier in ["local", "durable"] {
        let error =
            workload::connect_with_tier(&cluster.server, tier).fail("SELECT max(name) FROM t");
        let codes = ["location_empty", "location_not_found", "storage_error"];
        assert!(codes.contains(&error.code()), "{tier}, vanished: {error}");
    }
    cluster.server.assert_unharmed();
}

fn an_expired_ticket_is_refused() {
    let options =
        server::Options::default().with_variable("LAKEGATE_LIMITS__TICKET_LIFETIME", "1s");
    let mut server = options.start();
    let script = "import os, sys\n\
                  sys.path.insert(0, os.environ['LAKEGATE_TEST_SCRIPTS'])\n\
                  import time, wire\n\
                  client = wire.Client()\n\
                  info = client.info(wire.statement('SELECT 1'))\n\
                  end = time.monotonic() + 30\n\
                  while True:\n\
                  \x20   try:\n\
                  \x20       client.read(info.endpoints[0].ticket).read_all()\n\
                  \x20   except Exception as error:\n\
                  \x20       print(error)\n\
                  \x20       break\n\
                  \x20   if time.monotonic() > end:\n\
                  \x20       sys.exit('the ticket does not expire')\n\
                  \x20   time.sleep(0.1)\n";
    let output = std::process::Command::new(data::python())
        .args(["-c", script])
        .env(
            "LAKEGATE_TEST_SCRIPTS",
            lakegate_tests::binary::workspace().join("tests/clients/python"),
        )
        .env("LAKEGATE_TEST_ADDRESS", server.address())
        .env("LAKEGATE_TEST_USER", server::USER)
        .env("LAKEGATE_TEST_PASSWORD", server::PASSWORD)
        .env("LAKEGATE_TEST_DATA", data::small())
        .output()
        .expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{faults}");
    assert!(text.contains("ticket_expired"), "{text}");
    server.assert_unharmed();
}

fn http_faults_are_problem_documents() {
    let mut server = Server::start();
    let http = server.http();
    for (path, status) in [
        ("/api/v1/queries/00000000-0000-0000-0000-000000000000", 404),
        ("/api/v1/queries/nonsense", 400),
        ("/api/v1/no-such-thing", 404),
    ] {
        let answer = http.get(path).expect("HTTP answers");
        let expected = [status, 404];
        assert!(expected.contains(&answer.status), "{path}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status, "{path}: {problem}");
        assert!(problem["code"].is_string() && problem["title"].is_string(), "{path}: {problem}");
    }
    server.assert_unharmed();
}

fn noise_on_the_ports_harms_nothing() {
    use std::io::Write as _;
    use std::net::TcpStream;

    let mut cluster = Cluster::start(1);
    let ports = [cluster.server.address(), cluster.server.cluster_address()].map(str::to_owned);
    let noise: Vec<u8> =
        (0..4096_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    for address in &ports {
        for message in [
            &noise[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01",
        ] {
            let mut stream = TcpStream::connect(address).expect("the port is open");
            // The server may close the connection before all is written.
            let _ = stream.write_all(message);
        }
    }
    cluster.server.assert_unharmed();
    cluster.wait_for_active(1);
}

fn a_wrong_configuration_is_told_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("lakegate.toml");
    fs::write(&file, "listn = \"127.0.0.1:0\"\n[queries]\nrunning = 0\n").expect("written");
    let mut command = std::process::Command::new(lakegate_tests::binary::lakegate());
    command.arg("serve").arg("--config").arg(&file).arg("--data-dir").arg(folder.path());
    lakegate_tests::process::remove_settings(&mut command);
    let mut process = lakegate_tests::process::Process::spawn("misconfigured server", command);
    let status = process.wait_for_exit(Duration::from_secs(20));
    assert!(!status.success());
    for key in ["listn", "running"] {
        wait::until(&format!("{key} to be told"), Duration::from_secs(5), || {
            if process.log_contains(key) { Ok(()) } else { Err(process.log_tail()) }
        });
    }
}
