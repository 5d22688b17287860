//! The flags that say which servers to drive a load into.
//!
//! **Invariant:** connects to none of them.

use clap::Args;

use super::values::count;
use crate::target::{CONNECTIONS_MAX, Options};

/// The servers, and how the load reaches them.
#[derive(Args, Debug, Default)]
pub(super) struct TargetFlags {
    /// Run no nodes, but drive the reads and writes of the scenario's section [store] into a server that
    /// runs: hopwise serve, or another one of the Redis protocol. Several with commas; a connection that
    /// breaks goes on to the next one. redis://USER:PASSWORD@HOST:PORT, or HOPWISE_TARGET_USER and
    /// HOPWISE_TARGET_PASSWORD in the environment, say who the client is [default scenario: ycsb-a]
    #[arg(long, value_name = "HOST:PORT,...")]
    target: Vec<String>,
    /// The number of connections to --target
    #[arg(long, value_name = "N", default_value_t = 50, requires = "target")]
    #[arg(value_parser = |text: &str| count(text, 1..=CONNECTIONS_MAX as u32))]
    connections: u32,
    /// The beginning of the keys at --target; more follows that no other run uses
    #[arg(long, value_name = "TEXT", default_value = "hopwise:", requires = "target")]
    prefix: String,
}

impl TargetFlags {
    /// Whether no server is named.
    pub(super) fn is_unused(&self) -> bool {
        self.target.is_empty()
    }

    /// The servers; `None` if none is named.
    ///
    /// # Errors
    ///
    /// If an address is wrong.
    pub(super) fn options(&self) -> Result<Option<Options>, String> {
        if self.is_unused() {
            return Ok(None);
        }
        let environment = |name: &str| std::env::var(name).ok();
        Options::read(&self.target, self.connections as usize, &self.prefix, environment).map(Some)
    }
}
