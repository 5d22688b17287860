//! Sockets and datagrams of the UDP engine.
//!
//! **Invariant:** has no effect in the simulator.

use core::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, require, require_that};
use super::key::Key;
use super::{Engine, Scenario, Section};

/// Nodes behind one socket, at most: slots are 16 bits.
const NODES_PER_SOCKET: u64 = 65_535;

/// How the UDP engine uses sockets.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Udp {
    /// Which nodes share a socket.
    pub sockets: Sockets,
    /// The endpoint of the first socket, not a multicast or broadcast address. The others take the
    /// ports after it, or any free ones if the port is 0.
    pub bind: SocketAddrV4,
    /// Largest payload of a datagram in bytes: 576 … 65,507.
    pub datagram: u32,
    /// Whether each thread is pinned to a core.
    pub pin: bool,
}

impl Default for Udp {
    fn default() -> Udp {
        Udp {
            sockets: Sockets::PerCore,
            bind: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0),
            datagram: 1472,
            pin: true,
        }
    }
}

/// Which nodes share a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sockets {
    /// All nodes of a thread. Their messages share datagrams.
    PerCore,
    /// None: each node has its own port and sends one message per datagram.
    PerNode,
}

impl Section for Udp {
    const NAME: &'static str = "udp";

    const KEYS: &'static [Key] = &[
        Key::table("udp", "Sockets and datagrams of the UDP engine."),
        Key::word(
            "udp.sockets",
            &["per-core", "per-node"],
            "Which nodes share a socket. per-core: all nodes of a thread, and messages share \
             datagrams. per-node: each node has its own port and sends one message per datagram, as \
             on separate hosts.",
        ),
        Key::text(
            "udp.bind",
            "an IPv4 address of this host and a port such as \"127.0.0.1:4000\"; port 0 is any free one",
            "Address of the first socket. The others take the ports after it.",
        ),
        Key::integer(
            "udp.datagram",
            "bytes, a whole number from 576 to 65507",
            "Largest payload of a datagram in bytes. 1472 fits an Ethernet frame.",
        ),
        Key::boolean("udp.pin", "Pin each thread to a core."),
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        require((576..=65_507).contains(&self.datagram), "udp.datagram")?;
        let host = self.bind.ip();
        require(!host.is_multicast() && !host.is_broadcast(), "udp.bind")?;
        if all.engine == Engine::Udp { self.check_sockets(all) } else { Ok(()) }
    }
}

impl Udp {
    fn check_sockets(&self, all: &Scenario) -> Verdict {
        let threads = all.thread_count() as u64;
        let population = u64::from(all.nodes) + all.joining_in_faults(all.nodes.into());
        let (sockets, most, instead) = match self.sockets {
            Sockets::PerCore => (
                threads,
                NODES_PER_SOCKET * threads,
                format!(
                    "65,535 per socket and {threads} sockets, one per thread (more with threads)"
                ),
            ),
            Sockets::PerNode => (
                population,
                NODES_PER_SOCKET,
                "one port each (more with udp.sockets = \"per-core\")".to_owned(),
            ),
        };
        require_that(population <= most, "nodes", || {
            format!("at most {most}, including the nodes that join in faults: {instead}")
        })?;
        let port = u64::from(self.bind.port());
        require_that(port == 0 || port + sockets <= 65_536, "udp.bind", || {
            format!(
                "a port from 1 to {}, or 0: {sockets} sockets take ports in a row",
                65_536 - sockets
            )
        })
    }
}
