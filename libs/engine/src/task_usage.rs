//! What a task took, on its way from an executor to the scheduler: among the metrics of the stage's
//! first operator, where Ballista's message has room.

use std::time::Duration;

use ballista_core::serde::protobuf::operator_metric::Metric;
use ballista_core::serde::protobuf::{NamedCount, OperatorMetric, OperatorMetricsSet};

const CPU_TIME: &str = "lakegate_cpu_ns";
const PEAK_MEMORY: &str = "lakegate_peak_memory_bytes";

/// What a task took, whatever its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskUsage {
    /// Processor time.
    pub cpu_time: Duration,
    /// The most memory that its query has held on its executor so far, in bytes.
    pub peak_memory_bytes: u64,
}

impl TaskUsage {
    /// Adds this to the metrics of a task.
    pub fn attach(self, metrics: &mut Vec<OperatorMetricsSet>) {
        if metrics.is_empty() {
            metrics.push(OperatorMetricsSet { metrics: Vec::new() });
        }
        let cpu_ns = u64::try_from(self.cpu_time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(first) = metrics.first_mut() {
            first.metrics.push(count(CPU_TIME, cpu_ns));
            first.metrics.push(count(PEAK_MEMORY, self.peak_memory_bytes));
        }
    }

    /// Takes it out of the metrics of a task, which are then as they were before.
    pub fn detach(metrics: &mut Vec<OperatorMetricsSet>) -> Self {
        let mut usage = Self::default();
        let Some(first) = metrics.first_mut() else { return usage };
        let before = first.metrics.len();
        first.metrics.retain(|metric| {
            let Some(Metric::Count(count)) = &metric.metric else { return true };
            match count.name.as_str() {
                CPU_TIME => usage.cpu_time = Duration::from_nanos(count.value),
                PEAK_MEMORY => usage.peak_memory_bytes = count.value,
                _ => return true,
            }
            false
        });
        if first.metrics.is_empty() && before > 0 && metrics.len() == 1 {
            metrics.clear();
        }
        usage
    }
}

fn count(name: &str, value: u64) -> OperatorMetric {
    let count = NamedCount { name: name.to_string(), value };
    OperatorMetric { partition: None, metric: Some(Metric::Count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_took_arrives_and_leaves_no_trace() {
        let usage = TaskUsage { cpu_time: Duration::from_micros(3), peak_memory_bytes: 7 };
        let rows = OperatorMetric { partition: Some(0), metric: Some(Metric::OutputRows(5)) };
        let sets = vec![
            OperatorMetricsSet { metrics: vec![rows] },
            OperatorMetricsSet { metrics: vec![] },
        ];
        for before in [sets, Vec::new()] {
            let mut metrics = before.clone();
            usage.attach(&mut metrics);
            assert_eq!(TaskUsage::detach(&mut metrics), usage);
            assert_eq!(metrics, before);
            assert_eq!(TaskUsage::detach(&mut metrics), TaskUsage::default());
        }
    }
}
