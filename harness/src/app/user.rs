//! The arguments of `hopwise user`.
//!
//! **Invariant:** no file is written here.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::serve::NewUser;

/// `hopwise user`.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Add a user to a users file. The password is typed, or read from standard input
    Add(UserAdd),
}

/// `hopwise user add`.
#[derive(Args, Debug)]
pub struct UserAdd {
    /// The name of the user
    name: String,
    /// The users file; created if there is none
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The commands that the user may use [default: all]
    #[arg(long, value_name = "C,C,...", value_delimiter = ',')]
    commands: Vec<String>,
    /// The beginnings of the keys that the user may use [default: all keys]
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',')]
    keys: Vec<String>,
    /// The bytes of values that the user may store [default: no limit]
    #[arg(long, value_name = "N")]
    quota_bytes: Option<u64>,
    /// The requests that the user may send per second [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests_per_s: Option<u64>,
}

impl UserAdd {
    /// The user, and the file.
    pub(super) fn into_parts(self) -> (NewUser, PathBuf) {
        let UserAdd { name, file, commands, keys, quota_bytes, requests_per_s } = self;
        (NewUser { name, commands, keys, quota_bytes, requests_per_s }, file)
    }
}
