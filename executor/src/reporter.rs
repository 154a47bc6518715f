//! Tells the scheduler how tasks ended, until it has heard it.
//!
//! A report that is lost would leave a query waiting for a task that ended long ago, and one that
//! arrives twice would count a task's rows twice. So a report is sent again until it is answered,
//! under a number by which the scheduler knows it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::serde::protobuf::{TaskStatus, UpdateTaskStatusParams};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tonic::{Code, Request};

use crate::membership::Membership;

/// The number of a report within one membership.
pub(crate) const REPORT_HEADER: &str = "lakegate-report";
/// Ends of tasks that wait to be reported before tasks have to wait.
const WAITING_MAX: usize = 1024;
/// Ends of tasks in one report.
const BATCH_MAX: usize = 256;
/// First pause between two tries, doubled up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// The end of a task, and as whom the executor ran it.
pub(crate) struct Report {
    pub(crate) executor_id: String,
    pub(crate) status: TaskStatus,
}

/// Takes reports, and knows which jobs have some that nobody has heard yet.
#[derive(Clone)]
pub(crate) struct Reports {
    sender: mpsc::Sender<Report>,
    unheard: Arc<Mutex<HashMap<String, usize>>>,
}

/// Sends what [`Reports`] takes.
pub(crate) struct Reporter {
    receiver: mpsc::Receiver<Report>,
    unheard: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place for reports and what sends them.
pub(crate) fn channel() -> (Reports, Reporter) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let unheard = Arc::<Mutex<HashMap<String, usize>>>::default();
    (Reports { sender, unheard: Arc::clone(&unheard) }, Reporter { receiver, unheard })
}

impl Reports {
    /// Takes a report; waits where too many are waiting.
    pub(crate) async fn send(&self, report: Report) {
        *self.unheard.lock().entry(report.status.job_id.clone()).or_default() += 1;
        let job = report.status.job_id.clone();
        if self.sender.send(report).await.is_err() {
            heard(&self.unheard, &job);
        }
    }

    /// Jobs with reports that nobody has heard yet.
    pub(crate) fn unheard_jobs(&self) -> Vec<String> {
        self.unheard.lock().keys().cloned().collect()
    }
}

impl Reporter {
    /// Sends reports until nobody can make any.
    pub(crate) async fn run(mut self, membership: Arc<Membership>) {
        let mut number = 0_u64;
        let mut batch = Vec::new();
        while self.receiver.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let mut statuses: HashMap<String, Vec<TaskStatus>> = HashMap::new();
            for report in batch.drain(..) {
                statuses.entry(report.executor_id).or_default().push(report.status);
            }
            for (executor_id, statuses) in statuses {
                number += 1;
                deliver(&membership, &executor_id, &statuses, number).await;
                for status in &statuses {
                    heard(&self.unheard, &status.job_id);
                }
            }
        }
    }
}

/// Sends one report until it is answered or no longer of use.
async fn deliver(membership: &Membership, executor_id: &str, statuses: &[TaskStatus], number: u64) {
    let mut pause = PAUSE_FIRST;
    while membership.is_current(executor_id) {
        let mut request = Request::new(UpdateTaskStatusParams {
            executor_id: executor_id.to_string(),
            task_status: statuses.to_vec(),
        });
        request.metadata_mut().insert(REPORT_HEADER, number.into());
        let Err(status) = membership.scheduler().update_task_status(request).await else { return };
        match status.code() {
            Code::NotFound => {
                membership.lose(executor_id);
                return;
            }
            Code::InvalidArgument => {
                tracing::error!(
                    executor_id,
                    error = status.message(),
                    "the scheduler refuses a report"
                );
                return;
            }
            _ => tracing::warn!(
                executor_id,
                error = status.message(),
                "a report did not arrive and is sent again"
            ),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_LONGEST);
    }
}

fn heard(unheard: &Mutex<HashMap<String, usize>>, job: &str) {
    let mut unheard = unheard.lock();
    if let Some(count) = unheard.get_mut(job) {
        *count -= 1;
        if *count == 0 {
            unheard.remove(job);
        }
    }
}
