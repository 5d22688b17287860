//! Standard output, where results go.
//!
//! **Invariant:** a reader that closes the pipe early is no error; any other failure is one.

use std::io::{self, Write};
use std::sync::OnceLock;

/// Standard output and its first failure, after which nothing more is written.
#[derive(Debug, Default)]
pub(crate) struct StandardOutput {
    ended: OnceLock<io::Error>,
}

impl StandardOutput {
    /// Writes `text`.
    pub(crate) fn write(&self, text: &str) {
        self.take(|| {
            let mut output = io::stdout().lock();
            output.write_all(text.as_bytes())?;
            output.flush()
        });
    }

    /// Calls `write`, which writes to standard output, unless an earlier text could not be written.
    pub(crate) fn take(&self, write: impl FnOnce() -> io::Result<()>) {
        if self.ended.get().is_none()
            && let Err(error) = write()
        {
            // Another thread may have failed at the same time; one message is enough.
            let _ = self.ended.set(error);
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    ///
    /// If a text could not be written, unless the reader has closed the pipe.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.ended.into_inner() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("cannot write to standard output: {error}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let end_after = |kinds: &[io::ErrorKind]| {
            let output = StandardOutput::default();
            kinds.iter().for_each(|&kind| output.take(|| Err(kind.into())));
            output.end()
        };
        assert_eq!(end_after(&[]), Ok(()));
        assert_eq!(end_after(&[io::ErrorKind::BrokenPipe]), Ok(()));
        assert_eq!(end_after(&[io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull]), Ok(()));
        let full = end_after(&[io::ErrorKind::StorageFull, io::ErrorKind::BrokenPipe]);
        assert!(full.is_err_and(|error| error.starts_with("cannot write to standard output: ")));
    }
}
