//! The viewers of a run, each with a queue of texts.
//!
//! **Invariant:** a viewer whose queue is full gets nothing more; it can come back and start anew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// The most texts in a queue, without those that a new viewer gets first.
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

/// Someone who looks at a run.
#[derive(Debug)]
pub struct Viewer<'a> {
    viewers: &'a Viewers,
    number: u64,
}

/// There was nothing new in the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nothing;

impl Viewers {
    /// How many look.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds a viewer, who gets these texts first.
    pub(super) fn add(&self, first: Vec<String>) -> Viewer<'_> {
        let mut queues = self.queues.lock();
        let number = queues.next;
        queues.next += 1;
        queues.by_number.insert(number, first.into_iter().map(Arc::from).collect());
        self.count.store(queues.by_number.len(), Ordering::Relaxed);
        self.changed.notify_all();
        Viewer { viewers: self, number }
    }

    /// Sends a text to all.
    pub(super) fn send(&self, text: &str) {
        let text: Arc<str> = text.into();
        let mut queues = self.queues.lock();
        queues.by_number.retain(|_, queue| {
            queue.push_back(text.clone());
            queue.len() <= QUEUE_MAX + super::FIGURES_KEPT
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
    /// The next text; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`Nothing`] if there was none within `time`.
    pub fn next(&self, time: Duration) -> Result<Option<Arc<str>>, Nothing> {
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
        Err(Nothing)
    }
}

impl Drop for Viewer<'_> {
    fn drop(&mut self) {
        let mut queues = self.viewers.queues.lock();
        queues.by_number.remove(&self.number);
        self.viewers.count.store(queues.by_number.len(), Ordering::Relaxed);
    }
}
