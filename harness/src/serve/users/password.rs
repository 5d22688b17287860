//! Passwords: their hashes, and the thread that checks them.
//!
//! A check takes tens of milliseconds and 19 MiB, on purpose. So it runs on a thread of its own, one at
//! a time, and at most [`MAX_WAITING`] wait.
//!
//! **Invariant:** no shard computes a hash.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};

use super::Users;
use crate::serve::command::Credentials;

/// The most checks that wait.
const MAX_WAITING: usize = 256;
/// The most memory that a hash of the users file may ask for, in KiB.
const MAX_HASH_KIB: u32 = 1 << 20;
/// The most passes over it.
const MAX_HASH_PASSES: u32 = 64;

/// The Argon2id hash of a password, with a random salt.
///
/// # Errors
///
/// If the operating system gives no random bytes.
pub(crate) fn hash(password: &[u8]) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Whether `password` has this hash. Takes long.
pub(super) fn is_right(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// Makes sure that a hash can be checked.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    let advice = "write the hash that `hopwise user add` makes";
    let hash = PasswordHash::new(hash).map_err(|_| format!("it is no hash: {advice}"))?;
    if hash.algorithm.as_str() != "argon2id" {
        return Err(format!("it is no Argon2id hash: {advice}"));
    }
    let params =
        Params::try_from(&hash).map_err(|_| format!("its parameters are wrong: {advice}"))?;
    if params.m_cost() > MAX_HASH_KIB || params.t_cost() > MAX_HASH_PASSES {
        return Err(format!("checking it takes too long: {advice}"));
    }
    Ok(())
}

/// A password to be checked.
#[derive(Debug)]
pub(crate) struct Job {
    /// The shard of the connection.
    pub(crate) shard: usize,
    /// The token of the connection.
    pub(crate) connection: u64,
    /// Who the client claims to be.
    pub(crate) credentials: Credentials,
}

/// The thread that checks passwords. It ends when all its handles are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Checker(SyncSender<Job>);

impl Checker {
    /// Starts the thread. It calls `answer` with each job and the number of the user, if the password
    /// is right.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(crate) fn start(
        users: Arc<Users>,
        answer: impl Fn(&Job, Option<u32>) + Send + 'static,
    ) -> io::Result<Checker> {
        let (sender, jobs) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || work(&users, &jobs, answer))?;
        Ok(Checker(sender))
    }

    /// Gives a job to the thread. Returns whether there was room.
    pub(crate) fn check(&self, job: Job) -> bool {
        self.0.try_send(job).is_ok()
    }
}

fn work(users: &Users, jobs: &Receiver<Job>, answer: impl Fn(&Job, Option<u32>)) {
    // Without random bytes there is no decoy, and unknown names are answered sooner.
    let decoy = hash(b"decoy").unwrap_or_default();
    for job in jobs {
        answer(&job, users.check(&job.credentials, &decoy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_has_the_hash() {
        let hash = hash(b"secret").expect("random bytes");
        assert_eq!(check_hash(&hash), Ok(()));
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(is_right(b"secret", &hash));
        assert!(!is_right(b"Secret", &hash) && !is_right(b"", &hash));
        assert!(!is_right(b"secret", ""));
    }

    #[test]
    fn hashes_that_cannot_be_checked_are_refused() {
        let tail = "$c29tZXNhbHQ$q0cN7dT2cL7PdhRKJFmFb1mLW5SRqPkOZQDVfu8b1JI";
        for (hash, why) in [
            ("secret".to_owned(), "it is no hash"),
            (format!("$argon2i$v=19$m=64,t=2,p=1{tail}"), "no Argon2id"),
            (format!("$argon2id$v=19$m=4000000,t=2,p=1{tail}"), "too long"),
            (format!("$argon2id$v=19$m=64,t=1000,p=1{tail}"), "too long"),
            (format!("$argon2id$v=19$m=1,t=2,p=1{tail}"), "parameters"),
        ] {
            let error = check_hash(&hash).expect_err(&hash);
            assert!(error.contains(why), "{hash}: {error}");
        }
    }
}
