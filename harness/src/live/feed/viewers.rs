//! The viewers of a run, each with a queue of texts.
//!
//! **Invariant:** a viewer whose queue is full gets nothing more; it can come back and start anew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// The most texts in a queue.
const QUEUE_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Viewers {
    queues: Mutex<Queues>,
    changed: Condvar,
    /// The number of queues, for a look without a lock.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queues {
    next: u64,
    by_number: BTreeMap<u64, VecDeque<Arc<str>>>,
    is_closed: bool,
}

/// A viewer of a run.
#[derive(Debug)]
pub struct Viewer<'a> {
    viewers: &'a Viewers,
    number: u64,
    /// What comes before the queue.
    first: VecDeque<Arc<str>>,
}

/// No text came in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedOut;

impl Viewers {
    /// How many look.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds a viewer, who gets all that is sent from here on.
    pub(super) fn add(&self) -> Viewer<'_> {
        let mut queues = self.queues.lock();
        let number = queues.next;
        queues.next += 1;
        queues.by_number.insert(number, VecDeque::new());
        self.count.store(queues.by_number.len(), Ordering::Relaxed);
        self.changed.notify_all();
        Viewer { viewers: self, number, first: VecDeque::new() }
    }

    /// Sends a text to all.
    pub(super) fn send(&self, text: &str) {
        let text: Arc<str> = text.into();
        let mut queues = self.queues.lock();
        queues.by_number.retain(|_, queue| {
            queue.push_back(text.clone());
            queue.len() <= QUEUE_MAX
        });
        self.count.store(queues.by_number.len(), Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// After the texts in the queues there are no more.
    pub(super) fn close(&self) {
        self.queues.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for so long, or until something has changed.
    pub(super) fn wait(&self, time: Duration) {
        let mut queues = self.queues.lock();
        self.changed.wait_for(&mut queues, time);
    }
}

impl Viewer<'_> {
    /// The viewer gets these texts before all that was sent since it was added.
    pub(super) fn begin_with(&mut self, texts: impl IntoIterator<Item = String>) {
        self.first.extend(texts.into_iter().map(Arc::from));
    }

    /// The next text; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if there was none within `time`.
    pub fn next(&mut self, time: Duration) -> Result<Option<Arc<str>>, TimedOut> {
        if let Some(text) = self.first.pop_front() {
            return Ok(Some(text));
        }
        let mut queues = self.viewers.queues.lock();
        for is_last_try in [false, true] {
            let Some(queue) = queues.by_number.get_mut(&self.number) else { return Ok(None) };
            if let Some(text) = queue.pop_front() {
                return Ok(Some(text));
            }
            if queues.is_closed {
                return Ok(None);
            }
            if !is_last_try {
                self.viewers.changed.wait_for(&mut queues, time);
            }
        }
        Err(TimedOut)
    }
}

impl Drop for Viewer<'_> {
    fn drop(&mut self) {
        let mut queues = self.viewers.queues.lock();
        queues.by_number.remove(&self.number);
        self.viewers.count.store(queues.by_number.len(), Ordering::Relaxed);
    }
}
