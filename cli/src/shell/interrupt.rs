//! Ctrl-C: the first one cancels what runs, a second one ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Exit status of a process that was interrupted: 128 and the number of SIGINT.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Nothing runs; an interrupt ends the process.
const IDLE: u8 = 0;
/// Something runs; an interrupt cancels it.
const RUNNING: u8 = 1;
/// Something is being cancelled; an interrupt ends the process.
const CANCELLING: u8 = 2;

/// A person types. The line editor reads Ctrl-C as a key; an interrupt from elsewhere is passed over,
/// because ending here would leave the terminal in the editor's mode.
const TYPING: u8 = 3;

/// What interrupts do to this process. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Interrupts(Arc<State>);

#[derive(Default)]
struct State {
    phase: AtomicU8,
    cancelled: Notify,
}

/// Marks that something runs, until it is dropped.
pub(crate) struct Running<'a>(&'a State);

/// Marks that a person types, until it is dropped.
pub(crate) struct Typing<'a>(&'a State);

impl Interrupts {
    /// Takes SIGINT over for the rest of the process. Needs a runtime.
    pub(crate) fn install() -> io::Result<Self> {
        let interrupts = Self::default();
        let state = Arc::clone(&interrupts.0);
        #[cfg(unix)]
        let mut signals =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        // Lives as long as the process: it is what ends it.
        tokio::spawn(async move {
            loop {
                #[cfg(unix)]
                let received = signals.recv().await.is_some();
                #[cfg(not(unix))]
                let received = tokio::signal::ctrl_c().await.is_ok();
                if !received {
                    return;
                }
                if !state.interrupt() {
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
            }
        });
        Ok(interrupts)
    }

    /// Says that something runs which an interrupt cancels.
    pub(crate) fn running(&self) -> Running<'_> {
        self.0.phase.store(RUNNING, Ordering::SeqCst);
        Running(&self.0)
    }

    /// Says that the line editor has the terminal.
    pub(crate) fn typing(&self) -> Typing<'_> {
        self.0.phase.store(TYPING, Ordering::SeqCst);
        Typing(&self.0)
    }
}

impl Running<'_> {
    /// Whether it was interrupted.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.phase.load(Ordering::SeqCst) == CANCELLING
    }

    /// Waits until it is interrupted.
    pub(crate) async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.0.cancelled.notified().await;
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.phase.store(IDLE, Ordering::SeqCst);
    }
}

impl Drop for Typing<'_> {
    fn drop(&mut self) {
        self.0.phase.store(IDLE, Ordering::SeqCst);
    }
}

impl State {
    /// Takes note of an interrupt. `false` when it is to end the process.
    fn interrupt(&self) -> bool {
        let changed =
            self.phase.compare_exchange(RUNNING, CANCELLING, Ordering::SeqCst, Ordering::SeqCst);
        match changed {
            Ok(_) => {
                self.cancelled.notify_one();
                true
            }
            Err(phase) => phase == TYPING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_interrupt_cancels_and_the_second_does_not() {
        let interrupts = Interrupts::default();
        assert!(!interrupts.0.interrupt());
        let running = interrupts.running();
        assert!(!running.is_cancelled());
        assert!(interrupts.0.interrupt());
        running.cancelled().await;
        assert!(!interrupts.0.interrupt());
        drop(running);
        assert!(!interrupts.running().is_cancelled());
    }

    #[test]
    fn an_interrupt_does_not_end_the_line_editor() {
        let interrupts = Interrupts::default();
        let typing = interrupts.typing();
        assert!(interrupts.0.interrupt());
        drop(typing);
        assert!(!interrupts.0.interrupt());
    }
}
