//! The world as a node within another one sees it: everything goes through, but what it says to its
//! application and to its timer is overheard by the outer node.
//!
//! **Invariant:** nothing is lost: what the outer node does not take goes on to the application.

use crate::context::{Context, Drop, Event, LookupDone, World};
use crate::message::{Message, RequestId};
use crate::peer::Peer;
use crate::rpc::{RequestHandle, RequestKind, Requests};
use crate::time::Time;

/// What a call of the inner node came to, beside what went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overheard {
    /// When it wants to be called, if it said so.
    pub(super) armed: Option<Time>,
    /// The end of a lookup that the outer node had begun.
    pub(super) ended: Option<LookupEnd>,
}

/// How a lookup of the outer node's ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum LookupEnd {
    Done(LookupDone),
    Failed { token: u64, timeouts: u8 },
}

impl LookupEnd {
    const fn token(self) -> u64 {
        match self {
            LookupEnd::Done(done) => done.token,
            LookupEnd::Failed { token, .. } => token,
        }
    }
}

/// Calls the inner node and gives what it returns, and what was overheard.
///
/// Lookups are the outer node's if their token names a request of its own; one call ends one lookup
/// at most.
#[inline]
pub(super) fn overhear<T>(
    cx: &mut Context<'_>,
    call: impl FnOnce(&mut Context<'_>) -> T,
) -> (T, Overheard) {
    let mut listener = Listener { world: &mut *cx.world, armed: None, end: None };
    let mut inner = Context {
        now: cx.now,
        node: cx.node,
        rng: &mut *cx.rng,
        requests: &mut *cx.requests,
        world: &mut listener,
    };
    let result = call(&mut inner);
    let Listener { armed, end, .. } = listener;
    let mut overheard = Overheard { armed, ended: None };
    match end {
        Some(end) if is_own(cx.requests, cx.node, end.token()) => overheard.ended = Some(end),
        Some(LookupEnd::Done(done)) => cx.world.report(cx.node, Event::LookupDone(done)),
        Some(LookupEnd::Failed { token, timeouts }) => {
            cx.world.report(cx.node, Event::LookupFailed { token, timeouts });
        }
        None => {}
    }
    (result, overheard)
}

/// Whether `token` names a question or a publication of `node`.
fn is_own(requests: &Requests, node: u32, token: u64) -> bool {
    let request = requests.find(RequestId(token)).and_then(|handle| requests.at(handle));
    request.is_some_and(|request| {
        request.node == node
            && matches!(request.kind, RequestKind::Find(_) | RequestKind::Publish(_))
    })
}

struct Listener<'w> {
    world: &'w mut dyn World,
    armed: Option<Time>,
    end: Option<LookupEnd>,
}

impl Listener<'_> {
    /// Keeps the end of a lookup until the call is over; a second one goes through.
    fn keep(&mut self, node: u32, end: LookupEnd, event: Event<'_>) {
        match self.end {
            None => self.end = Some(end),
            Some(_) => self.world.report(node, event),
        }
    }
}

impl World for Listener<'_> {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        self.world.send(from, to, message);
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        self.armed = Some(at);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.world.arm_request(request, at);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.world.disarm_request(request);
    }

    fn report(&mut self, node: u32, event: Event<'_>) {
        match event {
            Event::LookupDone(done) => self.keep(node, LookupEnd::Done(done), event),
            Event::LookupFailed { token, timeouts } => {
                self.keep(node, LookupEnd::Failed { token, timeouts }, event);
            }
            _ => self.world.report(node, event),
        }
    }

    fn count_drop(&mut self, reason: Drop) {
        self.world.count_drop(reason);
    }
}
