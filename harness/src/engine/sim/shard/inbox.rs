//! The messages that wait at a node, if nodes have a rate (`network.node_rate`): which one is served
//! next, and which are dropped.
//!
//! ```text
//!   replies, maintenance ──▶ ▭▭▭▭▭▭ ──┐ first
//!                                     ├──▶ service
//!   work for lookups     ──▶ ▭▭▭▭   ──┘
//! ```
//!
//! *Room.* All waiting messages share the places of the queue, of which work may take three
//! quarters. So a flood of lookups cannot keep out what finishes lookups or maintains tables.
//!
//! *Age.* If waits stay long, old work is dropped from the head, until waits are short again:
//! see [`QueueDelay`]. The last work in the queue is never dropped: with nothing behind it, dropping it
//! gains nothing.
//!
//! **Invariant:** messages of one class are served in the order in which they arrived.

use std::collections::VecDeque;

use hopwise_kernel::Time;
use hopwise_kernel::drive::QueueDelay;

/// How many messages can wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    all: usize,
    work: usize,
}

impl Room {
    pub(super) const fn new(places: u32) -> Room {
        Room { all: places as usize, work: (places - places / 4) as usize }
    }
}

/// What happens to a message that arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrival {
    /// The node is idle: it is served at once.
    Served,
    Waits,
    /// There is no place for it.
    Dropped,
}

/// See the [module](self). Messages are known by numbers.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    in_service: Option<u32>,
    others: VecDeque<u32>,
    /// With the times of arrival.
    work: VecDeque<(u32, Time)>,
    delay: QueueDelay,
}

impl Inbox {
    /// Handles the arrival of `message`.
    pub(super) fn arrive(
        &mut self,
        message: u32,
        starts_work: bool,
        now: Time,
        room: Room,
    ) -> Arrival {
        if self.in_service.is_none() {
            self.in_service = Some(message);
            return Arrival::Served;
        }
        let is_full = self.others.len() + self.work.len() >= room.all
            || (starts_work && self.work.len() >= room.work);
        if is_full {
            return Arrival::Dropped;
        }
        if starts_work {
            self.work.push_back((message, now));
        } else {
            self.others.push_back(message);
        }
        Arrival::Waits
    }

    /// Ends the service of a message, which is returned.
    pub(super) fn end_service(&mut self) -> Option<u32> {
        self.in_service.take()
    }

    /// Takes the next message into service. Returns false if none waits. Passes the messages that
    /// waited too long to `drop_old`.
    pub(super) fn start_service(&mut self, now: Time, mut drop_old: impl FnMut(u32)) -> bool {
        self.in_service = self.others.pop_front().or_else(|| self.next_work(now, &mut drop_old));
        self.in_service.is_some()
    }

    /// Removes a message, for a node that departs.
    pub(super) fn discard_one(&mut self) -> Option<u32> {
        self.delay.record_empty();
        let waiting = self.others.pop_front();
        self.in_service.take().or(waiting).or_else(|| Some(self.work.pop_front()?.0))
    }

    fn next_work(&mut self, now: Time, drop_old: &mut impl FnMut(u32)) -> Option<u32> {
        while let Some((message, since)) = self.work.pop_front() {
            let wait = now.since(since);
            self.delay.record(now, wait);
            if self.work.is_empty() {
                self.delay.record_empty();
            }
            if !self.delay.is_too_old(now, wait) {
                return Some(message);
            }
            drop_old(message);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hopwise_kernel::Rng;
    use hopwise_kernel::drive::queue_delay::WAIT_MAX;

    use super::*;

    const SERVICE: Duration = Duration::from_millis(1);

    /// Serves messages that arrive at random, `load` of them per service. Message n starts work if
    /// `starts_work` says so. Calls `served` with each message and its wait. Returns those dropped on
    /// arrival, and those dropped later.
    fn serve(
        room: Room,
        load: f64,
        messages: u32,
        starts_work: impl Fn(u32) -> bool,
        mut served: impl FnMut(u32, Duration),
    ) -> (Vec<u32>, Vec<u32>) {
        let (mut inbox, mut rng) = (Inbox::default(), Rng::new(1, 0));
        let (mut now, mut ends_at) = (Time::ZERO, Time::NEVER);
        let (mut arrived, mut full, mut old) = (Vec::new(), Vec::new(), Vec::new());
        for message in 0..messages {
            now = now + SERVICE.mul_f64(-(1.0 - rng.unit()).ln() / load);
            while ends_at <= now {
                inbox.end_service();
                let from = ends_at;
                ends_at = Time::NEVER;
                if inbox.start_service(from, |message| old.push(message)) {
                    let next = inbox.in_service.expect("a message is in service");
                    served(next, from.since(arrived[next as usize]));
                    ends_at = from + SERVICE;
                }
            }
            arrived.push(now);
            match inbox.arrive(message, starts_work(message), now, room) {
                Arrival::Served => {
                    served(message, Duration::ZERO);
                    ends_at = now + SERVICE;
                }
                Arrival::Waits => {}
                Arrival::Dropped => full.push(message),
            }
        }
        (full, old)
    }

    /// Pollaczek and Khinchine: ρ / (2 μ (1 − ρ)) for Poisson arrivals and a fixed service.
    #[test]
    fn the_mean_wait_is_that_of_the_formula() {
        for load in [0.3, 0.6, 0.9] {
            let (mut sum, mut count) = (Duration::ZERO, 0);
            let (full, old) = serve(
                Room::new(1_000_000),
                load,
                1_000_000,
                |message| message.is_multiple_of(2),
                |_, wait| {
                    sum += wait;
                    count += 1;
                },
            );
            assert!(full.is_empty() && old.is_empty(), "{load}");
            let mean = sum.as_secs_f64() / f64::from(count) / SERVICE.as_secs_f64();
            let expected = load / (2.0 * (1.0 - load));
            assert!(
                (mean / expected - 1.0).abs() < 0.02,
                "{load}: {mean} services, not {expected}"
            );
        }
    }

    #[test]
    fn each_class_is_served_in_the_order_of_arrival() {
        let starts_work = |message: u32| !message.is_multiple_of(3);
        let (mut work, mut others) = (Vec::new(), Vec::new());
        serve(Room::new(16), 1.2, 10_000, starts_work, |message, _| {
            if starts_work(message) { work.push(message) } else { others.push(message) }
        });
        assert!(work.is_sorted() && others.is_sorted());
    }

    /// At twice the rate, half of it maintenance: all of that is served, before any work.
    #[test]
    fn maintenance_keeps_its_room_under_any_load_of_work() {
        let starts_work = |message: u32| !message.is_multiple_of(4);
        let (mut work, mut others, mut longest) = (0, 0, Duration::ZERO);
        let (full, _) = serve(Room::new(64), 2.0, 100_000, starts_work, |message, wait| {
            if starts_work(message) {
                work += 1;
            } else {
                others += 1;
                longest = longest.max(wait);
            }
        });
        assert!(full.iter().all(|&message| starts_work(message)), "only work is dropped");
        assert!(others >= 24_990, "{others} of 25,000");
        assert!((24_000..26_000).contains(&work), "{work} served, the other half of the services");
        assert!(longest < 16 * SERVICE, "a wait of {longest:?}: as if there were no work");
    }

    #[test]
    fn work_takes_three_quarters_of_the_queue_and_others_all_of_it() {
        let mut inbox = Inbox::default();
        let mut arrive = |message, work| {
            inbox.arrive(message, work, Time::ZERO, Room::new(8)) == Arrival::Dropped
        };
        assert!(!arrive(0, true), "in service");
        assert!((1..=6).all(|message| !arrive(message, true)));
        assert!(arrive(7, true), "six of eight places");
        assert!(!arrive(8, false) && !arrive(9, false));
        assert!(arrive(10, false), "all places");
        let mut order = Vec::new();
        while let Some(message) = inbox.end_service() {
            order.push(message);
            inbox.start_service(Time::ZERO, |_| unreachable!("nothing is old"));
        }
        assert_eq!(order, [0, 8, 9, 1, 2, 3, 4, 5, 6]);
    }

    /// A burst is served whole. Under an overload that lasts, waits come down to [`WAIT_MAX`], and
    /// the node is never idle.
    #[test]
    fn old_work_is_dropped_only_under_an_overload_that_lasts() {
        let mut waits = Vec::new();
        let (full, old) =
            serve(Room::new(1_000_000), 1.0, 400, |_| true, |_, wait| waits.push(wait));
        assert!(full.is_empty() && old.is_empty());

        waits.clear();
        let served = |_, wait| waits.push(wait);
        let (full, old) = serve(Room::new(1_000_000), 3.0, 30_000, |_| true, served);
        assert!(full.is_empty());
        let share = old.len() as f64 / 30_000.0;
        assert!((0.62..0.68).contains(&share), "two thirds are too many: {share} dropped");
        assert!((9_900..10_200).contains(&waits.len()), "never idle: {} served", waits.len());
        let late = &waits[waits.len() / 2..];
        assert!(late.iter().all(|&wait| wait <= WAIT_MAX), "{:?}", late.iter().max());
    }
}
