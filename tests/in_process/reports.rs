//! Reports of tasks that are lost on their way to the scheduler.

use std::time::Duration;

use lakegate_common::{Coded, ErrorCode};
use lakegate_scheduler::durable::{self, StageReport};

use super::proxy::{Fate, Proxy};
use super::support::{Fleet, read, read_rows, until};

/// Several tasks in several stages.
const GROUPS: &str = "SELECT k, count(*), sum(n) FROM numbers GROUP BY k";
/// Keeps every core busy for longer than a test looks at it.
const WIDE: &str = "SELECT max(a.n + b.n + c.n) FROM numbers a JOIN numbers b ON a.k = b.k \
     JOIN numbers c ON b.k = c.k";

/// Two executors, each with a line of its own to the scheduler.
struct Lines {
    fleet: Fleet,
    proxies: Vec<Proxy>,
}

impl Lines {
    async fn start(config: durable::Config) -> Self {
        let mut fleet = Fleet::start(0, config).await;
        let mut proxies = Vec::new();
        for _ in 0..2 {
            let proxy = Proxy::start(&fleet.cluster_address).await;
            fleet.add_at(&proxy.address).await;
            proxies.push(proxy);
        }
        Self { fleet, proxies }
    }

    /// Gives a fate to that many reports of each executor.
    fn afflict(&self, count: usize, fate: Fate) {
        self.proxies.iter().for_each(|proxy| proxy.afflict(count, fate));
    }

    fn sum(&self, of: impl Fn(&Proxy) -> usize) -> usize {
        self.proxies.iter().map(of).sum()
    }

    /// Who belongs to the cluster; each membership has an identifier of its own.
    fn members(&self) -> Vec<String> {
        self.fleet.durable.executors().into_iter().map(|executor| executor.id).collect()
    }

    fn running(&self) -> Vec<u32> {
        let executors = self.fleet.durable.executors();
        executors.iter().filter(|one| one.is_active()).map(|one| one.running_tasks).collect()
    }

    /// Asserts that no core is taken any more by a task that has ended: a query has all of them.
    async fn assert_all_cores_are_free(&self) {
        until("nothing runs", || self.running() == [0, 0]).await;
        let query = self.fleet.query(WIDE).await;
        until("every core has a task", || self.running() == [1, 1]).await;
        drop(query);
        until("nothing runs", || self.running() == [0, 0]).await;
    }

    /// Runs a query and tells what its stages say of themselves.
    async fn account(&self) -> (String, Vec<(usize, usize, Vec<String>)>) {
        let mut query = self.fleet.query(GROUPS).await;
        let rows = read_rows(&mut query).await.unwrap();
        (rows, query.stage_metrics().iter().map(figures).collect())
    }
}

/// A stage's number, its tasks and the rows that each of its operators counted.
fn figures(stage: &StageReport) -> (usize, usize, Vec<String>) {
    let counted = stage.plan_with_metrics.split("output_rows=").skip(1);
    let rows = counted.map(|text| text.split([',', ']']).next().unwrap().to_string());
    (stage.stage_id, stage.tasks, rows.collect())
}

/// Gives the reports of a query these fates, one an executor, and looks for traces of it.
async fn lose_every_report_once(fates: [Fate; 2]) -> Lines {
    let lines = Lines::start(durable::Config::default()).await;
    let (rows, undisturbed) = lines.account().await;
    assert_eq!(rows, lines.fleet.expected(GROUPS).await);
    let (members, heard) = (lines.members(), lines.sum(Proxy::heard));
    for (proxy, fate) in lines.proxies.iter().zip(fates) {
        proxy.afflict(usize::MAX, fate);
    }
    let (rows, account) = lines.account().await;
    lines.proxies.iter().for_each(Proxy::heal);
    assert_eq!(rows, lines.fleet.expected(GROUPS).await);
    assert_eq!(account, undisturbed, "each task counts once");
    assert!(lines.proxies.iter().all(|proxy| proxy.afflicted() > 0), "each executor had a task");
    // Rows that come twice are noticed and the query is run again, which nobody should have to.
    let tasks: usize = account.iter().map(|(_, tasks, _)| tasks).sum();
    let reports = lines.sum(Proxy::heard) - heard;
    assert!(reports <= tasks, "{reports} reports of {tasks} tasks: the query was run again");
    assert_eq!(lines.members(), members, "a report that is late ends no membership");
    lines.assert_all_cores_are_free().await;
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_lost_is_sent_again() {
    let lines = lose_every_report_once([Fate::RequestLost; 2]).await;
    assert_eq!(lines.sum(Proxy::heard_again), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_answer_is_lost_counts_once() {
    // The other executor's task keeps the stage open until the report comes again.
    let lines = lose_every_report_once([Fate::AnswerLost, Fate::Late]).await;
    let first = &lines.proxies[0];
    assert_eq!(first.heard_again(), first.afflicted(), "every one was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_nobody_answers_is_sent_again() {
    let lines = Lines::start(durable::Config::default()).await;
    lines.afflict(1, Fate::Silence);
    assert_eq!(lines.fleet.rows(GROUPS).await, lines.fleet.expected(GROUPS).await);
    assert!(lines.sum(Proxy::afflicted) > 0);
    lines.assert_all_cores_are_free().await;
}

/// Long enough for the cores of lost tasks to be found free, so that the next try has them.
const PATIENCE: Duration = Duration::from_secs(10);

fn impatient() -> durable::Config {
    durable::Config { stuck_after: PATIENCE, ..durable::Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_waits_for_a_report_that_never_comes_is_run_again() {
    let lines = Lines::start(impatient()).await;
    lines.afflict(1, Fate::Forged);
    assert_eq!(lines.fleet.rows(GROUPS).await, lines.fleet.expected(GROUPS).await);
    assert!(lines.sum(Proxy::afflicted) > 0);
    lines.assert_all_cores_are_free().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_none_of_whose_reports_come_is_stuck_and_harms_no_other() {
    let lines = Lines::start(impatient()).await;
    lines.afflict(usize::MAX, Fate::Forged);
    let error = read(lines.fleet.query(GROUPS).await).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueryStuck, "{error}");
    lines.proxies.iter().for_each(Proxy::heal);
    assert_eq!(lines.fleet.rows(GROUPS).await, lines.fleet.expected(GROUPS).await);
    lines.assert_all_cores_are_free().await;
    assert!(lines.fleet.durable.is_healthy());
}
