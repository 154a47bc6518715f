//! What the operators of a task measured, as it is reported.

use std::collections::HashMap;
use std::mem::discriminant;
use std::sync::Arc;

use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::OperatorMetricsSet;
use ballista_executor::execution_engine::QueryStageExecutor;
use datafusion::physical_plan::metrics::{Count, Metric, MetricValue, MetricsSet};
use lakegate_lake::store::Used;

/// Metrics of every operator, or none where one cannot be written down. Those of the first also
/// say what was asked of object stores.
pub(super) fn operator_metrics(
    stage: &dyn QueryStageExecutor,
    used: Used,
) -> Vec<OperatorMetricsSet> {
    let mut metrics: Vec<_> = stage.collect_plan_metrics().iter().map(by_partition).collect();
    if let Some(first) = metrics.first_mut().filter(|_| used != Used::default()) {
        for (name, value) in used.counts() {
            let count = Count::new();
            count.add(usize::try_from(value).unwrap_or(usize::MAX));
            let value = MetricValue::Count { name: name.into(), count };
            first.push(Arc::new(Metric::new(value, None)));
        }
    }
    let metrics: Result<Vec<_>, BallistaError> =
        metrics.into_iter().map(TryInto::try_into).collect();
    metrics.unwrap_or_default()
}

/// The metrics of an operator, one of a kind for each partition. A scan has a dozen for each file,
/// and the files of a task may be a hundred thousand.
fn by_partition(operator: &MetricsSet) -> MetricsSet {
    let mut places = HashMap::new();
    let mut sums: Vec<(Option<usize>, MetricValue)> = Vec::new();
    for metric in operator.iter() {
        let value = metric.value();
        let kind = (metric.partition(), value.name(), discriminant(value));
        let place = *places.entry(kind).or_insert_with(|| {
            sums.push((metric.partition(), value.new_empty()));
            sums.len() - 1
        });
        sums[place].1.aggregate(value);
    }
    let mut all = MetricsSet::new();
    for (partition, value) in sums {
        all.push(Arc::new(Metric::new(value, partition)));
    }
    all
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::metrics::{
        ExecutionPlanMetricsSet, Label, MetricBuilder, Timestamp,
    };

    use super::*;

    #[test]
    fn metrics_of_many_files_are_reported_once_a_partition() {
        let measured = ExecutionPlanMetricsSet::new();
        for (partition, file) in (0..1_000).map(|file| (file % 2, file)) {
            let name = Label::new("filename", format!("part-{file}.parquet"));
            let of_file = || MetricBuilder::new(&measured).with_label(name.clone());
            of_file().counter("bytes_scanned", partition).add(file);
            of_file().counter("predicate_evaluation_errors", partition).add(1);
            of_file().subset_time("metadata_load_time", partition);
        }
        let all = MetricBuilder::new(&measured).global_counter("bytes_scanned");
        all.add(7);
        let start = MetricValue::StartTimestamp(Timestamp::new());
        measured.register(Arc::new(Metric::new(start, Some(1))));
        let reported = by_partition(&measured.clone_inner());
        let of = |name: &str, partition| {
            let mut found = reported
                .iter()
                .filter(|metric| metric.value().name() == name && metric.partition() == partition);
            let value = found.next().map(|metric| metric.value().as_usize());
            assert!(found.next().is_none(), "{name}");
            value
        };
        assert_eq!(of("bytes_scanned", Some(0)), Some((0..1_000).step_by(2).sum()));
        assert_eq!(of("bytes_scanned", Some(1)), Some((1..1_000).step_by(2).sum()));
        assert_eq!(of("bytes_scanned", None), Some(7));
        assert_eq!(of("predicate_evaluation_errors", Some(0)), Some(500));
        assert_eq!(reported.iter().count(), 8);
    }
}
