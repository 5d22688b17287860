//! Merging: parts of a ring that fell apart become one ring again.
//!
//! Where messages do not get through, each side declares the nodes of the other side dead and closes its
//! own ring. From then on no node names a node of the other side. So a member remembers a few of the
//! contacts that it declared dead. Now and then it asks one of them for its own place, as a node that
//! joins does. The node before that place answers, and names the node after it. The rules of stabilize do
//! the rest: whichever of the two lies nearer than a neighbor takes its place. Once all nodes have asked,
//! each one has its place in one ring.
//!
//! A ring can also fall into several without a cut, if more neighbors die together than a successor list
//! is long. Then the refresh of a finger passes over a finger that lives, and that one is asked, too.
//!
//! Remembering silent contacts follows Shafaat, Ghodsi and Haridi (*Dealing with network partitions in
//! structured overlay networks*, PPNA 2009). There one node that finds the other ring starts gossip which walks
//! along both. Here all nodes ask for themselves: it takes a few rounds however many they are.
//!
//! **Invariant:** what an answer names is asked itself before it becomes a neighbor. A contact that stays
//! silent is not suspected for that.

use core::time::Duration;

use crate::base::Peer;
use crate::node::{Context, Source};
use crate::ring::message::{Lookup, Message, Purpose};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::Request;
use crate::ring::silence::FIRST_WAIT;

/// How long a contact has to answer, in all.
const PATIENCE: Duration = Duration::from_secs(3);
/// If all places are taken, one of so many further dead contacts is remembered. So those of a time when
/// many were lost outlast the few that die later.
const DEAD_REMEMBERED: u64 = 4;

impl RingNode {
    /// `peer` was declared dead, and may be on the other side of a partition.
    pub(super) fn remember_dead(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        if self.config.stabilize.is_some() {
            self.lost.remember(peer, DEAD_REMEMBERED, cx.rng);
        }
    }

    /// A lookup should have found `finger`, and has not: it is dead, or in another ring.
    pub(super) fn remember_passed(&mut self, cx: &mut Context<'_, Ring>, finger: Peer) {
        if self.config.stabilize.is_some() {
            self.lost.remember(finger, 1, cx.rng);
        }
    }

    /// Counts a round of stabilize, and asks a lost contact for this node's place if one is due.
    pub(super) fn ask_lost_contact(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(contact) = self.lost.count_round() {
            // Nobody waits for this one.
            let wait = self.probe_timeout(cx, contact, 0).max(FIRST_WAIT * 2);
            let patience = PATIENCE.max(wait * 2);
            self.look_up_through(cx, contact, contact.id.prefix(), self.me.id, wait, patience);
        }
    }

    /// Whether `request` asks a lost contact for this node's own place. A member has no other request of its
    /// own with a lookup of a join. What the lookup says of its origin proves nothing.
    pub(super) fn asks_for_own_place(&self, request: &Request, lookup: &Lookup) -> bool {
        self.is_member() && request.source == Source::OWN && lookup.purpose == Purpose::Join
    }

    /// In the ring of the lost contact with this `prefix`, this node's place is between `before`, which has
    /// answered, and `after`.
    pub(super) fn on_place_found(
        &mut self,
        cx: &mut Context<'_, Ring>,
        prefix: u64,
        before: Peer,
        after: Peer,
    ) {
        if after == self.me || before == self.me {
            // It is the same ring.
            return self.lost.forget(prefix);
        }
        if self.may_be_successor(after) {
            self.consider_successor(cx, after);
        } else {
            // The nodes between may not know `after`. But it takes this node for its predecessor, and then
            // `before` learns of this node.
            self.send(cx, after, &Message::Notify);
        }
    }
}
