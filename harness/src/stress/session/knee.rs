//! The search for the knee, step by step.
//!
//! **Invariant:** every step that was tried is among the findings, whether it ran or not.

use super::{End, Session, planned};
use crate::measure::EngineError;
use crate::scenario::Rate;
use crate::stress::findings::Knee;
use crate::stress::plan::{FIRST, Load};
use crate::stress::search::{Search, Verdict};
use crate::stress::step::{Figures, Step};
use crate::stress::text;

impl Session<'_> {
    /// Searches for the knee. Returns it, if there is one: a load, or a number of nodes.
    pub(super) fn search(&mut self) -> Result<Option<f64>, EngineError> {
        let mut search = match self.plan.first() {
            Some(first) => Search::new(self.plan.course(first)),
            None => match self.calibrated()? {
                Some(search) => search,
                None => return Ok(None),
            },
        };
        while let Some(tried) = search.next() {
            if self.time_left() < self.plan.reserve() + self.longest {
                self.findings.search_note = Some("time is short: the bracket is wide".to_owned());
                break;
            }
            let Some(verdict) = self.step(self.plan.load(tried))? else { break };
            search.record(verdict);
        }
        self.take_knee(&search);
        Ok(search.held())
    }

    /// The first step, at a share of what a closed loop completes. Returns the search that goes on from there;
    /// `None` if there is none.
    fn calibrated(&mut self) -> Result<Option<Search>, EngineError> {
        let verdict = self.step(self.plan.load_near_capacity())?;
        let (Some(verdict), Some(capacity)) = (verdict, self.findings.closed_loop_per_s) else {
            return Ok(None);
        };
        let mut search = Search::new(self.plan.course(capacity * FIRST));
        search.record(verdict);
        Ok(Some(search))
    }

    fn take_knee(&mut self, search: &Search) {
        let (held, broke) = (search.held(), search.broke());
        let load = |tried: Option<f64>| tried.map(|tried| self.plan.load(tried));
        let per_s = |load: Load| load.rate.per_s(1.0);
        let above = load(broke);
        self.findings.knee = load(held).map(|knee| Knee {
            per_s: per_s(knee),
            nodes: knee.nodes,
            broke_per_s: above.map(per_s),
            broke_nodes: above.map(|it| it.nodes),
        });
        if self.is_interrupted() {
            self.findings.search_note = None;
        } else if search.next().is_none() {
            self.findings.search_note = match (held, broke) {
                (None, _) => Some("the level breaks at the lowest load already".to_owned()),
                (_, None) => {
                    Some("the level holds at the highest load that may be tried".to_owned())
                }
                _ => None,
            };
        }
    }

    /// One step. `None` if all is over.
    fn step(&mut self, load: Load) -> Result<Option<Verdict>, EngineError> {
        let folder = self.next_folder("step");
        let scenario = self.plan.step(load).map_err(EngineError::Request)?;
        if let Some(why) = self.too_large(load.nodes) {
            self.lacks_memory = true;
            let why = format!("not tried: {why}");
            return Ok(Some(self.note_step(Step::not_run(&folder, planned(load), why), true)));
        }
        self.packets.extend(self.world.packets_per_s());
        let before = self.clock.elapsed();
        let end = self.watched(&scenario)?;
        self.longest = self.longest.max(self.clock.elapsed() - before);
        let verdict = match end {
            End::Over(..) => return Ok(None),
            End::Not(why, verdict) => {
                let is_certain = verdict == Verdict::BrokeForCertain;
                self.note_step(Step::not_run(&folder, planned(load), why), is_certain)
            }
            End::Ran(ran, watched) => {
                self.world.keep(&folder, &scenario, &ran)?;
                let mut load = load;
                if let (Rate::OfCapacity(multiple), Some(capacity)) =
                    (load.rate, ran.outcome.lookups.capacity_per_s)
                {
                    self.findings.closed_loop_per_s = Some(capacity);
                    load.rate = Rate::PerSecond(multiple * capacity);
                }
                let figures = Figures::new(&ran, &watched.readings);
                self.note_step(Step::new(&folder, planned(load), figures, self.level), false)
            }
        };
        Ok(Some(verdict))
    }

    fn note_step(&mut self, step: Step, is_certain: bool) -> Verdict {
        let verdict = match (step.held, is_certain) {
            (true, _) => Verdict::Held,
            (false, false) => Verdict::Broke,
            (false, true) => Verdict::BrokeForCertain,
        };
        self.world.say(&text::step(&self.findings, &step));
        self.findings.steps.push(step);
        verdict
    }
}
