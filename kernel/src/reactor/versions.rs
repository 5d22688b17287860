//! What other sockets read: the version of the wire format in which to write to each.
//!
//! A socket is written to in the oldest version until it has answered a [`Probe`] with the number in it, which
//! was sent to that socket alone. If it still writes in an older version [some time](GRACE) later, it is taken
//! for an older program until it answers again.
//!
//! ```text
//!   unknown ──▶ probed ──answer──▶ known
//!                  ▲                 │
//!                  └─older datagram──┘
//! ```
//!
//! An entry lies in one of two sets, so that sockets in use rarely take each other's places: with 256 sockets less
//! than one in 10,000 is forgotten and asked again, with 512 less than one in 250.
//!
//! **Invariant:** the table has a fixed size. Only what is sent adds an entry. A datagram with a forged source
//! can make a socket be written to in the oldest version, no more. At most [`PROBES_PER_S`] probes are sent in a
//! second.

use std::time::Duration;

use crate::base::rng::mix;
use crate::base::{Address, Rng, Time};
use crate::codec::Probe;

/// Places in a set, and sets. A socket may lie in two of them.
const WAYS: usize = 4;
const SETS: usize = 256;
/// The time between two probes of one socket.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// After an answer, datagrams in an older version say nothing for this time: some are on their way, and the
/// other side may have to ask first.
const GRACE: Duration = Duration::from_secs(3);
/// The most probes per second.
pub(super) const PROBES_PER_S: u32 = 64;
/// A socket counts as in use for this time after it was last written to, and as an older program's for this
/// time after it last wrote in an older version. One that is silent may have no program any more.
const IN_USE: Duration = Duration::from_secs(10);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Versions {
    sets: Box<[[Entry; WAYS]; SETS]>,
    /// Makes the places of sockets unpredictable.
    secret: u64,
    rng: Rng,
    oldest: u8,
    newest: u8,
    /// Probes that are to be sent: from which socket, where to, the number.
    due: Vec<(usize, Address, u64)>,
    now: Time,
    /// The second that counts probes, and how many there were.
    second: Time,
    probes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The bits of the socket's address; 0 for none.
    socket: u64,
    /// The newest version that it is known to read.
    reads: u8,
    /// The number of the last probe; 0 if there is none without an answer.
    number: u64,
    /// When to probe it again.
    probe_at: Time,
    /// When it answered last.
    answered_at: Time,
    used_at: Time,
    /// When a datagram in an older version arrived last.
    older_at: Time,
}

const EMPTY: Entry = Entry {
    socket: 0,
    reads: 0,
    number: 0,
    probe_at: Time::ZERO,
    answered_at: Time::ZERO,
    used_at: Time::ZERO,
    older_at: Time::ZERO,
};

impl Versions {
    /// An empty table.
    pub(super) fn new(oldest: u8, newest: u8, mut rng: Rng) -> Versions {
        Versions {
            sets: vec![[EMPTY; WAYS]; SETS]
                .into_boxed_slice()
                .try_into()
                .expect("it has this length"),
            secret: rng.next_u64(),
            rng,
            oldest,
            newest,
            due: Vec::with_capacity(PROBES_PER_S as usize),
            now: Time::ZERO,
            second: Time::ZERO,
            probes: 0,
        }
    }

    /// Sets the time.
    pub(super) fn time_is(&mut self, now: Time) {
        self.now = now;
    }

    /// The version in which to write to the socket of `to` from the own socket with this index.
    pub(super) fn version_for(&mut self, socket: usize, to: Address) -> u8 {
        let (now, oldest, newest) = (self.now, self.oldest, self.newest);
        let entry = self.entry_or_new(to.socket().to_bits());
        entry.used_at = now;
        if entry.reads >= newest {
            return newest;
        }
        let version = entry.reads.max(oldest);
        if now >= entry.probe_at {
            entry.probe_at = now + PROBE_EVERY;
            self.probe(socket, to);
        }
        version
    }

    /// Takes note of a datagram in `version`.
    pub(super) fn on_datagram(&mut self, from: Address, version: u8) {
        let now = self.now;
        if version < self.newest
            && let Some(entry) = self.entry(from.socket().to_bits())
        {
            entry.older_at = now;
            if now.since(entry.answered_at) >= GRACE {
                entry.reads = entry.reads.min(version);
            }
        }
    }

    /// Handles a probe that has arrived, and returns the answer, if it is due one.
    pub(super) fn on_probe(&mut self, from: Address, probe: Probe) -> Option<Probe> {
        if !probe.is_answer {
            return Some(Probe { is_answer: true, newest: self.newest, ..probe });
        }
        let (now, newest) = (self.now, self.newest);
        if let Some(entry) = self.entry(from.socket().to_bits())
            && entry.number == probe.number
            && entry.number != 0
        {
            entry.number = 0;
            entry.answered_at = now;
            entry.reads = probe.newest.min(newest);
        }
        None
    }

    /// The probes to send: from which socket, where to, the number.
    pub(super) fn take_due(&mut self) -> Option<(usize, Address, u64)> {
        self.due.pop()
    }

    /// The sockets in use that read the newest version, and those of older programs.
    pub(super) fn in_use(&self) -> (usize, usize) {
        let is_recent = |time: Time| time > Time::ZERO && self.now.since(time) <= IN_USE;
        let all = || self.sets.iter().flatten().filter(|it| is_recent(it.used_at));
        let newest = all().filter(|it| it.reads >= self.newest).count();
        let older = all().filter(|it| it.reads < self.newest && is_recent(it.older_at)).count();
        (newest, older)
    }

    fn probe(&mut self, socket: usize, to: Address) {
        if self.now.since(self.second) >= Duration::from_secs(1) {
            (self.second, self.probes) = (self.now, 0);
        }
        if self.probes == PROBES_PER_S || self.due.len() == self.due.capacity() {
            return;
        }
        self.probes += 1;
        let number = self.rng.next_u64();
        if let Some(entry) = self.entry(to.socket().to_bits()) {
            entry.number = number;
            self.due.push((socket, to.socket(), number));
        }
    }

    /// The places in which a socket may lie, each as a set and a place in it.
    fn places(&self, socket: u64) -> impl Iterator<Item = (usize, usize)> + use<> {
        let mixed = mix(socket ^ self.secret);
        let sets = [mixed as u32, (mixed >> 32) as u32].map(|half| half as usize % SETS);
        sets.into_iter().flat_map(|set| (0..WAYS).map(move |way| (set, way)))
    }

    fn entry(&mut self, socket: u64) -> Option<&mut Entry> {
        let (set, way) =
            self.places(socket).find(|&(set, way)| self.sets[set][way].socket == socket)?;
        Some(&mut self.sets[set][way])
    }

    /// The entry of a socket. A new one takes the place of the one that was used least recently, of those
    /// that are written to in an old version, if there are any.
    fn entry_or_new(&mut self, socket: u64) -> &mut Entry {
        let is_it = |&(set, way): &(usize, usize)| self.sets[set][way].socket == socket;
        let (set, way) = match self.places(socket).find(is_it) {
            Some(place) => place,
            None => {
                let rank = |&(set, way): &(usize, usize)| {
                    let entry = &self.sets[set][way];
                    (entry.reads >= self.newest, entry.used_at)
                };
                let (set, way) = self.places(socket).min_by_key(rank).unwrap_or_default();
                self.sets[set][way] = Entry { socket, ..EMPTY };
                (set, way)
            }
        };
        &mut self.sets[set][way]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u8 = 3;
    const NEW: u8 = 4;

    fn socket(port: u16) -> Address {
        Address::new([127, 0, 0, 1], port, 7)
    }

    fn versions() -> Versions {
        let mut versions = Versions::new(OLD, NEW, Rng::new(1, 0));
        versions.time_is(Time::ZERO + PROBE_EVERY);
        versions
    }

    fn answer(number: u64) -> Probe {
        Probe { is_answer: true, newest: NEW, number }
    }

    /// Makes the table know that `socket` reads the new version.
    fn learn(versions: &mut Versions, to: Address) {
        versions.version_for(0, to);
        let (_, _, number) = versions.take_due().expect("it is probed");
        assert_eq!(versions.on_probe(to, answer(number)), None);
        assert_eq!(versions.version_for(0, to), NEW);
    }

    #[test]
    fn a_socket_is_written_to_in_the_new_version_once_it_has_answered() {
        let mut versions = versions();
        assert_eq!(versions.version_for(2, socket(1)), OLD);
        let (from, to, number) = versions.take_due().expect("it is probed");
        assert_eq!((from, to), (2, socket(1).socket()));
        assert_eq!(versions.version_for(2, socket(1)), OLD);
        assert_eq!(versions.take_due(), None, "not again so soon");
        versions.on_probe(socket(1), answer(number));
        assert_eq!(versions.version_for(2, socket(1)), NEW);
        assert_eq!(versions.in_use(), (1, 0));
        // Its slot is of no importance, another port is.
        assert_eq!(versions.version_for(2, Address { slot: 9, ..socket(1) }), NEW);
        assert_eq!(versions.version_for(2, socket(2)), OLD);
        assert_eq!(versions.in_use(), (1, 0), "nothing is known of the other one");
        versions.on_datagram(socket(2), OLD);
        assert_eq!(versions.in_use(), (1, 1));
    }

    #[test]
    fn a_forged_answer_changes_nothing() {
        let mut versions = versions();
        versions.version_for(0, socket(1));
        let (_, _, number) = versions.take_due().expect("it is probed");
        for (from, wrong) in [(socket(1), number ^ 1), (socket(1), 0), (socket(2), number)] {
            versions.on_probe(from, answer(wrong));
            assert_eq!(versions.version_for(0, from), OLD);
        }
        versions.on_probe(socket(1), answer(number));
        // A number is good for one answer.
        versions.time_is(Time::ZERO + PROBE_EVERY + GRACE);
        versions.on_datagram(socket(1), OLD);
        versions.on_probe(socket(1), answer(number));
        versions.on_probe(socket(1), answer(0));
        assert_eq!(versions.version_for(0, socket(1)), OLD);
    }

    #[test]
    fn an_older_datagram_makes_a_socket_old_until_it_answers_again() {
        let mut versions = versions();
        learn(&mut versions, socket(1));
        versions.on_datagram(socket(1), NEW);
        assert_eq!(versions.version_for(0, socket(1)), NEW);
        versions.on_datagram(socket(1), OLD);
        assert_eq!(versions.version_for(0, socket(1)), NEW, "that was on its way");
        versions.time_is(Time::ZERO + PROBE_EVERY + GRACE);
        versions.on_datagram(socket(1), OLD);
        learn(&mut versions, socket(1));
    }

    #[test]
    fn a_question_is_answered_with_its_number() {
        let probe = Probe { is_answer: false, newest: 9, number: 77 };
        assert_eq!(versions().on_probe(socket(1), probe), Some(answer(77)));
    }

    #[test]
    fn strange_sockets_neither_fill_the_table_nor_cause_many_probes() {
        let mut versions = versions();
        learn(&mut versions, socket(1));
        let (mut probes, before) = (0, versions.in_use());
        for strange in 0..100_000_u32 {
            let from = Address { ip: strange, ..socket(2) };
            versions.on_datagram(from, OLD);
            versions.on_probe(from, answer(u64::from(strange)));
            assert_eq!(versions.in_use(), before, "what arrives adds nothing");
            if strange % 10 == 0 {
                versions.version_for(0, from);
                probes += u32::from(versions.take_due().is_some());
                versions.sets[0][0].used_at = versions.now;
                if strange % 1000 == 0 {
                    assert_eq!(versions.version_for(0, socket(1)), NEW, "it is used");
                }
            }
            if versions.in_use() != before {
                versions.sets.iter_mut().flatten().filter(|it| it.reads < NEW).for_each(|it| {
                    *it = EMPTY;
                });
            }
        }
        assert!(probes <= PROBES_PER_S, "{probes}");
    }

    /// Writes to so many sockets in turns. Returns the share of those in use that are not found again.
    fn forgotten(sockets: u32, secrets: u64) -> f64 {
        let mut forgotten = 0;
        for secret in 0..secrets {
            let mut versions = Versions::new(OLD, NEW, Rng::new(secret, 0));
            for turn in 1..4 {
                versions.time_is(Time::ZERO + PROBE_EVERY * turn);
                for ip in 0..sockets {
                    let to = Address { ip, ..socket(1) };
                    let is_known = versions.entry(to.socket().to_bits()).is_some();
                    forgotten += u64::from(turn == 3 && !is_known);
                    versions.version_for(0, to);
                    versions.due.clear();
                }
            }
        }
        forgotten as f64 / f64::from(sockets) / secrets as f64
    }

    /// With one set of four for each socket, 0.8 % are forgotten at a quarter and 6 % at half.
    #[test]
    fn a_quarter_full_the_table_forgets_next_to_no_socket() {
        let [quarter, half] = [256, 512].map(|sockets| forgotten(sockets, 100));
        assert!(quarter < 1e-4 && half < 4e-3, "{quarter} and {half}");
    }

    #[test]
    fn a_million_sockets_leave_the_memory_as_it_is() {
        let mut versions = versions();
        let places = (versions.sets.as_ptr(), versions.due.as_ptr(), versions.due.capacity());
        (1..=8).for_each(|port| learn(&mut versions, socket(port)));
        for ip in 0..1_000_000 {
            // Each gets a reply.
            let from = Address { ip, ..socket(9) };
            versions.on_datagram(from, OLD);
            assert_eq!(versions.version_for(0, from), OLD);
            if ip % 1000 == 0 {
                for port in 1..=8 {
                    assert_eq!(versions.version_for(0, socket(port)), NEW, "it stays known");
                }
            }
        }
        let after = (versions.sets.as_ptr(), versions.due.as_ptr(), versions.due.capacity());
        assert_eq!(places, after);
        assert!(versions.due.len() <= PROBES_PER_S as usize);
    }
}
