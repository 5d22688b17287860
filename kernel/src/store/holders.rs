//! The nodes that keep copies of what this node owns, and the cookies of their sockets.
//!
//! **Invariant:** holders follow the node in the order of the router, on distinct hosts as far as there
//! are so many.

use crate::base::{Address, Peer};
use crate::node::Cookie;
use crate::store::config::{Hosts, MAX_REPLICAS};

/// The most holders besides the owner.
pub(super) const MAX_HOLDERS: usize = MAX_REPLICAS - 1;

/// Whether `node` keeps a copy of what `owner` owns, if each item is kept by `replicas` nodes and `next`
/// are the nodes that follow the owner.
#[must_use]
pub fn is_holder(node: Peer, owner: Peer, replicas: usize, hosts: Hosts, next: &[Peer]) -> bool {
    Holders::choose(owner, replicas, hosts, next).peers().contains(&node)
}

/// See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Holders {
    peers: [Peer; MAX_HOLDERS],
    len: u8,
}

/// A set of holders, by their places.
pub(super) type HolderSet = u16;

impl Holders {
    /// The holders of what `me` owns, if it is kept by `replicas` nodes and these are the next ones.
    pub(super) fn choose(me: Peer, replicas: usize, hosts: Hosts, next: &[Peer]) -> Holders {
        let wanted = replicas.saturating_sub(1).min(MAX_HOLDERS);
        let mut holders = Holders::default();
        for distinct in [true, false] {
            for &peer in next {
                if holders.peers().len() == wanted {
                    return holders;
                }
                let shares_host = hosts.is_same(peer.address, me.address)
                    || holders.peers().iter().any(|it| hosts.is_same(it.address, peer.address));
                if peer.id != me.id
                    && !(distinct && shares_host)
                    && !holders.peers().contains(&peer)
                {
                    holders.peers[usize::from(holders.len)] = peer;
                    holders.len += 1;
                }
            }
        }
        holders
    }

    /// Whether [`choose`](Self::choose) would return `self` for certain, at the cost of one comparison.
    pub(super) fn is_choice_of(&self, replicas: usize, hosts: Hosts, next: &[Peer]) -> bool {
        let wanted = replicas.saturating_sub(1).min(MAX_HOLDERS);
        hosts == Hosts::Nodes && next.get(..wanted) == Some(self.peers())
    }

    /// The holders, the next one first.
    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers[..usize::from(self.len)]
    }

    /// All of them.
    pub(super) const fn all(&self) -> HolderSet {
        ((1_u32 << self.len) - 1) as HolderSet
    }

    /// The place of a holder.
    pub(super) fn place(&self, peer: Peer) -> Option<usize> {
        self.peers().iter().position(|it| it.is_same_destination(peer))
    }

    /// The set of those of `self` that were in `set` of `before`.
    pub(super) fn carried_over(&self, before: &Holders, set: HolderSet) -> HolderSet {
        let mut carried = 0;
        for (place, &peer) in self.peers().iter().enumerate() {
            if before.place(peer).is_some_and(|old| set & 1 << old != 0) {
                carried |= 1 << place;
            }
        }
        carried
    }
}

/// Sockets whose cookies a node remembers.
const COOKIES: usize = 8;

/// The cookies of some sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cookies([(Address, Cookie); COOKIES]);

impl Cookies {
    /// The cookie of the socket of `peer`; zero if it is not known.
    pub(super) fn of(&self, peer: Peer) -> Cookie {
        let socket = peer.address.socket();
        let (of, cookie) = self.0[Self::place(socket)];
        if of == socket { cookie } else { Cookie::default() }
    }

    /// Remembers the cookie of the socket of `peer`.
    pub(super) fn learn(&mut self, peer: Peer, cookie: Cookie) {
        let socket = peer.address.socket();
        self.0[Self::place(socket)] = (socket, cookie);
    }

    const fn place(socket: Address) -> usize {
        (crate::base::rng::mix(socket.to_bits()) % COOKIES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Distance, Id};

    fn peer(number: u32, port: u16) -> Peer {
        let id = Id::ZERO.add(Distance::multiple_of_power(number, 150));
        Peer { id, address: Address::new([127, 0, 0, 1], port, number as u16) }
    }

    #[test]
    fn holders_are_on_distinct_hosts_as_far_as_there_are_so_many() {
        let hosts = Hosts::PortBlocks(16);
        let next = [peer(1, 4000), peer(2, 4016), peer(3, 4017), peer(4, 4032), peer(5, 4001)];
        let me = peer(0, 4001);
        let holders = |replicas| Holders::choose(me, replicas, hosts, &next);
        assert_eq!(holders(1).peers(), []);
        assert_eq!(holders(3).peers(), [peer(2, 4016), peer(4, 4032)]);
        assert_eq!(holders(4).peers(), [peer(2, 4016), peer(4, 4032), peer(1, 4000)]);
        assert_eq!(holders(9).peers().len(), 5, "each node once");
        let nodes = Holders::choose(me, 3, Hosts::Nodes, &next);
        assert_eq!(nodes.peers(), [peer(1, 4000), peer(2, 4016)]);
    }

    #[test]
    fn nodes_of_one_host_are_told_by_slots_or_numbers() {
        let at = |slot| Address::new([127, 0, 0, 1], 4000, slot);
        let slots = Hosts::SlotBlocks(5);
        assert!(slots.is_same(at(0), at(4)) && slots.is_same(at(65_530), at(65_534)));
        assert!(!slots.is_same(at(4), at(5)));
        assert!(!slots.is_same(at(0), Address::new([127, 0, 0, 1], 4001, 0)), "another socket");
        let numbers = Hosts::NumberBlocks(5);
        let number = |place: u64| Address::from_bits(place + 1);
        for first in [0, 65_535, 4_294_967_295] {
            assert!(numbers.is_same(number(first), number(first + 4)), "{first}");
            assert!(!numbers.is_same(number(first), number(first + 5)), "{first}");
        }
        assert!(!numbers.is_same(number(4), number(5)));
    }

    #[test]
    fn the_nodes_that_keep_an_item_are_told_apart_from_those_between() {
        let hosts = Hosts::PortBlocks(16);
        let next = [peer(1, 4001), peer(2, 4016), peer(3, 4017), peer(4, 4032)];
        let keeps = |node| is_holder(node, peer(0, 4000), 3, hosts, &next);
        assert_eq!(next.map(keeps), [false, true, false, true]);
    }

    #[test]
    fn sets_are_carried_over() {
        let (a, b, c, d) = (peer(1, 1), peer(2, 2), peer(3, 3), peer(4, 4));
        let me = peer(0, 9);
        let before = Holders::choose(me, 4, Hosts::Nodes, &[a, b, c]);
        let after = Holders::choose(me, 4, Hosts::Nodes, &[d, a, c]);
        assert_eq!(after.carried_over(&before, 0b101), 0b110);
        assert_eq!((before.all(), Holders::default().all()), (0b111, 0));
    }
}
