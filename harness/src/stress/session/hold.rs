//! The hold: the knee held for long, beyond it, and back.
//!
//! **Invariant:** the findings have the last hold that ran.

use std::time::Duration;

use super::{End, Session, planned};
use crate::Scenario;
use crate::measure::EngineError;
use crate::report::units::count;
use crate::scenario::ChurnModel;
use crate::stress::findings::Held;
use crate::stress::plan::Load;
use crate::stress::search::Verdict;
use crate::stress::stages::Schedule;
use crate::stress::step::Ran;
use crate::stress::text;
use crate::stress::watch::Watched;

/// If the knee does not hold, this share of it is held instead, so many times.
const LESS: f64 = 0.9;
const HOLDS_MAX: u32 = 3;

impl Session<'_> {
    /// Holds the knee and goes beyond it, as far as possible. If it does not hold, the same with less.
    pub(super) fn hold(&mut self, knee: f64) -> Result<(), EngineError> {
        let (mut tried, mut highest) = (knee, f64::INFINITY);
        let mut holds = 0;
        while holds < HOLDS_MAX {
            // The first hold comes before costs, if there is time for one of them only.
            let after = if holds > 0 { self.plan.costs_length() } else { Duration::ZERO };
            if self.is_over() || self.time_left() < self.plan.held_length() + after {
                break;
            }
            let load = self.plan.load(tried);
            let schedule = self.schedule(load, highest);
            let scenario = match self.plan.held(load, &schedule) {
                Ok(scenario) => scenario,
                Err(why) => match self.lower(load, &schedule, &why) {
                    Some(lower) => {
                        highest = lower;
                        continue;
                    }
                    None => return Err(EngineError::Request(why)),
                },
            };
            let folder = self.next_folder("hold");
            self.world.say(&text::holding(&self.findings, load, schedule.multiples(), holds > 0));
            match self.watched(&scenario)? {
                End::Ran(ran, watched) | End::Over(Some(ran), watched) => {
                    match self.take_held(
                        &folder,
                        planned(load),
                        &schedule,
                        &scenario,
                        *ran,
                        &watched,
                    )? {
                        Some(false) => tried *= LESS,
                        Some(true) | None => break,
                    }
                }
                End::Over(None, _) => break,
                End::Not(why, verdict) => {
                    if verdict == Verdict::BrokeForCertain
                        && let Some(lower) = self.lower(load, &schedule, &why)
                    {
                        highest = lower;
                        continue;
                    }
                    self.findings.hold_note = Some(why);
                    tried *= LESS;
                }
            }
            holds += 1;
        }
        Ok(())
    }

    /// The stages of a hold at `load`, up to `highest` times as much: fewer if memory does not suffice.
    fn schedule(&mut self, load: Load, highest: f64) -> Schedule {
        if self.plan.grows_nodes() && highest.is_infinite() {
            let nodes = f64::from(load.nodes);
            let possible = self.most_nodes().min(self.plan.highest_possible()) / nodes;
            let schedule = self.plan.schedule(possible);
            let all = self.plan.schedule(f64::INFINITY);
            let wanted = all.multiples().last().map_or(0.0, |most| most * nodes);
            self.findings.beyond_note = (schedule != all).then(|| {
                let why = self.too_large(wanted as u32);
                let why = why.unwrap_or_else(|| "no scenario has so many nodes".to_owned());
                not_beyond(&schedule, wanted, &why)
            });
            return schedule;
        }
        self.plan.schedule(highest)
    }

    /// The highest multiple of the nodes to try if the last one of `schedule` is impossible; `None` if there is
    /// none.
    fn lower(&mut self, load: Load, schedule: &Schedule, why: &str) -> Option<f64> {
        let (&last, before) = schedule.multiples().split_last()?;
        if !self.plan.grows_nodes() {
            return None;
        }
        let highest = before.last().copied().unwrap_or(1.0);
        let lower = self.plan.schedule(highest);
        self.findings.beyond_note = Some(not_beyond(&lower, last * f64::from(load.nodes), why));
        Some(highest)
    }

    /// Takes the result of a hold. Returns whether the level held; `None` if nothing was measured.
    fn take_held(
        &mut self,
        folder: &str,
        (nodes, per_s): (u32, f64),
        schedule: &Schedule,
        scenario: &Scenario,
        ran: Ran,
        watched: &Watched<()>,
    ) -> Result<Option<bool>, EngineError> {
        let stages = schedule.stages(&ran.series, &watched.readings, self.level);
        let Some(hold) = stages.first() else { return Ok(None) };
        let has_held = hold.broken.is_empty();
        self.world.keep(folder, scenario, &ran)?;
        let churn = &scenario.churn;
        let churn_per_s = (churn.model == ChurnModel::Poisson).then_some(churn.joins_per_s);
        self.findings.held = Some(Held {
            folder: folder.to_owned(),
            per_s,
            nodes,
            churn_per_s,
            recovery_s: schedule.recovery_s(&ran.series, self.level),
            completed: ran.outcome.lookups.completed,
            incorrect: ran.outcome.lookups.incorrect,
            anomalies: ran.outcome.store.as_ref().map(|store| store.anomalies()),
            stages,
        });
        self.held = Some(ran.outcome);
        Ok(Some(has_held))
    }
}

/// That `wanted` nodes are not tried, and how many are.
fn not_beyond(schedule: &Schedule, wanted: f64, why: &str) -> String {
    let up_to = match schedule.multiples().last() {
        Some(multiple) => format!("up to {multiple} × the nodes"),
        None => "no more nodes than these".to_owned(),
    };
    format!("{up_to}, not {}: {why}", count(wanted as u64))
}
