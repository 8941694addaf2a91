//! Work that is finished even when whoever waits for it goes away.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A future that goes on as a task of its own when it is dropped before its end.
pub struct Finishing<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    tasks: TaskTracker,
}

impl<T: Send + 'static> Finishing<T> {
    /// Work that `tasks` keeps track of, should it be left alone.
    pub fn new(work: impl Future<Output = T> + Send + 'static, tasks: TaskTracker) -> Self {
        Self { work: Some(Box::pin(work)), tasks }
    }
}

impl<T: Send + 'static> Future for Finishing<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out meanwhile, so that work that panics is not polled again.
        let mut work = self.work.take().expect("not polled after its end");
        let state = work.as_mut().poll(context);
        if state.is_pending() {
            self.work = Some(work);
        }
        state
    }
}

impl<T: Send + 'static> Drop for Finishing<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            self.tasks.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn work_left_alone_is_finished_and_waited_for() {
        let (gate, done, tasks) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)), TaskTracker::new());
        let (opened, finished) = (gate.clone(), done.clone());
        let work = async move {
            opened.notified().await;
            finished.store(true, Ordering::SeqCst);
        };
        let mut finishing = Finishing::new(work, tasks.clone());
        assert!(poll_once(&mut finishing).await.is_pending());
        drop(finishing);
        tasks.close();
        gate.notify_one();
        tasks.wait().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn finished_work_leaves_no_task() {
        let tasks = TaskTracker::new();
        assert_eq!(Finishing::new(async { 7 }, tasks.clone()).await, 7);
        assert!(tasks.is_empty());
    }

    async fn poll_once<T: Send>(finishing: &mut Finishing<T>) -> Poll<T> {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *finishing).poll(context))).await
    }
}
