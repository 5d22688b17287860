//! The arguments of `hopwise serve`.
//!
//! **Invariant:** no server is started here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use hopwise_kernel::codec::VERSION;

use super::values::count;
use crate::serve::Options as ServeOptions;

/// `hopwise serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// How many nodes run
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = |text: &str| count(text, 1..=u32::MAX))]
    nodes: u32,
    /// Where clients connect; port 0: any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
    listen: SocketAddr,
    /// Threads that run nodes and serve clients; 0: one per core
    #[arg(long, value_name = "T", default_value_t = 0)]
    threads: usize,
    /// How many nodes keep each item
    #[arg(long, value_name = "R", default_value_t = 3)]
    replicas: u8,
    /// The address at which nodes send and receive; any but this machine's own needs --cluster-key
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    nodes_at: Ipv4Addr,
    /// Join the ring of a running server, which serves clients at this address. Several addresses, separated
    /// by commas, are tried in their order
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    join: Vec<SocketAddr>,
    /// A file with a secret that all servers of the ring share: nodes accept nothing without it
    #[arg(long, value_name = "FILE")]
    cluster_key: Option<PathBuf>,
    /// The users who may connect (see user add); without it, anybody on this machine
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Show figures as OpenMetrics at this address, to this machine only
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Serve a live page of the nodes of this server, for this machine only, by default at a free port
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "127.0.0.1:0")]
    watch: Option<SocketAddr>,
    /// The newest version of the wire format that nodes speak: 3, for instance to go back to an older
    /// program, or 4. Nodes of both are one ring
    #[arg(long, value_name = "V", default_value_t = VERSION)]
    wire: u8,
    /// The seed of the identifiers of the nodes [default: any]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Do not say at the end what was open
    #[arg(long)]
    quiet: bool,
}

impl Serve {
    /// What the server is started with.
    #[must_use]
    pub fn options(&self) -> ServeOptions {
        ServeOptions {
            nodes: self.nodes,
            listen: self.listen,
            threads: self.threads,
            replicas: self.replicas,
            nodes_at: self.nodes_at,
            join: self.join.clone(),
            cluster_key: self.cluster_key.clone(),
            users: self.users.clone(),
            metrics: self.metrics,
            wire: self.wire,
            seed: self.seed,
        }
    }

    /// Where a live page is shown, if it is.
    #[must_use]
    pub fn watch(&self) -> Option<SocketAddr> {
        self.watch
    }

    /// Whether nothing is said at the end.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }
}
