//! What nodes say to each other.
//!
//! Messages borrow: a list of peers or a payload points into the sender's table or into the datagram
//! it arrived in, so that neither sending nor receiving copies or allocates.
//!
//! **Invariant:** plain data. How it looks as bytes is [`wire`](crate::wire)'s business, what it
//! makes a node do is the node's.

use crate::id::Id;
use crate::items::{Hit, Hits, Query, Text};
use crate::peer::Peer;
use crate::wire::WirePeer;

/// Names a request, so that its reply can be told from a forged or a stale one: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RequestId(pub u64);

/// Proof that its bearer receives what is sent to its address: a keyed hash of that address, made
/// by the node that now sees it again. Zero proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cookie(pub u64);

/// Longest payload of [`Message::Deliver`], in bytes.
pub const MAX_PAYLOAD: usize = 1024;

/// Largest hop budget a lookup may carry.
pub const MAX_HOP_BUDGET: u8 = 200;

/// Largest TTL of a flooded query, and of a [`Message::Meet`].
pub const MAX_TTL: u8 = 32;

/// Most steps of a random walk.
pub const MAX_WALK: u16 = 4096;

/// Most further copies of a reference that a [`Message::Copy`] may ask for.
pub const MAX_COPIES: u8 = 15;

/// What a lookup is for. Maintenance pays for its own lookups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// The application asked.
    User = 0,
    /// A finger is being refreshed.
    FixFingers = 1,
    /// A joining node looks for its place, or reads the tables it starts from.
    Join = 2,
    /// A node checks its neighbourhood.
    Stabilize = 3,
    /// A holder makes known what it has.
    Publish = 4,
    /// An item is fetched from a holder.
    Transfer = 5,
}

impl Purpose {
    /// The purpose with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Purpose> {
        match number {
            0 => Some(Purpose::User),
            1 => Some(Purpose::FixFingers),
            2 => Some(Purpose::Join),
            3 => Some(Purpose::Stabilize),
            4 => Some(Purpose::Publish),
            5 => Some(Purpose::Transfer),
            _ => None,
        }
    }
}

/// A recursive lookup on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// Names the lookup at its origin; the [`Message::Answer`] repeats it.
    pub lookup: RequestId,
    /// What it is for.
    pub purpose: Purpose,
    /// What is looked up.
    pub key: Id,
    /// Who gets the answer.
    pub origin: Peer,
    /// Transfers still allowed, 1 … [`MAX_HOP_BUDGET`]; strictly decreases.
    pub budget: u8,
    /// Transfers so far, until a node that knew the answer was reached.
    pub hops: u8,
    /// Contacts that did not answer in time, so far.
    pub timeouts: u8,
    /// Whether a node on the way already knew the answer, so that hops count no more.
    pub known: bool,
}

/// What a node tells the origin of an iterative lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The key's owner.
    Owner(Peer),
    /// The closest preceding node known here.
    Next(Peer),
    /// Nobody here is closer.
    Stuck,
}

/// A walker of a random walk on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// What is searched for.
    pub query: Query,
    /// Who searches.
    pub origin: Peer,
    /// Steps still allowed, 1 … [`MAX_WALK`]; strictly decreases.
    pub ttl: u16,
    /// Steps so far.
    pub hops: u16,
}

/// What a walker does at whoever receives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WalkStage {
    /// It takes a step: from neighbour to neighbour.
    Steps = 0,
    /// It asks its origin whether to go on.
    Asks = 1,
    /// Its origin sends it on, from where it asked.
    GoesOn = 2,
}

impl WalkStage {
    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<WalkStage> {
        match number {
            0 => Some(WalkStage::Steps),
            1 => Some(WalkStage::Asks),
            2 => Some(WalkStage::GoesOn),
            _ => None,
        }
    }
}

/// One message. Replies repeat the [`RequestId`] of what they answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Message<'a> {
    /// Are you alive?
    Ping {
        /// Named by the sender.
        request: RequestId,
    },
    /// Answers [`Message::Ping`].
    Pong {
        /// Which ping.
        request: RequestId,
    },
    /// Tell me your predecessor and your successor list.
    Neighbors {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// Stabilize or join.
        purpose: Purpose,
    },
    /// Answers [`Message::Neighbors`] if its cookie was good.
    NeighborsReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// The predecessor, if there is one.
        predecessor: Option<Peer>,
        /// The successor list, nearest first.
        successors: Peers<'a>,
    },
    /// Answers [`Message::Neighbors`] if its cookie was not good: ask again with this one. The
    /// reply proper is longer than the request, so it goes only to who has shown to be there.
    CookieReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// What to ask with.
        cookie: Cookie,
    },
    /// I may be your predecessor.
    Notify,
    /// This node may be your successor now.
    Introduce {
        /// Who that is.
        peer: Peer,
    },
    /// I am leaving.
    Leave {
        /// My predecessor: for my successor.
        predecessor: Option<Peer>,
        /// My successor list: for my predecessor.
        successors: Peers<'a>,
    },
    /// Find the owner of a key, and have it answered to the origin.
    Lookup {
        /// Named by the previous hop; acknowledged to it.
        request: RequestId,
        /// The lookup itself.
        lookup: Lookup,
    },
    /// The lookup was taken over: answers [`Message::Lookup`].
    Ack {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
    },
    /// The end of a recursive lookup, sent to its origin by the owner's predecessor.
    Answer {
        /// The origin's name for the lookup.
        lookup: RequestId,
        /// As in the lookup.
        purpose: Purpose,
        /// The key's owner.
        owner: Peer,
        /// See [`Lookup::hops`].
        hops: u8,
        /// See [`Lookup::timeouts`].
        timeouts: u8,
    },
    /// One step of an iterative lookup: who is the closest node you know before `limit` on the way
    /// to `key`?
    FindNext {
        /// Named by the origin.
        request: RequestId,
        /// As in a lookup.
        purpose: Purpose,
        /// What is looked up.
        key: Id,
        /// Only nodes before this one: the key itself, or a contact that did not answer.
        limit: Id,
    },
    /// Answers [`Message::FindNext`].
    FindNextReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// Where to go on.
        step: Step,
        /// Whether the answering node's own list has the key in one of its gaps.
        knows: bool,
    },
    /// A message for the owner of a key.
    Deliver {
        /// Named by the sender.
        request: RequestId,
        /// Whose owner is meant.
        key: Id,
        /// Up to [`MAX_PAYLOAD`] bytes.
        payload: &'a [u8],
    },
    /// The owner has it: answers [`Message::Deliver`].
    Delivered {
        /// Which request.
        request: RequestId,
    },
    /// I hold an item of this name: enter it into your index, or renew its entry. Answered with a
    /// [`Message::CookieReply`] if the cookie was not good.
    Publish {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// It is entered: answers [`Message::Publish`].
    Published {
        /// Which request.
        request: RequestId,
    },
    /// A copy of an index entry, from a neighbour.
    Copy {
        /// The item, and who holds it.
        hit: Hit,
        /// Further copies wanted, at the successors that follow; at most [`MAX_COPIES`].
        copies: u8,
        /// The entry lapses so much later unless it is renewed.
        lifetime_ms: u32,
    },
    /// Who has items that fit? Answered with a [`Message::CookieReply`] if the cookie was not good.
    Find {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// What is asked.
        query: Query,
    },
    /// Answers [`Message::Find`].
    Found {
        /// Which request.
        request: RequestId,
        /// Best first; none if nobody is known to have any.
        hits: Hits<'a>,
    },
    /// Send me the item of this name. Answered with a [`Message::CookieReply`] if the cookie was not
    /// good.
    Fetch {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// Answers [`Message::Fetch`].
    Item {
        /// Which request.
        request: RequestId,
        /// Up to [`MAX_PAYLOAD`] bytes; none if it is not here.
        payload: &'a [u8],
    },
    /// A flooded query, from a neighbour.
    Search {
        /// Names the search, to know it again.
        search: RequestId,
        /// What is searched for.
        query: Query,
        /// Transfers still allowed, this one counted: 1 … [`MAX_TTL`].
        ttl: u8,
        /// Transfers so far, this one counted.
        hops: u8,
    },
    /// A walker of a random walk.
    Walk {
        /// Names the search, which all its walkers share.
        search: RequestId,
        /// The walker.
        walk: Walk,
        /// What it does here.
        stage: WalkStage,
    },
    /// Somebody has what is searched for; goes back the way the search came.
    SearchHit {
        /// Which search.
        search: RequestId,
        /// What was found, and where.
        hit: Hit,
        /// Transfers of the search until it was found.
        hops: u16,
    },
    /// Let us be neighbours.
    Connect {
        /// Named by the sender.
        request: RequestId,
    },
    /// Answers [`Message::Connect`].
    Connected {
        /// Which request.
        request: RequestId,
        /// Whether they are neighbours now.
        accepted: bool,
    },
    /// Somebody looks for neighbours: hand it on at random, and whoever gets it last may connect.
    Meet {
        /// Who looks for neighbours.
        origin: Peer,
        /// Transfers still allowed, this one counted: 1 … [`MAX_TTL`].
        ttl: u8,
    },
}

/// What a message is accounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Class {
    /// Lookups the application asked for.
    Lookup,
    /// Messages the application sent to the owners of keys.
    Delivery,
    /// Stabilize, notify, rectify.
    Stabilize,
    /// Refreshing fingers.
    FixFingers,
    /// Joining.
    Join,
    /// Announced departures.
    Leave,
    /// Probes of contacts that did not answer, or are new.
    Probe,
    /// Holders making known what they have.
    Publish,
    /// Items on their way from holders to who asked.
    Transfer,
}

impl Class {
    /// Every class, in the order of its number.
    pub const ALL: [Class; 9] = [
        Class::Lookup,
        Class::Delivery,
        Class::Stabilize,
        Class::FixFingers,
        Class::Join,
        Class::Leave,
        Class::Probe,
        Class::Publish,
        Class::Transfer,
    ];

    /// The name reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Lookup => "lookup",
            Class::Delivery => "delivery",
            Class::Stabilize => "stabilize",
            Class::FixFingers => "fix_fingers",
            Class::Join => "join",
            Class::Leave => "leave",
            Class::Probe => "probe",
            Class::Publish => "publish",
            Class::Transfer => "transfer",
        }
    }

    /// Whether nodes send this of their own accord, to keep their tables right.
    #[must_use]
    pub const fn is_maintenance(self) -> bool {
        !matches!(self, Class::Lookup | Class::Delivery | Class::Publish | Class::Transfer)
    }
}

impl From<Purpose> for Class {
    fn from(purpose: Purpose) -> Class {
        match purpose {
            Purpose::User => Class::Lookup,
            Purpose::FixFingers => Class::FixFingers,
            Purpose::Join => Class::Join,
            Purpose::Stabilize => Class::Stabilize,
            Purpose::Publish => Class::Publish,
            Purpose::Transfer => Class::Transfer,
        }
    }
}

impl Message<'_> {
    /// What this message is accounted to.
    #[inline]
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Message::Ping { .. } | Message::Pong { .. } => Class::Probe,
            Message::Notify | Message::Introduce { .. } => Class::Stabilize,
            Message::Leave { .. } => Class::Leave,
            Message::Deliver { .. } | Message::Delivered { .. } => Class::Delivery,
            Message::Publish { .. } | Message::Published { .. } | Message::Copy { .. } => {
                Class::Publish
            }
            Message::Find { .. }
            | Message::Found { .. }
            | Message::Search { .. }
            | Message::Walk { .. }
            | Message::SearchHit { .. } => Class::Lookup,
            Message::Fetch { .. } | Message::Item { .. } => Class::Transfer,
            Message::Connect { .. } | Message::Connected { .. } | Message::Meet { .. } => {
                Class::Join
            }
            Message::Lookup { lookup, .. } => lookup.purpose.into(),
            Message::Neighbors { purpose, .. }
            | Message::NeighborsReply { purpose, .. }
            | Message::CookieReply { purpose, .. }
            | Message::Ack { purpose, .. }
            | Message::Answer { purpose, .. }
            | Message::FindNext { purpose, .. }
            | Message::FindNextReply { purpose, .. } => (*purpose).into(),
        }
    }
}

/// What a [`Message`] borrows; a message borrows at most one of both.
#[derive(Clone, Copy, Debug)]
pub enum Borrowed<'a> {
    /// Nothing.
    Nothing,
    /// A successor list.
    Peers(Peers<'a>),
    /// A payload, or hits as bytes.
    Payload(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The message with nothing in place of what it borrows, which comes beside it: for drivers
    /// that keep typed messages for a while.
    #[must_use]
    pub fn detach(self) -> (Message<'static>, Borrowed<'a>) {
        let own = match self {
            Message::NeighborsReply { request, purpose, predecessor, successors } => {
                let none = Peers::NONE;
                let own =
                    Message::NeighborsReply { request, purpose, predecessor, successors: none };
                return (own, Borrowed::Peers(successors));
            }
            Message::Leave { predecessor, successors } => {
                let own = Message::Leave { predecessor, successors: Peers::NONE };
                return (own, Borrowed::Peers(successors));
            }
            Message::Deliver { request, key, payload } => {
                let own = Message::Deliver { request, key, payload: &[] };
                return (own, Borrowed::Payload(payload));
            }
            Message::Found { request, hits } => {
                let own = Message::Found { request, hits: Hits::default() };
                return (own, Borrowed::Payload(hits.as_bytes()));
            }
            Message::Item { request, payload } => {
                let own = Message::Item { request, payload: &[] };
                return (own, Borrowed::Payload(payload));
            }
            Message::Ping { request } => Message::Ping { request },
            Message::Pong { request } => Message::Pong { request },
            Message::Neighbors { request, cookie, purpose } => {
                Message::Neighbors { request, cookie, purpose }
            }
            Message::CookieReply { request, purpose, cookie } => {
                Message::CookieReply { request, purpose, cookie }
            }
            Message::Notify => Message::Notify,
            Message::Introduce { peer } => Message::Introduce { peer },
            Message::Lookup { request, lookup } => Message::Lookup { request, lookup },
            Message::Ack { request, purpose } => Message::Ack { request, purpose },
            Message::Answer { lookup, purpose, owner, hops, timeouts } => {
                Message::Answer { lookup, purpose, owner, hops, timeouts }
            }
            Message::FindNext { request, purpose, key, limit } => {
                Message::FindNext { request, purpose, key, limit }
            }
            Message::FindNextReply { request, purpose, step, knows } => {
                Message::FindNextReply { request, purpose, step, knows }
            }
            Message::Delivered { request } => Message::Delivered { request },
            Message::Publish { request, cookie, name } => {
                Message::Publish { request, cookie, name }
            }
            Message::Published { request } => Message::Published { request },
            Message::Copy { hit, copies, lifetime_ms } => {
                Message::Copy { hit, copies, lifetime_ms }
            }
            Message::Find { request, cookie, query } => Message::Find { request, cookie, query },
            Message::Fetch { request, cookie, name } => Message::Fetch { request, cookie, name },
            Message::Search { search, query, ttl, hops } => {
                Message::Search { search, query, ttl, hops }
            }
            Message::Walk { search, walk, stage } => Message::Walk { search, walk, stage },
            Message::SearchHit { search, hit, hops } => Message::SearchHit { search, hit, hops },
            Message::Connect { request } => Message::Connect { request },
            Message::Connected { request, accepted } => Message::Connected { request, accepted },
            Message::Meet { origin, ttl } => Message::Meet { origin, ttl },
        };
        (own, Borrowed::Nothing)
    }

    /// The inverse of [`detach`](Self::detach).
    #[must_use]
    pub fn attach(self, borrowed: Borrowed<'a>) -> Message<'a> {
        match (self, borrowed) {
            (
                Message::NeighborsReply { request, purpose, predecessor, .. },
                Borrowed::Peers(successors),
            ) => Message::NeighborsReply { request, purpose, predecessor, successors },
            (Message::Leave { predecessor, .. }, Borrowed::Peers(successors)) => {
                Message::Leave { predecessor, successors }
            }
            (Message::Deliver { request, key, .. }, Borrowed::Payload(payload)) => {
                Message::Deliver { request, key, payload }
            }
            (Message::Item { request, .. }, Borrowed::Payload(payload)) => {
                Message::Item { request, payload }
            }
            (Message::Found { request, .. }, Borrowed::Payload(bytes)) => {
                Message::Found { request, hits: Hits::parse(bytes).unwrap_or_default() }
            }
            (other, _) => other,
        }
    }
}

/// A borrowed list of peers: a node's own, or one still in its datagram.
#[derive(Clone, Copy, Debug)]
pub enum Peers<'a> {
    /// From a table.
    Table(&'a [Peer]),
    /// From a datagram.
    Wire(&'a [WirePeer]),
}

impl<'a> Peers<'a> {
    /// No peers.
    pub const NONE: Peers<'static> = Peers::Table(&[]);

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Peers::Table(peers) => peers.len(),
            Peers::Wire(peers) => peers.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The peer at `index`.
    #[must_use]
    pub fn at(self, index: usize) -> Option<Peer> {
        match self {
            Peers::Table(peers) => peers.get(index).copied(),
            Peers::Wire(peers) => peers.get(index).map(WirePeer::to_peer),
        }
    }

    /// The list without its first peer.
    #[must_use]
    pub fn skip_first(self) -> Peers<'a> {
        match self {
            Peers::Table(peers) => Peers::Table(peers.get(1..).unwrap_or_default()),
            Peers::Wire(peers) => Peers::Wire(peers.get(1..).unwrap_or_default()),
        }
    }

    /// The peers in order.
    pub fn iter(self) -> impl Iterator<Item = Peer> + 'a {
        (0..self.len()).map_while(move |index| self.at(index))
    }
}

impl PartialEq for Peers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
