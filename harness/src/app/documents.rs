//! What is made from the description of all commands: completions for shells, and manual pages.
//!
//! **Invariant:** nothing is described here.

use std::fs;
use std::path::Path;

use clap_complete::Shell;

use super::cli::Cli;
use crate::commands::Environment;
use crate::commands::options::Exit;

/// Prints what completes commands and flags in `shell`.
pub(super) fn completions(env: &Environment, shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::described(env), env.program.name, &mut script);
    env.print(&String::from_utf8_lossy(&script))
}

/// Writes a manual page for each command into `folder`.
pub(super) fn manual(env: &Environment, folder: &Path) -> Exit {
    let written = fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::described(env), folder));
    match written {
        Ok(()) => Exit::Success,
        Err(error) => env.refuse(format_args!("{}: {error}: name a folder", folder.display())),
    }
}
