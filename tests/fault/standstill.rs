//! Parts of a running server that stand still, without anything being lost.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lakegate_tests::{
    Cluster, Executor, Requirement, Server, binary, cluster, server, tests, wait, workload,
};
use libtest_mimic::Trial;

/// When a query counts as stuck here, twice in a row. Executors that hang are given up only after
/// some fifteen seconds: until then they are there and do nothing.
const STUCK_AFTER: &str = "2s";
/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(90);

pub(crate) fn tests() -> Vec<Trial> {
    let mut all = tests![a_query_that_nothing_moves_fails_as_stuck_and_harms_no_other];
    all.extend(tests![needs &[Requirement::Root, Requirement::Tool("python3")];
        healthz_tells_when_the_durable_tier_stands_still,
    ]);
    all
}

fn signal_all(executors: &mut [Executor], signal: &str) {
    executors.iter_mut().for_each(|executor| executor.process().signal(signal));
}

fn a_query_that_nothing_moves_fails_as_stuck_and_harms_no_other() {
    let options =
        server::Options::default().with_variable("LAKEGATE_DURABLE__STUCK_AFTER", STUCK_AFTER);
    let mut cluster = Cluster::start_with(options, 2);
    workload::create_flights(&cluster.server);
    let expected =
        workload::connect_with_tier(&cluster.server, "local").run(workload::long_query());
    // Stopped before they have anything to do with the query, so they never said that they work on it.
    signal_all(&mut cluster.executors, "STOP");
    let query =
        workload::connect_with_tier(&cluster.server, "durable").spawn(workload::long_query());
    let told = cluster.server.queries();
    told.wait_for_new(&[], DEADLINE);
    cluster.server.assert_unharmed();
    wait::until("the query to end", DEADLINE, || {
        if query.is_finished() { Ok(()) } else { Err(format!("{:?}", told.recent())) }
    });
    let error = query.join().expect("the query's thread lives").expect_err("nobody worked on it");
    assert_eq!(error.code(), "query_stuck", "{error}");
    cluster.server.assert_unharmed();
    signal_all(&mut cluster.executors, "CONT");
    assert_takes_work_again(&cluster, &expected);
    cluster.server.assert_unharmed();
}

/// The executors may have been given up meanwhile and join anew.
fn assert_takes_work_again(cluster: &Cluster, expected: &[Vec<String>]) {
    cluster.wait_for_active(2);
    wait_for_tasks(cluster, |running| running.iter().all(|tasks| *tasks == 0));
    let query =
        workload::connect_with_tier(&cluster.server, "durable").spawn(workload::long_query());
    wait_for_tasks(cluster, |running| running.iter().all(|tasks| *tasks > 0));
    let rows = query.join().expect("the query's thread lives");
    assert!(rows.as_deref().is_ok_and(|rows| rows == expected), "another answer: {rows:?}");
}

/// Waits until the running tasks of the active executors are as wanted.
fn wait_for_tasks(cluster: &Cluster, are_as_wanted: impl Fn(&[u64]) -> bool) {
    wait::until("tasks of each executor", DEADLINE, || {
        let members = cluster::members(&cluster.server);
        let active = members.iter().filter(|member| member.state == "active");
        let running: Vec<u64> = active.map(|member| member.running_tasks).collect();
        if are_as_wanted(&running) { Ok(()) } else { Err(format!("{members:?}")) }
    });
}

/// Threads of a process that do not run for the life of this value.
struct Frozen {
    tracer: Child,
}

impl Frozen {
    /// Halts the threads whose name begins so.
    fn threads(process: u32, name: &str) -> Self {
        let script = binary::workspace().join("tests/fault/freeze_threads.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(process.to_string()).arg(name);
        // Ends when nobody can tell it anything any more.
        command.stdin(Stdio::piped());
        Self { tracer: command.spawn().expect("Python runs") }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // The system lets threads go on whose tracer is gone.
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

/// What `/healthz` answers now.
fn healthz(server: &Server) -> (u16, String) {
    let answer = server.http().get_without_credentials("/healthz").expect("HTTP answers");
    (answer.status, answer.body)
}

fn healthz_tells_when_the_durable_tier_stands_still() {
    let mut cluster = Cluster::start(1);
    cluster.server.assert_unharmed();
    let frozen = Frozen::threads(cluster.server.process().id(), "lakegate-durabl");
    let body = wait::until("/healthz to answer 503", DEADLINE, || match healthz(&cluster.server) {
        (503, body) => Ok(body),
        other => Err(format!("{other:?}")),
    });
    assert!(body.contains("event loop"), "{body}");
    let ready = cluster.server.http().get_without_credentials("/readyz").expect("HTTP answers");
    assert_eq!(ready.status, 503, "{}", ready.body);
    drop(frozen);
    // Nothing died here, so it is well again as soon as the loop turns.
    wait::until("/healthz to answer 200", DEADLINE, || match healthz(&cluster.server) {
        (200, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    cluster.server.wait_until_ready(DEADLINE);
    workload::create_flights(&cluster.server);
    let rows = wait::until("a distributed answer", DEADLINE, || {
        let mut sql = workload::connect_with_tier(&cluster.server, "durable");
        sql.rows("SELECT count(*) FROM flights").map_err(|error| error.to_string())
    });
    assert_eq!(rows, [["3000000"]]);
    cluster.server.assert_unharmed();
}
