//! The timers of a driver, on one wheel.
//!
//! **Invariant:** the same as that of the [`TimerWheel`].

use crate::base::Time;
use crate::drive::wheel::TimerWheel;
use crate::node::RequestHandle;

/// The timers of a driver: one for each node, and one for each request in flight.
#[derive(Debug)]
pub struct Timers {
    wheel: TimerWheel,
    /// Timers below this number belong to nodes, the others to requests.
    nodes: u32,
}

impl Clone for Timers {
    fn clone(&self) -> Timers {
        Timers { wheel: self.wheel.clone(), nodes: self.nodes }
    }

    /// Reuses the memory.
    fn clone_from(&mut self, source: &Timers) {
        self.wheel.clone_from(&source.wheel);
        self.nodes = source.nodes;
    }
}

/// An expired timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// The timer of the node with this number.
    Node(u32),
    /// The timer of a request.
    Request(RequestHandle),
}

impl Timers {
    /// Timers for nodes `0 .. nodes` and requests `0 .. requests`, none of them armed. The sum of
    /// both counts must be below 2^31.
    #[must_use]
    pub fn new(nodes: usize, requests: usize) -> Timers {
        Timers { wheel: TimerWheel::new(nodes + requests), nodes: nodes as u32 }
    }

    /// Arms the timer of `node` for `at`. Replaces an earlier deadline.
    #[inline]
    pub fn arm_node(&mut self, node: u32, at: Time) {
        self.wheel.arm(node, at);
    }

    /// Arms the timer of `request` for `at`. Replaces an earlier deadline.
    #[inline]
    pub fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.wheel.arm(self.nodes + request.0, at);
    }

    /// Disarms the timer of `node`.
    #[inline]
    pub fn disarm_node(&mut self, node: u32) {
        self.wheel.disarm(node);
    }

    /// Disarms the timer of `request`.
    #[inline]
    pub fn disarm_request(&mut self, request: RequestHandle) {
        self.wheel.disarm(self.nodes + request.0);
    }

    /// See [`TimerWheel::next_expiry`].
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.wheel.next_expiry()
    }

    /// Disarms and returns a timer whose deadline has passed by `now`. Call it until it returns
    /// `None`.
    pub fn expire(&mut self, now: Time) -> Option<Due> {
        let timer = self.wheel.expire(now)?;
        Some(match timer.checked_sub(self.nodes) {
            None => Due::Node(timer),
            Some(request) => Due::Request(RequestHandle(request)),
        })
    }
}
