//! The world as a node within another one sees it: everything goes through, but what it says to its
//! timer, and how lookups end, is overheard by the outer node.
//!
//! **Invariant:** nothing is lost: what is not kept for the outer node goes on to the application.

use crate::context::{Context, Drop, Event, LookupDone, World};
use crate::message::Message;
use crate::peer::Peer;
use crate::rpc::RequestHandle;
use crate::time::Time;

/// What a call of the inner node came to, beside what went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overheard {
    /// When it wants to be called, if it said so.
    pub(super) armed: Option<Time>,
    /// How a lookup ended, for the outer node to take or to report.
    pub(super) ended: Option<LookupEnd>,
}

/// How a lookup ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum LookupEnd {
    Done(LookupDone),
    Failed { token: u64, timeouts: u8 },
}

impl LookupEnd {
    /// The caller's name for the lookup.
    pub(super) const fn token(self) -> u64 {
        match self {
            LookupEnd::Done(done) => done.token,
            LookupEnd::Failed { token, .. } => token,
        }
    }

    /// As the application is told.
    pub(super) const fn event(self) -> Event<'static> {
        match self {
            LookupEnd::Done(done) => Event::LookupDone(done),
            LookupEnd::Failed { token, timeouts } => Event::LookupFailed { token, timeouts },
        }
    }
}

/// Calls the inner node and gives what it returns, and what was overheard. One call ends one lookup at
/// most.
#[inline]
pub(super) fn overhear<T>(
    cx: &mut Context<'_>,
    call: impl FnOnce(&mut Context<'_>) -> T,
) -> (T, Overheard) {
    let mut listener = Listener { world: &mut *cx.world, overheard: Overheard::default() };
    let mut inner = Context {
        now: cx.now,
        node: cx.node,
        rng: &mut *cx.rng,
        requests: &mut *cx.requests,
        world: &mut listener,
    };
    let result = call(&mut inner);
    (result, listener.overheard)
}

struct Listener<'w> {
    world: &'w mut dyn World,
    overheard: Overheard,
}

impl World for Listener<'_> {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        self.world.send(from, to, message);
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        self.overheard.armed = Some(at);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.world.arm_request(request, at);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.world.disarm_request(request);
    }

    fn report(&mut self, node: u32, event: Event<'_>) {
        let end = match event {
            Event::LookupDone(done) => LookupEnd::Done(done),
            Event::LookupFailed { token, timeouts } => LookupEnd::Failed { token, timeouts },
            _ => return self.world.report(node, event),
        };
        match self.overheard.ended {
            None => self.overheard.ended = Some(end),
            Some(_) => self.world.report(node, event),
        }
    }

    fn count_drop(&mut self, reason: Drop) {
        self.world.count_drop(reason);
    }
}
