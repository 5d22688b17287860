//! `hopwise user add`: writes a user into a users file.
//!
//! **Invariant:** a password comes from a terminal that does not show it, or from standard input; it is
//! no argument, and is written nowhere.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use crate::commands::Environment;
use crate::commands::options::Exit;
use crate::serve::{NewUser, append_user, hash_password};

/// The longest password that can be given.
const MAX_PASSWORD: usize = 1024;

/// Adds `user` to the users file at `path`.
#[must_use]
pub(crate) fn add(env: &Environment, user: NewUser, path: &Path) -> Exit {
    // What is wrong is said before a password is typed.
    if let Err(why) = user.clone().entry(String::new()) {
        return env.refuse(why);
    }
    let password = match password(&user.name) {
        Ok(password) => password,
        Err(why) => return env.refuse(why),
    };
    let hash = match hash_password(password.as_bytes()) {
        Ok(hash) => hash,
        Err(why) => {
            env.tell(why);
            return Exit::Failure;
        }
    };
    match user.entry(hash).and_then(|entry| append_user(path, &entry)) {
        Ok(()) => Exit::Success,
        Err(why) => env.refuse(why),
    }
}

fn password(name: &str) -> Result<String, String> {
    let read = if io::stdin().is_terminal() {
        let first = ask(&format!("Password of {name}: "))?;
        if ask("The same again: ")? != first {
            return Err("the passwords differ: nothing was written".to_owned());
        }
        first
    } else {
        let mut line = String::new();
        let limit = MAX_PASSWORD as u64 + 3;
        let read = io::Read::take(io::stdin().lock(), limit).read_line(&mut line);
        read.map_err(|error| format!("cannot read the password: {error}"))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    match read.len() {
        0 => Err("the password is empty: write one line to standard input".to_owned()),
        length if length > MAX_PASSWORD => {
            Err(format!("the password is too long: write at most {MAX_PASSWORD} bytes"))
        }
        _ => Ok(read),
    }
}

fn ask(prompt: &str) -> Result<String, String> {
    rpassword::prompt_password(prompt).map_err(|error| format!("cannot read the password: {error}"))
}
