//! Silence about panics that are expected and caught.
//!
//! **Invariant:** panics are reported as ever while no [`QuietPanics`] exists.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many [`QuietPanics`] exist.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// While it exists, no panic of the process writes a message to standard error.
#[derive(Debug)]
pub(crate) struct QuietPanics(());

impl QuietPanics {
    /// Begins the silence.
    pub(crate) fn begin() -> QuietPanics {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let report = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                if COUNT.load(Ordering::Relaxed) == 0 {
                    report(panic);
                }
            }));
        });
        COUNT.fetch_add(1, Ordering::Relaxed);
        QuietPanics(())
    }
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}
