//! The time that work takes on processors, charged to the query or task it is done for.
//!
//! A thread's own clock is read before and after each poll. DataFusion's operators start tasks, which
//! other threads poll: those are charged to whom the starting thread worked for ([`follow_tasks`]).
//! What is started in another way is not seen, such as reading from a local disk or a connection.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, stream};
use nix::time::ClockId;

thread_local! {
    /// For whom this thread works now.
    static CHARGED: RefCell<Option<Charged>> = const { RefCell::new(None) };
}

struct Charged {
    to: CpuTime,
    since: Duration,
}

/// Processor time so far. A clone counts into the same sum.
#[derive(Clone, Default)]
pub struct CpuTime(Arc<AtomicU64>);

impl CpuTime {
    /// The time of all polls that have ended.
    pub fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Charges what this thread does until the result is dropped. Whom it worked for before is
    /// charged again from then on.
    #[must_use]
    pub fn charge(&self) -> Charging {
        Charging { before: work_for(Some(self.clone())), thread: PhantomData }
    }

    /// `work`, whose polls are charged.
    pub fn of_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let (time, mut work) = (self.clone(), Box::pin(work));
        poll_fn(move |context| {
            let _charging = time.charge();
            work.as_mut().poll(context)
        })
    }

    /// `items`, whose polls are charged.
    pub fn of_stream<S: Stream>(&self, items: S) -> impl Stream<Item = S::Item> + use<S> {
        let (time, mut items) = (self.clone(), Box::pin(items));
        stream::poll_fn(move |context| {
            let _charging = time.charge();
            items.as_mut().poll_next(context)
        })
    }

    fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Whom this thread works for now.
    fn charged_now() -> Option<Self> {
        CHARGED.with_borrow(|charged| charged.as_ref().map(|charged| charged.to.clone()))
    }
}

impl fmt::Debug for CpuTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuTime({:?})", self.get())
    }
}

/// While it is there, this thread's time is charged.
#[derive(Debug)]
pub struct Charging {
    before: Option<CpuTime>,
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl Drop for Charging {
    fn drop(&mut self) {
        work_for(self.before.take());
    }
}

/// Charges the time so far to whom this thread worked for, and tells who that was.
fn work_for(next: Option<CpuTime>) -> Option<CpuTime> {
    let now = thread_time();
    let next = next.map(|to| Charged { to, since: now });
    let before = CHARGED.with_borrow_mut(|charged| std::mem::replace(charged, next))?;
    before.to.add(now.saturating_sub(before.since));
    Some(before.to)
}

/// The time that this thread has been on a processor.
fn thread_time() -> Duration {
    let time = ClockId::CLOCK_THREAD_CPUTIME_ID.now();
    time.map_or(Duration::ZERO, Duration::from)
}

/// From now on tasks that DataFusion's operators start are charged to whom the starting thread
/// works for, in the whole process.
pub fn follow_tasks() {
    // An error says that it was called before.
    let _ = set_join_set_tracer(&TaskFollower);
}

struct TaskFollower;

type AnyValue = Box<dyn Any + Send>;

impl JoinSetTracer for TaskFollower {
    fn trace_future(&self, work: BoxFuture<'static, AnyValue>) -> BoxFuture<'static, AnyValue> {
        match CpuTime::charged_now() {
            Some(time) => time.of_future(work).boxed(),
            None => work,
        }
    }

    fn trace_block(
        &self,
        work: Box<dyn FnOnce() -> AnyValue + Send>,
    ) -> Box<dyn FnOnce() -> AnyValue + Send> {
        match CpuTime::charged_now() {
            Some(time) => Box::new(move || {
                let _charging = time.charge();
                work()
            }),
            None => work,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::runtime::SpawnedTask;

    use super::*;

    const LONG: Duration = Duration::from_millis(20);

    /// Keeps this thread busy for so long by its own clock.
    fn compute(time: Duration) {
        let end = thread_time() + time;
        while thread_time() < end {}
    }

    #[tokio::test]
    async fn a_poll_is_charged_and_waiting_is_not() {
        let time = CpuTime::default();
        let work = async {
            compute(LONG);
            tokio::time::sleep(LONG * 10).await;
            compute(LONG);
        };
        time.of_future(work).await;
        assert!(time.get() >= LONG * 2, "{time:?}");
        assert!(time.get() < LONG * 10, "{time:?}");
    }

    #[test]
    fn work_in_the_midst_of_other_work_is_charged_once() {
        let (outer, inner) = (CpuTime::default(), CpuTime::default());
        let begun = thread_time();
        {
            let _outer = outer.charge();
            compute(LONG);
            {
                let _inner = inner.charge();
                compute(LONG * 3);
            }
            compute(LONG);
        }
        let passed = thread_time() - begun;
        assert!(outer.get() >= LONG * 2 && inner.get() >= LONG * 3, "{outer:?} {inner:?}");
        assert!(outer.get() + inner.get() <= passed, "{outer:?} {inner:?} {passed:?}");
        assert!(CpuTime::charged_now().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tasks_are_charged_to_whom_they_were_started_for() {
        follow_tasks();
        let time = CpuTime::default();
        let work = async {
            let task = SpawnedTask::spawn(async {
                SpawnedTask::spawn_blocking(|| compute(LONG)).join().await.unwrap();
                compute(LONG);
            });
            task.join().await.unwrap();
        };
        time.of_future(work).await;
        assert!(time.get() >= LONG * 2, "{time:?}");
        SpawnedTask::spawn(async { compute(LONG) }).join().await.unwrap();
        let charged = time.get();
        assert!(charged < LONG * 3, "{time:?}");
    }

    #[test]
    fn a_panic_ends_the_charging() {
        let time = CpuTime::default();
        let panics = std::panic::AssertUnwindSafe(|| {
            let _charging = time.charge();
            panic!("on purpose");
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(CpuTime::charged_now().is_none());
    }
}
