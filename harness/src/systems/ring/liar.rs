//! Malicious nodes: how a node of a ring lies about the lookups that reach it.
//!
//! Malicious nodes know each other and work together. They keep up their places in the ring like any other
//! node, because that is how lookups reach them. Their own lookups are honest.
//!
//! **Invariant:** a node lies only in messages from its own address.

use hopwise_kernel::base::Distance;
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::message::{Lookup, Stage, Step};
use hopwise_kernel::ring::{Message, Ring as RingProtocol, RingNode};
use hopwise_kernel::{Address, Context, Id, Node as _, Peer};

use crate::scenario::Lie;

/// A malicious node.
pub(super) struct Liar<'a> {
    pub(super) node: &'a RingNode,
    /// Whether a node is malicious, too.
    pub(super) is_accomplice: &'a dyn Fn(Id) -> bool,
}

impl Liar<'_> {
    /// Handles `message` if it is part of a lookup. Returns whether it was.
    pub(super) fn lie(
        &self,
        lie: Lie,
        cx: &mut Context<'_, RingProtocol>,
        from: Peer,
        message: &Message<'_>,
    ) -> bool {
        match *message {
            Message::Lookup { request, lookup } => {
                let purpose = lookup.purpose;
                cx.world.send(self.node.peer(), from, &Message::Ack { request, purpose });
                self.lie_recursive(lie, cx, from, lookup);
            }
            Message::FindNext { request, purpose, key, .. } => {
                let (step, stage) = match lie {
                    Lie::Drop => return true,
                    Lie::Misroute => (Step::Next(self.any_contact(cx)), Stage::Route),
                    Lie::Dead => (Step::Next(self.nobody(cx, key)), Stage::OwnerExact),
                    Lie::Claim | Lie::Forge | Lie::Mix => match self.nearest_accomplice(key) {
                        Some(nearer) => (Step::Next(nearer), Stage::OwnerExact),
                        None => (Step::Owner(self.node.peer()), Stage::Owner),
                    },
                };
                let under_suspicion = false;
                let reply =
                    Message::FindNextReply { request, purpose, step, stage, under_suspicion };
                cx.world.send(self.node.peer(), from, &reply);
            }
            _ => return false,
        }
        true
    }

    fn lie_recursive(
        &self,
        lie: Lie,
        cx: &mut Context<'_, RingProtocol>,
        from: Peer,
        lookup: Lookup,
    ) {
        let is_named = lookup.stage == Stage::OwnerExact && (self.is_accomplice)(from.id);
        match (if is_named { Lie::Claim } else { lie }, self.nearest_accomplice(lookup.key)) {
            (Lie::Drop, _) => {}
            (Lie::Misroute, _) => {
                let contact = self.any_contact(cx);
                self.pass_on(cx, lookup, contact, Stage::Route);
            }
            (Lie::Dead, _) => {
                let nobody = self.nobody(cx, lookup.key);
                self.name(cx, self.node.peer(), lookup, nobody);
            }
            (Lie::Forge, _) => {
                let id = lookup.key.add(Distance::multiple_of_power(1, 0));
                let forged = Peer { id, address: self.node.peer().address };
                self.name(cx, forged, lookup, forged);
            }
            (Lie::Claim | Lie::Mix, Some(nearer)) => {
                self.pass_on(cx, lookup, nearer, Stage::OwnerExact);
            }
            (Lie::Claim | Lie::Mix, None) => {
                self.name(cx, self.node.peer(), lookup, self.node.peer());
            }
        }
    }

    /// Sends `lookup` to another node.
    fn pass_on(&self, cx: &mut Context<'_, RingProtocol>, lookup: Lookup, to: Peer, stage: Stage) {
        if lookup.budget > 1 {
            let (budget, hops) = (lookup.budget - 1, lookup.hops.saturating_add(1));
            // The acknowledgement will match no request.
            let request = RequestId::first(cx.rng.next_u64());
            let lookup = Lookup { budget, hops, stage, ..lookup };
            cx.world.send(self.node.peer(), to, &Message::Lookup { request, lookup });
        }
    }

    /// Names `owner` to the origin of `lookup`, in a message from `sender`.
    fn name(&self, cx: &mut Context<'_, RingProtocol>, sender: Peer, lookup: Lookup, owner: Peer) {
        let Lookup { lookup, purpose, origin, hops, timeouts, .. } = lookup;
        let under_suspicion = false;
        let answer = Message::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts };
        cx.world.send(sender, origin, &answer);
    }

    /// The accomplice in this node's tables that is nearest behind `key`, if it is nearer than this node.
    fn nearest_accomplice(&self, key: Id) -> Option<Peer> {
        let behind = |peer: &Peer| key.distance_to(peer.id);
        let own = behind(&self.node.peer());
        self.contacts()
            .filter(|it| (self.is_accomplice)(it.id) && behind(it) < own)
            .min_by_key(behind)
    }

    fn any_contact(&self, cx: &mut Context<'_, RingProtocol>) -> Peer {
        let count = self.contacts().count().max(1) as u64;
        let contact = self.contacts().nth(cx.rng.below(count) as usize);
        contact.unwrap_or(self.node.peer())
    }

    fn contacts(&self) -> impl Iterator<Item = Peer> {
        let others = |peer: &Peer| peer.address != self.node.peer().address;
        let list = self.node.successors().iter().copied();
        let fingers = self.node.fingers().entries().map(|(_, finger)| finger);
        self.node.predecessor().into_iter().chain(list).chain(fingers).filter(others)
    }

    /// A node that does not exist, between this one and `key`. Messages to it are lost.
    fn nobody(&self, cx: &mut Context<'_, RingProtocol>, key: Id) -> Peer {
        let own = self.node.peer();
        let part = Distance::part(own.id.arc_to(key), cx.rng.next_u64());
        let address = Address { slot: u16::MAX, ..own.address.socket() };
        Peer { id: own.id.add(part), address }
    }
}
