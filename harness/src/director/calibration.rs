//! Calibration: a closed loop before the warm-up that finds the capacity, in lookups per second.
//!
//! ```text
//!   bring-up │ closed loop: settles   counts │ its last lookups end │ warm-up │ measured phase
//!            └─────── SETTLING ──── COUNTING ┘
//! ```
//!
//! It runs only if a rate of the scenario is a multiple of the capacity. Each director keeps its
//! share of the lookups in flight; the engine adds up what they completed.
//!
//! **Invariant:** its lookups belong to no phase: they are not judged and count in no figure of the
//! measured phase.

use std::time::Duration;

use hopwise_kernel::Time;

use super::Director;
use crate::workload::Workload;

/// Time until the closed loop is in a steady state.
const SETTLING: Duration = Duration::from_secs(2);
/// Time in which completed lookups are counted.
const COUNTING: Duration = Duration::from_secs(3);
/// The length of a calibration, until its last lookups start.
pub const LENGTH: Duration = Duration::from_secs(5);

/// The fewest lookups in flight, system-wide: as many as in the scenario `saturate`.
const IN_FLIGHT_MIN: u32 = 2048;
/// The most lookups in flight, system-wide.
const IN_FLIGHT_MAX: u32 = 16_384;
/// One lookup in flight for this many nodes, between the two.
const NODES_PER_LOOKUP: u32 = 2;

/// The capacity of a system whose directors together completed so many lookups in the time that
/// counts, per second.
///
/// # Errors
///
/// If they completed none.
pub fn capacity_per_s(completed: u64) -> Result<f64, String> {
    if completed == 0 {
        return Err(format!(
            "calibration: a closed loop completed no lookup in {} s, so the capacity is not known: \
             write workload.lookups_per_s as a number",
            COUNTING.as_secs(),
        ));
    }
    Ok(completed as f64 / COUNTING.as_secs_f64())
}

/// A closed loop and what it completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calibration {
    /// Completed lookups count from here on.
    counts_from: Time,
    /// No lookup starts or counts from here on.
    end: Time,
    is_open: bool,
    completed: u64,
}

impl Calibration {
    fn new(start: Time) -> Calibration {
        let (counts_from, end) = (start + SETTLING, start + LENGTH);
        Calibration { counts_from, end, is_open: true, completed: 0 }
    }

    /// Whether lookups may still start.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The lookups to keep in flight at `now`, system-wide, with so many nodes; `None` when it is
    /// over.
    pub(super) fn in_flight(&mut self, now: Time, nodes: u32) -> Option<u32> {
        self.is_open &= now < self.end;
        let in_flight = (nodes / NODES_PER_LOOKUP).clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX);
        self.is_open.then_some(in_flight)
    }

    /// Counts a lookup that completed at `now`.
    pub(super) fn record_completed(&mut self, now: Time) {
        self.completed += u64::from(now >= self.counts_from && now < self.end);
    }
}

impl<W: Workload> Director<W> {
    /// Starts the closed loop at `start`, for [`LENGTH`]. Does nothing if it was started before.
    pub fn calibrate(&mut self, start: Time) {
        if self.calibration.is_none() && self.phase.is_none() {
            self.calibration = Some(Calibration::new(start));
            self.series.begin_phase(start, "calibrate");
        }
    }

    /// The lookups that this director's closed loop completed in the time that counts.
    #[must_use]
    pub fn calibrated(&self) -> u64 {
        self.calibration.map_or(0, |calibration| calibration.completed)
    }

    /// Sets the capacity of the whole system. Must come before the measured phase is set.
    pub fn set_capacity(&mut self, per_s: f64) {
        self.capacity_per_s = per_s;
    }
}

const _: () = assert!(LENGTH.as_secs() == SETTLING.as_secs() + COUNTING.as_secs());
