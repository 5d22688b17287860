//! Puts together what the shards copied of their members' tables in the same second.
//!
//! **Invariant:** touches no node; runs on the control thread.

use hopwise_kernel::Time;

use super::scan::Scanned;
use super::shared::Shared;
use crate::measure::health::{Findings, Members, Sample, TableCourse};
use crate::workload::Workload;

/// The tables of all members.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By shard: the last copy.
    scanned: Vec<Option<Box<Scanned>>>,
    /// All samples, with their times.
    samples: Vec<(Time, Sample)>,
    /// The samples of the measured phase.
    course: TableCourse,
}

impl Tables {
    /// Takes the copies that are ready.
    pub(super) fn collect<W: Workload>(&mut self, shared: &Shared<W>) {
        self.scanned.resize_with(shared.shards.len(), || None);
        for (scanned, shard) in self.scanned.iter_mut().zip(&shared.shards) {
            if let Some(fresh) = shard.scanned.lock().take() {
                *scanned = Some(fresh);
            }
        }
        let last = self.scanned.iter().flatten().map(|scanned| scanned.at).max();
        // A shard that was late has skipped a second: the others' copies of it are useless.
        for scanned in &mut self.scanned {
            scanned.take_if(|scanned| Some(scanned.at) < last);
        }
        if let Some(at) = last
            && self.scanned.iter().all(Option::is_some)
        {
            let sample = self.compare();
            self.samples.push((at, sample));
            if at >= shared.from() && at < shared.to() {
                self.course.add(&sample);
            }
        }
    }

    /// All samples with their times, and those of the measured phase put together.
    pub(super) fn into_samples(self) -> (Vec<(Time, Sample)>, TableCourse) {
        (self.samples, self.course)
    }

    fn compare(&mut self) -> Sample {
        let scanned: Vec<Box<Scanned>> = self.scanned.iter_mut().filter_map(Option::take).collect();
        let members = scanned.iter().flat_map(|scanned| &scanned.members).copied();
        let members = Members::new(members);
        let mut findings = Findings::default();
        scanned.iter().for_each(|scanned| findings.merge(scanned.tables.look(&members)));
        Sample::new(&members, &findings)
    }
}
