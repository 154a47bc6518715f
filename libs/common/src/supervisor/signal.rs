//! The signals that end a process.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The exit code of a process that was told twice to stop: 128 and SIGINT's number, as shells have
/// it.
const EXIT_IMPATIENT: i32 = 130;

/// Resolves at the first SIGTERM or SIGINT. After that the process has its time to stop in order;
/// a second signal ends it at once with code 130.
///
/// Signals count from the first time this is polled, also when the future is dropped later: a
/// process that stops for another reason still ends at once on the second signal.
///
/// # Errors
/// The operating system refuses the signal handlers.
pub async fn shutdown_signal() -> std::io::Result<()> {
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    let (first, received) = oneshot::channel();
    // This one lives until the process ends: it is what ends it.
    tokio::spawn(listen(terminate, interrupt, first));
    // The sender is only dropped with the runtime, when nobody polls this any more.
    let _ = received.await;
    Ok(())
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, first: oneshot::Sender<()>) {
    let name = either(&mut terminate, &mut interrupt).await;
    tracing::info!(signal = name, "stopping");
    // Nobody listens where the process stops already for another reason.
    let _ = first.send(());
    let name = either(&mut terminate, &mut interrupt).await;
    tracing::warn!(signal = name, "told twice to stop, exiting at once");
    std::process::exit(EXIT_IMPATIENT);
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
