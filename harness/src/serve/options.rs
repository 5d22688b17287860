//! What a server is started with.
//!
//! **Invariant:** options that are accepted can be served, if the operating system allows.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use hopwise_kernel::codec::{OLDEST_VERSION, VERSION};
use hopwise_kernel::store::MAX_REPLICAS;

use super::cluster::PORT_BLOCK;

/// What a server is started with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Nodes.
    pub nodes: u32,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Threads; 0: one per core.
    pub threads: usize,
    /// Nodes that keep an item.
    pub replicas: u8,
    /// Where the nodes send and receive.
    pub nodes_at: Ipv4Addr,
    /// Where running processes serve clients whose ring the nodes join. The first one that answers is
    /// enough.
    pub join: Vec<SocketAddr>,
    /// The file with the key of the cluster.
    pub cluster_key: Option<PathBuf>,
    /// The users file.
    pub users: Option<PathBuf>,
    /// Where the metrics are read.
    pub metrics: Option<SocketAddr>,
    /// The newest version of the wire format that the nodes speak.
    pub wire: u8,
    /// The seed of the identifiers of the nodes, and of the choice of origins; `None`: any.
    pub seed: Option<u64>,
}

/// More threads are refused; this many are counted.
const MAX_THREADS: usize = PORT_BLOCK as usize + 1;
/// The most nodes of a thread: they share a socket, and an address has 16 bits for their numbers.
const MAX_NODES_PER_THREAD: u32 = 1 << 16;

impl Options {
    /// Makes sure that these options can be served by so many threads.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub(super) fn check(&self, threads: usize) -> Result<(), String> {
        let most = MAX_NODES_PER_THREAD.saturating_mul(threads as u32);
        if self.nodes == 0 || self.nodes > most {
            return Err(format!("--nodes {} is not accepted: write 1 to {most}", self.nodes));
        }
        if self.replicas == 0 || usize::from(self.replicas) > MAX_REPLICAS {
            return Err(format!(
                "--replicas {} is not accepted: write 1 to {MAX_REPLICAS}",
                self.replicas
            ));
        }
        if self.users.is_none() && !self.listen.ip().is_loopback() {
            return Err(format!(
                "--listen {}: without users, only this machine may connect. Write users with `hopwise \
                 user add NAME --file FILE` and add --users FILE, or listen at 127.0.0.1",
                self.listen
            ));
        }
        if self.cluster_key.is_none() && !self.nodes_at.is_loopback() {
            return Err(format!(
                "--nodes-at {}: without a cluster key, only nodes of this machine are trusted: add \
                 --cluster-key FILE, with the same file for all processes",
                self.nodes_at
            ));
        }
        if !(OLDEST_VERSION..=VERSION).contains(&self.wire) {
            return Err(format!(
                "--wire {} is not accepted: write {OLDEST_VERSION} or {VERSION}",
                self.wire
            ));
        }
        if threads > usize::from(PORT_BLOCK) {
            return Err(format!("--threads {threads} is not accepted: write 1 to {PORT_BLOCK}"));
        }
        if let Some(metrics) = self.metrics
            && !metrics.ip().is_loopback()
        {
            return Err(format!(
                "--metrics {metrics}: the page asks for no password, so only this machine may read it: \
                 write 127.0.0.1:{}",
                metrics.port()
            ));
        }
        Ok(())
    }

    /// How many threads run, of `cores` cores: each has a node at least.
    pub(super) fn thread_count(&self, cores: usize) -> usize {
        let wanted = if self.threads == 0 { cores } else { self.threads };
        wanted.clamp(1, (self.nodes.max(1) as usize).min(MAX_THREADS))
    }
}
