//! Notices that an executor is gone, long before its heartbeats are missed.
//!
//! Every member is asked once a second. One whose machine refuses the connection is given up after
//! two tries, one that does not answer after three. An executor that was only cut off finds out at
//! its next heartbeat and joins anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::channel::member_endpoint;
use lakegate_proto::cluster::v1::ProbeRequest;
use lakegate_proto::cluster::v1::executor_client::ExecutorClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::members::{Answer, Members};

/// How often each member is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer may take. An executor computes on all its cores and may be slow to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// Failures in a row after which a member counts as gone.
const REFUSALS_MAX: u32 = 2;
const SILENCES_MAX: u32 = 3;

/// What an executor answered.
pub(super) struct Probe {
    pub(super) executor_id: String,
    pub(super) version: String,
    pub(super) answer: Answer,
}

/// A channel to an executor's port.
///
/// # Errors
/// The address makes no URL.
pub(super) fn channel(
    address: &str,
    token: &ClusterToken,
) -> Result<Channel, tonic::transport::Error> {
    let endpoint = member_endpoint(Endpoint::from_shared(format!("http://{address}"))?, token)?;
    Ok(endpoint.connect_timeout(ANSWER_TIMEOUT).connect_lazy())
}

/// Asks an executor whether it lives.
///
/// # Errors
/// It cannot be reached or does not know us.
pub(super) async fn probe(channel: Channel, token: &ClusterToken) -> Result<Probe, Status> {
    let answer = ExecutorClient::with_interceptor(channel, token.show())
        .probe(ProbeRequest {})
        .await?
        .into_inner();
    Ok(Probe {
        executor_id: answer.executor_id,
        version: answer.version,
        answer: Answer {
            memory_bytes: answer.memory_bytes,
            running_tasks: answer.running_tasks,
            busy_jobs: answer.busy_jobs,
        },
    })
}

/// Asks every member for ever.
pub(super) async fn watch(members: Arc<Members>, token: ClusterToken) {
    let mut seen: HashMap<String, (Channel, Tries)> = HashMap::new();
    loop {
        let present = members.present();
        seen.retain(|id, _| present.iter().any(|(present, _)| present == id));
        let mut asked = JoinSet::new();
        for (id, metadata) in present {
            let (channel, tries) = match seen.remove(&id) {
                Some(known) => known,
                None => match channel(&format!("{}:{}", metadata.host, metadata.grpc_port), &token)
                {
                    Ok(channel) => (channel, Tries::default()),
                    Err(_) => continue,
                },
            };
            let (members, token) = (Arc::clone(&members), token.clone());
            asked.spawn(async move {
                let outcome = ask(&id, channel.clone(), &token, &members).await;
                (id, channel, tries, outcome)
            });
        }
        while let Some(Ok((id, channel, mut tries, outcome))) = asked.join_next().await {
            if let Some(reason) = tries.count(outcome) {
                members.condemn(&id, &reason);
            }
            seen.insert(id, (channel, tries));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn ask(id: &str, channel: Channel, token: &ClusterToken, members: &Members) -> Outcome {
    let asked = Instant::now();
    match tokio::time::timeout(ANSWER_TIMEOUT, probe(channel, token)).await {
        Ok(Ok(probe)) if probe.executor_id == id => {
            members.answered(id, probe.answer, asked);
            Outcome::Alive
        }
        Ok(Ok(_)) => Outcome::Replaced,
        Ok(Err(status)) if is_refusal(&status) => Outcome::Refused(status.message().to_string()),
        Ok(Err(status)) => Outcome::Silent(status.message().to_string()),
        Err(_) => Outcome::Silent("no answer".to_string()),
    }
}

/// Whether nobody listens there any more.
fn is_refusal(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return matches!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        cause = error.source();
    }
    status.code() == Code::Unavailable && status.message().contains("refused")
}

/// How one question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Alive,
    Replaced,
    Refused(String),
    Silent(String),
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Tries {
    refusals: u32,
    silences: u32,
}

impl Tries {
    /// Counts an outcome; the reason where the member is to be given up.
    fn count(&mut self, outcome: Outcome) -> Option<String> {
        match outcome {
            Outcome::Alive => {
                *self = Self::default();
                None
            }
            Outcome::Replaced => Some("it has joined anew".to_string()),
            Outcome::Refused(reason) => {
                self.refusals += 1;
                (self.refusals >= REFUSALS_MAX).then_some(reason)
            }
            Outcome::Silent(reason) => {
                self.silences += 1;
                (self.silences >= SILENCES_MAX).then_some(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_port_is_given_up_after_two_tries_and_silence_after_three() {
        let mut tries = Tries::default();
        assert_eq!(tries.count(Outcome::Refused("refused".to_string())), None);
        assert!(tries.count(Outcome::Refused("refused".to_string())).is_some());
        let mut tries = Tries::default();
        assert_eq!(tries.count(Outcome::Silent("late".to_string())), None);
        assert_eq!(tries.count(Outcome::Silent("late".to_string())), None);
        assert!(tries.count(Outcome::Silent("late".to_string())).is_some());
    }

    #[test]
    fn one_answer_makes_up_for_earlier_silence() {
        let mut tries = Tries::default();
        for _ in 0..10 {
            assert_eq!(tries.count(Outcome::Silent("late".to_string())), None);
            assert_eq!(tries.count(Outcome::Alive), None);
        }
    }

    #[test]
    fn an_executor_that_joined_anew_is_gone_as_what_it_was() {
        assert!(Tries::default().count(Outcome::Replaced).is_some());
    }
}
