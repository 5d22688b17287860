//! The phases of a run.
//!
//! ```text
//!   connect │ preload │ calibrate │ warm-up │ measured phase │ drain │ read each key once
//! ```
//!
//! **Invariant:** each phase ends: when all is answered, at the deadline, or when nothing was answered for
//! long.

use std::fmt::Display;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_kernel::reactor::Clock;
use hopwise_kernel::{Id, Rng, Time};

use super::driver::Driver;
use super::options::Options;
use super::pool::Pool;
use super::question::Form;
use super::suitable;
use super::sweep::Sweep;
use crate::Scenario;
use crate::base::random::random;
use crate::churn::{NodesPerHost, Share};
use crate::director::{Admitted, Agreement, Director, Setup, calibration};
use crate::engine::Interruption;
use crate::live::Progress;
use crate::measure::metrics::Traffic;
use crate::measure::outcome::{Goodput, Health, Load, Membership, State, Target};
use crate::measure::series::Sent;
use crate::measure::stored::{Contents, ValueVerdicts};
use crate::measure::{EngineError, Measured};
use crate::scenario::{Measure, Store};
use crate::workload::judge::{Answered, Judge, Record};
use crate::workload::values::{Act, Question};
use crate::workload::{ValueWorkload, Workload};

/// How long to wait for connections at the start, and for the others once one is open.
const CONNECT_MAX: Duration = Duration::from_secs(15);
const OTHERS_MAX: Duration = Duration::from_secs(3);
/// The most operations in progress.
const ADMITTED_MAX: usize = 65_536;
/// The most operations that start in one turn.
const STARTS_PER_TURN: usize = 512;
/// Operations in progress for each connection while all keys are written or read.
const SWEPT_PER_CONNECTION: usize = 16;
/// The longest wait between two looks at the user's wishes.
const LOOK: Duration = Duration::from_millis(20);

/// Drives the load of `scenario` into the servers that `options` name.
///
/// # Errors
///
/// If the scenario does not suit, no server can be reached, or they refuse to serve.
pub(crate) fn run(
    scenario: &Scenario,
    options: &Options,
    interrupts: &AtomicU32,
    progress: &Progress,
) -> Result<Measured, EngineError> {
    suitable::check(scenario).map_err(EngineError::Request)?;
    let Some(store) = &scenario.store else {
        return Err(EngineError::Request("store: there are no values to read".to_owned()));
    };
    let prefix = format!("{}{:016x}:", options.prefix, random());
    let mut run = Run::new(scenario, store, options, prefix.clone(), interrupts, progress)?;
    run.connect()?;
    if store.preload {
        run.preload()?;
    }
    run.enter_connections();
    let bring_up = run.now();
    let capacity_per_s = run.calibrate()?;
    let (measured, end) = run.measure()?;
    let unread = run.read_each_key()?;
    let target = Target {
        addresses: options.shown(),
        connections: options.connections as u64,
        key_prefix: prefix,
        broken: run.driver.pool.counts().broken,
        failed_connects: run.driver.pool.counts().failed,
        keys_unread: unread,
        errors: run.driver.pool.counts().errors.clone(),
    };
    Ok(run.measured(target, measured, end, bring_up, capacity_per_s))
}

/// A run.
struct Run<'a> {
    scenario: &'a Scenario,
    clock: Clock,
    interruption: Interruption<'a>,
    driver: Driver<'a>,
    workload: ValueWorkload,
    connections: usize,
    rng: Rng,
    verdicts: ValueVerdicts,
}

impl<'a> Run<'a> {
    fn new(
        scenario: &'a Scenario,
        store: &Store,
        options: &Options,
        prefix: String,
        interrupts: &'a AtomicU32,
        progress: &'a Progress,
    ) -> Result<Run<'a>, EngineError> {
        let deadline = scenario.workload.deadline;
        // What is written first is written like everything else.
        let plain = Store { preload: false, ..store.clone() };
        let plain = Scenario { store: Some(plain), ..scenario.clone() };
        let workload = ValueWorkload::new(&plain, &[]).map_err(EngineError::Request)?;
        let clock = Clock::start();
        let form = Form::new(prefix, store.lifetime.as_millis(), store.value_bytes as usize);
        let pool = Pool::new(options, form, deadline, clock, Rng::new(random(), 0));
        let judge = Judge::new(workload.truth(iter::empty(), Time::ZERO), deadline);
        let setup = Setup {
            places: options.connections,
            per_host: NodesPerHost::ONE,
            to_join: 0,
            agreement: Arc::new(Agreement::new(1)),
            seeds: Arc::default(),
            trace: None,
            workload: workload.clone(),
            has_server: false,
            chooses_place: false,
            binds_ids: false,
            admitted: Some(Admitted::up_to(ADMITTED_MAX, options.connections)),
            starts_per_turn: STARTS_PER_TURN,
            knows_costs: false,
            is_logged: false,
            feed: None,
        };
        let director = Director::new(&plain, Share { index: 0, of: 1 }, setup);
        let (pool, shown_at) = (pool.map_err(broken)?, Time::ZERO);
        Ok(Run {
            scenario,
            clock,
            interruption: Interruption::new(interrupts),
            driver: Driver { pool, judge, director, progress, shown_at },
            workload,
            connections: options.connections,
            rng: Rng::new(scenario.seed, 16),
            verdicts: ValueVerdicts::default(),
        })
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    /// Waits until all connections are open or have failed once.
    fn connect(&mut self) -> Result<(), EngineError> {
        let mut end = self.now() + CONNECT_MAX;
        let mut is_open = false;
        while !self.driver.pool.has_tried_all() && self.now() < end && !self.is_interrupted() {
            let now = self.driver.pool.turn(self.now() + LOOK).map_err(broken)?;
            if !is_open && self.driver.pool.open() > 0 {
                (is_open, end) = (true, now + OTHERS_MAX);
            }
            self.driver.pool.flush(self.now());
            self.check()?;
        }
        if self.driver.pool.open() == 0 && !self.is_interrupted() {
            let why = self.driver.pool.last_failure().unwrap_or("--target: no server answers");
            return Err(EngineError::Request(format!(
                "{why}; is a `hopwise serve` or a Redis server listening there?"
            )));
        }
        Ok(())
    }

    /// Writes all keys, and waits until all writes are acknowledged.
    fn preload(&mut self) -> Result<(), EngineError> {
        let most = self.connections * SWEPT_PER_CONNECTION;
        let mut sweep = Sweep::new(0..self.workload.keys(), most, self.now());
        while !sweep.is_over() && !self.is_interrupted() {
            let now = self.turn_sweep(&mut sweep, "preload", |driver, rng, key, token, now| {
                // Another value each time: an attempt without an answer may take effect later.
                let question = Question { key, act: Act::Write { stamp: rng.next_u64() } };
                let is_asked = driver.pool.ask(now, token as usize, question, token);
                if is_asked {
                    driver.judge.take(Record::Issued { question, at: now });
                }
                is_asked.then_some(question)
            })?;
            if sweep.unanswered > 0 || self.is_stuck(&sweep, now) {
                return Err(EngineError::Broken(format!(
                    "preload: {} of {} keys were written, and then a write was not acknowledged{}",
                    sweep.answered,
                    self.workload.keys(),
                    self.known_errors(),
                )));
            }
        }
        Ok(())
    }

    /// Receives, and asks about keys. `ask` asks about one.
    fn turn_sweep(
        &mut self,
        sweep: &mut Sweep,
        phase: &'static str,
        mut ask: impl FnMut(&mut Driver<'_>, &mut Rng, u32, u64, Time) -> Option<Question>,
    ) -> Result<Time, EngineError> {
        let wake = sweep.next_due().min(self.now() + LOOK);
        let now = self.driver.pool.turn(wake).map_err(broken)?;
        for (token, answer) in self.driver.pool.take_ended() {
            let Some(ended) = sweep.on_end(now, token, answer) else { continue };
            let question = ended.question;
            if question.act.written().is_some() {
                self.driver.judge.take(Record::Ended { question, answer, at: now });
            } else if let Some(answer) = answer.filter(|_| ended.is_answered) {
                // A part of no lookup: it is judged and not counted.
                self.driver.judge.take(Record::Answered(Answered {
                    question,
                    answer,
                    interval: now,
                    issued: ended.asked_at,
                    answered: now,
                    is_part: true,
                    facts: None,
                }));
            }
        }
        let (driver, rng) = (&mut self.driver, &mut self.rng);
        sweep.turn(now, |key, token| ask(driver, rng, key, token, now));
        self.driver.pool.flush(now);
        self.driver.judge.settle(now);
        self.driver.show(phase, now);
        self.check()?;
        Ok(now)
    }

    /// Whether no question of the sweep was answered for long.
    fn is_stuck(&self, sweep: &Sweep, now: Time) -> bool {
        now.since(sweep.progressed_at) > self.scenario.workload.deadline * 3
    }

    /// Makes the connections the places of the director.
    fn enter_connections(&mut self) {
        let now = self.now();
        for _ in 0..self.connections {
            let id = Id::random(&mut self.rng);
            self.driver.director.enter_member(id, now);
        }
        self.driver.take_records();
    }

    /// Finds the capacity, if the scenario needs it.
    fn calibrate(&mut self) -> Result<Option<f64>, EngineError> {
        if !self.scenario.workload.needs_capacity() || self.is_interrupted() {
            return Ok(None);
        }
        let start = self.now();
        self.driver.director.calibrate(start);
        let end = start + calibration::LENGTH;
        let drained = end + self.scenario.workload.deadline;
        loop {
            let now = self.turn("calibrate")?;
            if self.is_interrupted() {
                return Ok(None);
            }
            let is_drained = now > end && self.driver.director.in_progress() == 0;
            if is_drained || now > drained {
                break;
            }
        }
        let completed = self.driver.director.calibrated();
        let capacity = calibration::capacity_per_s(completed).map_err(EngineError::Broken)?;
        self.driver.director.set_capacity(capacity);
        Ok(Some(capacity))
    }

    /// Warms up, measures and drains. Returns the length of the measured phase, and its end.
    fn measure(&mut self) -> Result<(Duration, Time), EngineError> {
        if self.is_interrupted() {
            return Ok((Duration::ZERO, self.now()));
        }
        let from = self.now() + self.scenario.phases.warmup;
        let planned_end = match self.scenario.phases.measure {
            Measure::Lasting(length) => from + length,
            Measure::Lookups(_) => Time::from_ns(Time::NEVER.as_ns() - 1),
        };
        self.driver.director.set_phase(from, planned_end);
        let end = loop {
            let phase = if self.now() < from { "warmup" } else { "measure" };
            let now = self.turn(phase)?;
            if self.is_interrupted() || now >= planned_end || self.have_all_ended() {
                break now.min(planned_end);
            }
        };
        self.driver.director.set_phase(from, end);
        // What was due in the phase and is late is asked after its end.
        let mut now = self.turn("drain")?;
        while !self.driver.director.has_issued_all(now) && !self.interruption.is_over() {
            now = self.turn("drain")?;
        }
        let deadline = now + self.scenario.workload.deadline + LOOK;
        while self.driver.director.in_progress() > 0
            && now < deadline
            && !self.interruption.is_over()
        {
            now = self.turn("drain")?;
        }
        self.driver.director.end_lookups(now, self.is_interrupted());
        self.driver.take_records();
        self.driver.judge.settle(Time::NEVER);
        Ok((end.since(from), now))
    }

    fn have_all_ended(&self) -> bool {
        let Measure::Lookups(wanted) = self.scenario.phases.measure else { return false };
        let director = &self.driver.director;
        director.issued() >= wanted && director.outstanding() == 0
    }

    /// Reads each key once more, and takes what the judge then finds. Returns how many keys could not be read.
    fn read_each_key(&mut self) -> Result<u64, EngineError> {
        self.verdicts = self.verdicts_now();
        let keys = self.workload.keys();
        if self.is_interrupted() {
            self.verdicts.keys = 0;
            return Ok(u64::from(keys));
        }
        let most = self.connections * SWEPT_PER_CONNECTION;
        let mut sweep = Sweep::new(0..keys, most, self.now());
        while !sweep.is_over() && !self.is_interrupted() {
            let now = self.turn_sweep(&mut sweep, "read", |driver, _, key, token, now| {
                let question = Question { key, act: Act::Read };
                driver.pool.ask(now, token as usize, question, token).then_some(question)
            })?;
            if self.is_stuck(&sweep, now) {
                break;
            }
        }
        self.driver.judge.settle(Time::NEVER);
        let unread = u64::from(keys) - sweep.answered;
        let after = self.verdicts_now();
        let found = |it: &ValueVerdicts| it.stale + it.lost + it.phantom;
        self.verdicts.lost_for_good = found(&after) - found(&self.verdicts);
        self.verdicts.keys = after.keys.saturating_sub(unread);
        Ok(unread)
    }

    /// What the judge has found so far, of reads alone.
    fn verdicts_now(&self) -> ValueVerdicts {
        let all = self.driver.judge.verdicts(&Contents::default(), self.now());
        ValueVerdicts { lost_for_good: 0, ..all.unwrap_or_default() }
    }

    fn turn(&mut self, phase: &'static str) -> Result<Time, EngineError> {
        let now = self.driver.turn(phase, self.now() + LOOK).map_err(broken)?;
        self.check()?;
        Ok(now)
    }

    fn is_interrupted(&self) -> bool {
        self.interruption.is_requested()
    }

    fn check(&self) -> Result<(), EngineError> {
        match self.driver.pool.refusal() {
            Some(why) => Err(EngineError::Request(why.to_owned())),
            None => Ok(()),
        }
    }

    /// The errors of the servers so far, for a message.
    fn known_errors(&self) -> String {
        let errors = &self.driver.pool.counts().errors;
        let texts: Vec<String> =
            errors.iter().map(|(name, count)| format!("{count} × {name}")).collect();
        match (texts.is_empty(), self.driver.pool.last_failure()) {
            (false, _) => format!("; the servers said {}", texts.join(", ")),
            (true, Some(why)) => format!("; {why}"),
            (true, None) => String::new(),
        }
    }

    /// The figures of the run.
    fn measured(
        mut self,
        target: Target,
        measured: Duration,
        end: Time,
        bring_up: Time,
        capacity_per_s: Option<f64>,
    ) -> Measured {
        let (judge, director) = (&self.driver.judge, &mut self.driver.director);
        director.series().end(end, Sent::default(), self.driver.pool.open());
        let mut metrics = director.metrics().clone();
        (metrics.correct, metrics.incorrect) = (judge.correct, judge.incorrect);
        let goodput = Goodput::new(metrics.issued, metrics.correct, measured);
        let mut warnings = self.driver.pool.counts().first_errors.clone();
        if target.keys_unread > 0 && !self.interruption.is_requested() {
            let count = target.keys_unread;
            warnings.push(format!("{count} keys could not be read once more at the end"));
        }
        Measured {
            series: director.series().rows(end, judge.incorrect_in(), &[]),
            metrics,
            traffic: Traffic::new(),
            maintenance: Traffic::new(),
            capacity_per_s,
            measured,
            measured_wall: measured,
            node_s: 0.0,
            state: State { entries_mean: 0.0, entries_max: 0, bytes_per_node: 0, bytes_max: 0 },
            load: Load { messages_max: 0, keys: None },
            membership: Membership::default(),
            health: Health { goodput, ..Health::default() },
            values: Some((Contents::default(), self.verdicts)),
            lookup_bytes: 0,
            events: 0,
            datagrams: 0,
            drops: Vec::new(),
            disturbances: Vec::new(),
            threads: 1,
            bring_up: bring_up.since(Time::ZERO),
            interrupted: self.interruption.is_requested(),
            simulation: None,
            warnings,
            log: None,
            target: Some(target),
        }
    }
}

fn broken(error: impl Display) -> EngineError {
    EngineError::Broken(format!("--target: {error}"))
}
