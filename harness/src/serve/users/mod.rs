//! Users: who may do what, how much, and what each has done.
//!
//! ```text
//! file     the users file          password   hashes, and the thread that checks them
//! rules    commands and keys       account    counts, quotas and rates
//! ```
//!
//! Without a users file there is one user, who may do everything, and the server listens to this
//! machine only.
//!
//! **Invariant:** a password is never kept, written or shown; checking one blocks no shard.

mod account;
mod file;
mod password;
mod rules;

pub(crate) use self::account::{Account, Counts};
pub(crate) use self::file::{Entry, NewUser, append, read};
pub(crate) use self::password::{Checker, Job, hash};

use self::rules::Rules;
use super::command::{Command, Credentials};
use crate::resp::Reply;
use hopwise_kernel::Time;

/// The number of the user of a new connection.
pub(crate) const FIRST: u32 = 0;

/// All users. The first one is that of a new connection.
#[derive(Debug)]
pub(crate) struct Users {
    all: Vec<User>,
    /// Whether clients must say who they are.
    is_closed: bool,
}

/// A user.
#[derive(Debug)]
pub(crate) struct User {
    /// The name.
    pub(crate) name: String,
    /// What the user has done, and how much is allowed.
    pub(crate) account: Account,
    rules: Rules,
    /// The hash of the password; `None` if there is no way to become this user.
    password: Option<String>,
}

impl Users {
    /// One user, who may do everything.
    pub(crate) fn open() -> Users {
        let (name, rules) = ("default".to_owned(), Rules::all());
        let first = User { name, account: Account::default(), rules, password: None };
        Users { all: vec![first], is_closed: false }
    }

    /// The users of a file, and one for connections without a user, which may only authenticate.
    pub(crate) fn of(entries: Vec<Entry>) -> Users {
        let nobody = User {
            name: "(nobody)".to_owned(),
            account: Account::default(),
            rules: Rules::none(),
            password: None,
        };
        let users = entries.into_iter().map(|entry| User {
            account: Account::new(entry.quota_bytes, entry.requests_per_s),
            rules: Rules::new(&entry),
            name: entry.name,
            password: Some(entry.password),
        });
        Users { all: std::iter::once(nobody).chain(users).collect(), is_closed: true }
    }

    /// Whether clients must say who they are.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// All users, in the order of their numbers.
    pub(crate) fn all(&self) -> &[User] {
        &self.all
    }

    /// The user of this number.
    pub(crate) fn user(&self, number: u32) -> &User {
        // Numbers come from this list.
        &self.all[number as usize]
    }

    /// Whether user `number` may give this command now, and has room for what it stores.
    ///
    /// # Errors
    ///
    /// The reply, if not.
    pub(crate) fn admit(
        &self,
        number: u32,
        name: &'static str,
        command: &Command,
        now: Time,
    ) -> Result<(), Reply> {
        let user = self.user(number);
        if self.is_closed && number == FIRST && !rules::is_open_to_all(name) {
            return Err(Reply::error("NOAUTH Authentication required."));
        }
        user.account.take_turn(now)?;
        user.rules.admit(&user.name, name, command)
    }

    /// The hash of the password of the user of this name, and the user's number.
    fn password_of(&self, name: &[u8]) -> Option<(u32, &str)> {
        let mut numbered = (0..).zip(&self.all);
        let (number, user) = numbered.find(|(_, user)| user.name.as_bytes() == name)?;
        user.password.as_deref().map(|hash| (number, hash))
    }

    /// The number of the user with these credentials. Takes long.
    fn check(&self, credentials: &Credentials, decoy: &str) -> Option<u32> {
        let found = self.password_of(&credentials.name);
        // As much work if there is no such user, so that the time does not say so.
        let (number, hash) = found.unwrap_or((FIRST, decoy));
        (password::is_right(&credentials.password, hash) && found.is_some()).then_some(number)
    }
}
