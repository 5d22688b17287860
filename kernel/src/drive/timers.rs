//! The timers of a driver: one for each node, and one for each request in flight.
//!
//! **Invariant:** as of the [`TimerWheel`].

use crate::base::Time;
use crate::drive::wheel::TimerWheel;
use crate::node::RequestHandle;

/// The timers of a driver: one of each of its nodes, and one of each request in flight.
#[derive(Debug)]
pub struct Timers {
    wheel: TimerWheel,
    /// Timers below are nodes', the others requests'.
    nodes: u32,
}

/// A timer that has expired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// A node's, by the driver's number of it.
    Node(u32),
    /// A request's.
    Request(RequestHandle),
}

impl Timers {
    /// Timers for nodes `0 .. nodes` and requests `0 .. requests`, none of them armed; both together
    /// must be below 2^31.
    #[must_use]
    pub fn new(nodes: usize, requests: usize) -> Timers {
        Timers { wheel: TimerWheel::new(nodes + requests), nodes: nodes as u32 }
    }

    /// Arms the timer of `node` for `at`, instead of any earlier setting.
    #[inline]
    pub fn arm_node(&mut self, node: u32, at: Time) {
        self.wheel.arm(node, at);
    }

    /// Arms the timer of `request` for `at`, instead of any earlier setting.
    #[inline]
    pub fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.wheel.arm(self.nodes + request.0, at);
    }

    /// Forgets the setting of `node`'s timer.
    #[inline]
    pub fn disarm_node(&mut self, node: u32) {
        self.wheel.disarm(node);
    }

    /// Forgets the setting of `request`'s timer.
    #[inline]
    pub fn disarm_request(&mut self, request: RequestHandle) {
        self.wheel.disarm(self.nodes + request.0);
    }

    /// See [`TimerWheel::next_expiry`].
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.wheel.next_expiry()
    }

    /// The next whose time has come by `now`. Call until there is none.
    pub fn expire(&mut self, now: Time) -> Option<Due> {
        let timer = self.wheel.expire(now)?;
        Some(match timer.checked_sub(self.nodes) {
            None => Due::Node(timer),
            Some(request) => Due::Request(RequestHandle(request)),
        })
    }
}
