//! What a process tells about itself: log lines on stderr and metrics for Prometheus.

use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::error::{Coded, ErrorCode};

/// The variable that holds the log filter, in the syntax of `tracing-subscriber`.
pub const LOG_VARIABLE: &str = "LAKEGATE_LOG";

/// The log filter when the variable is not given.
const DEFAULT_FILTER: &str = "warn,lakegate=info";

/// Upper bounds of the buckets of every histogram, in seconds: from a metadata answer to a query
/// of ten minutes.
const BUCKETS_SECONDS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Telemetry that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter cannot be read.
    #[error("{LOG_VARIABLE}={filter:?} is not a log filter")]
    Filter {
        /// The filter as given.
        filter: String,
        /// The reason.
        #[source]
        source: ParseError,
    },
    /// Somebody else set up logging in this process.
    #[error("logging is set up already")]
    Logging {
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else set up metrics in this process.
    #[error("metrics cannot be set up")]
    Metrics {
        /// The reason.
        #[source]
        source: BuildError,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Filter { .. } => ErrorCode::InvalidConfiguration,
            Self::Logging { .. } | Self::Metrics { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Filter { .. } => Some(format!("write it as {DEFAULT_FILTER}")),
            _ => None,
        }
    }
}

/// Sends log lines to stderr, filtered by `LAKEGATE_LOG`, and has panics logged as errors.
/// `component` (`scheduler`, `executor`) goes into the lines about panics and into their metric.
///
/// # Errors
/// The filter cannot be read, or logging is set up already.
pub fn init(component: &'static str) -> Result<(), Error> {
    let given = std::env::var(LOG_VARIABLE).ok();
    let filter = log_filter(given.as_deref())?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()
        .map_err(|source| Error::Logging { source })?;
    std::panic::set_hook(Box::new(move |panic| log_panic(component, panic)));
    Ok(())
}

fn log_filter(given: Option<&str>) -> Result<EnvFilter, Error> {
    let text = given.filter(|text| !text.trim().is_empty()).unwrap_or(DEFAULT_FILTER);
    EnvFilter::try_new(text).map_err(|source| Error::Filter { filter: text.to_string(), source })
}

fn log_panic(component: &'static str, panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    // Empty unless RUST_BACKTRACE asks for it.
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(component, message, location, thread, %backtrace, "panicked");
    metrics::counter!("lakegate_process_panics_total", "component" => component).increment(1);
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Folds recorded samples into their histograms. Without it they pile up between two calls of
    /// [`Metrics::render`]; a service calls it every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// The metrics of this process; the first call begins to collect them.
///
/// # Errors
/// Another library collects the metrics of this process.
pub fn metrics() -> Result<Metrics, Error> {
    static INSTALLED: Mutex<Option<Metrics>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(metrics) = installed.as_ref() {
        return Ok(metrics.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets(&BUCKETS_SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|source| Error::Metrics { source })?;
    Ok(installed.insert(Metrics(handle)).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_installed_once_and_shared() {
        let first = metrics().unwrap();
        let second = metrics().unwrap();
        metrics::counter!("lakegate_common_probes_total").increment(2);
        metrics::histogram!("lakegate_common_probe_seconds").record(0.004);
        assert!(first.render().contains("lakegate_common_probes_total 2"), "{}", first.render());
        assert!(second.render().contains("lakegate_common_probe_seconds_bucket{le=\"0.005\"} 1"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_by_name() {
        let error = log_filter(Some("lakegate=loud")).unwrap_err();
        assert!(error.to_string().contains("lakegate=loud"), "{error}");
        assert!(log_filter(Some(" ")).is_ok());
        assert!(log_filter(None).is_ok());
    }
}
