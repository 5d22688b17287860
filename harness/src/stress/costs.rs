//! The CPU time of each kind of operation and of an idle node, and what servers with other cores hold by it.
//!
//! **Invariant:** an estimate for another server is a multiple of what was measured on this one.

use serde::{Deserialize, Serialize};

/// Cores of the servers that are estimated, if this one has fewer.
const CORES: [usize; 5] = [4, 8, 16, 32, 64];

/// CPU times, in microseconds; `None` where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Costs {
    /// A lookup, a get and a put, at full load, with what the nodes do anyway.
    pub(crate) lookup_us: Option<f64>,
    pub(crate) get_us: Option<f64>,
    pub(crate) put_us: Option<f64>,
    /// An idle node among `idle_nodes`, per second: what it costs to keep the ring. Among more nodes it is
    /// less, because they share datagrams.
    pub(crate) node_us_per_s: Option<f64>,
    pub(crate) idle_nodes: Option<u32>,
}

/// What a server holds, as an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) cores: usize,
    /// Operations per second of the workload.
    pub(crate) per_s: f64,
    /// Nodes that each look up one key per second.
    pub(crate) nodes: Option<f64>,
}

impl Costs {
    /// What servers hold in which all cores are as busy as the `busy` ones here: those of this machine
    /// held `capacity_per_s`.
    pub(crate) fn servers(&self, cores: usize, busy: f64, capacity_per_s: f64) -> Vec<Server> {
        let of = |of: usize| {
            let us_per_s = of as f64 * busy * 1e6;
            let node_us = self.node_us_per_s.zip(self.lookup_us).map(|(idle, own)| idle + own);
            Server {
                cores: of,
                per_s: capacity_per_s * of as f64 / cores.max(1) as f64,
                nodes: node_us.filter(|&us| us > 0.0).map(|us| us_per_s / us),
            }
        };
        let larger = CORES.into_iter().filter(|&more| more > cores);
        [cores.max(1)].into_iter().chain(larger).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_multiples_of_this_one() {
        let costs = Costs { node_us_per_s: Some(40.0), ..Costs::default() };
        let costs = Costs { lookup_us: Some(10.0), ..costs };
        let servers = costs.servers(2, 0.5, 1000.0);
        let all: Vec<_> = servers.iter().map(|it| (it.cores, it.per_s)).collect();
        assert_eq!(all[..2], [(2, 1000.0), (4, 2000.0)]);
        assert_eq!(servers[0].nodes, Some(20_000.0));
        assert_eq!(costs.servers(64, 1.0, 1.0).len(), 1);
        assert_eq!(Costs::default().servers(1, 1.0, 1.0)[0].nodes, None);
    }
}
