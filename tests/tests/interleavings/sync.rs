//! What [`rounds`](crate::rounds) takes from the system, in a form that gives way to other threads where a schedule
//! says so.
//!
//! **Invariant:** a thread that is parked goes on only once it is unparked, so a wake-up that is lost is a deadlock.
//! The system may wake threads without cause, and then hides that.

pub(crate) use shuttle::hint;
pub(crate) use shuttle::sync::atomic;

/// So few that a thread that waits often sleeps.
pub(crate) const SPINS: u32 = 2;

pub(crate) mod thread {
    use std::cell::RefCell;
    use std::sync::Arc;

    use shuttle::sync::{Condvar, Mutex};
    use shuttle::thread::JoinHandle;

    shuttle::thread_local! {
        static CURRENT: RefCell<Thread> = RefCell::new(Thread::default());
    }

    /// A thread that can be unparked.
    #[derive(Clone, Default)]
    pub(crate) struct Thread(Arc<(Mutex<bool>, Condvar)>);

    impl Thread {
        pub(crate) fn unpark(&self) {
            *self.0.0.lock().expect("no thread panics here") = true;
            self.0.1.notify_one();
        }

        fn park(&self) {
            let mut is_unparked = self.0.0.lock().expect("no thread panics here");
            while !*is_unparked {
                is_unparked = self.0.1.wait(is_unparked).expect("no thread panics here");
            }
            *is_unparked = false;
        }
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(|it| it.borrow().clone())
    }

    pub(crate) fn park() {
        current().park();
    }

    /// Starts a thread that runs `work`.
    pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> (Thread, JoinHandle<()>) {
        let thread = Thread::default();
        let own = thread.clone();
        let handle = shuttle::thread::spawn(move || {
            CURRENT.with(|it| it.replace(own));
            work();
        });
        (thread, handle)
    }
}
