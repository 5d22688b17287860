//! Tells the harness what it was built from, for the results it writes: `HOPWISE_COMMIT`,
//! `HOPWISE_RUSTC`, `HOPWISE_PROFILE`.
//!
//! **Invariant:** never fails; what cannot be found out is "unknown".

use std::env;
use std::path::Path;
use std::process::Command;

/// What a result depends on, seen from this folder.
const SOURCES: [&str; 5] = ["src", "build.rs", "../kernel/src", "../Cargo.toml", "../Cargo.lock"];

fn main() {
    set("COMMIT", commit());
    set("RUSTC", output(&env::var("RUSTC").unwrap_or_default(), &["--version"]));
    set("PROFILE", env::var("PROFILE").ok());

    // The log of HEAD grows with every commit and checkout.
    let head = output("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    for path in SOURCES.into_iter().chain(head.as_deref()) {
        // A path that does not exist would make every build start here.
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// The commit checked out, marked if the sources differ from it.
fn commit() -> Option<String> {
    let commit = output("git", &["rev-parse", "HEAD"])?;
    let changes = output("git", &[["status", "--porcelain", "--"].as_slice(), &SOURCES].concat());
    Some(if changes.is_some() { commit + "+changes" } else { commit })
}

/// What a command writes to standard output; none if it fails or writes nothing.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn set(name: &str, value: Option<String>) {
    println!("cargo::rustc-env=HOPWISE_{name}={}", value.as_deref().unwrap_or("unknown"));
}
