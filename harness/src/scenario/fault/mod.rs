//! Faults: what goes wrong at a stated time of the measured phase.
//!
//! In TOML each is a `[[fault]]` table, [`FaultForm`].
//!
//! **Invariant:** a scenario whose faults make no sense is refused before anything runs.

mod disturbance;
mod form;
mod groups;
mod plan;
mod swarm;

use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::disturbance::{Direction, DisturbanceKind, Lie};
use self::form::FaultForm;
pub use self::groups::Groups;
use self::plan::FaultPlan;
use super::impossible::{Verdict, is_share, require, require_or_adapt, require_that};
use super::key::{DURATION, DURATION_ABOVE_ZERO, Key, Kind};
use super::{ChurnModel, Engine, Measure, POPULATION_MAX, Scenario, duration};

/// Something that goes wrong at a stated time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "FaultForm", into = "FaultForm")]
pub struct Fault {
    /// When it begins, after the start of the measured phase.
    pub at: Duration,
    /// Length of the fault: it affects its nodes at even intervals. Zero: all at once. A disturbance and a
    /// swarm last so long.
    pub over: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To how many nodes.
    pub amount: Amount,
}

/// What happens to the nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FaultKind {
    /// They stop without notice.
    Crash(Target),
    /// They leave, announced.
    Leave,
    /// New nodes join through the protocol.
    Join,
    /// Nodes that earlier faults crashed come back, with their identifiers and addresses.
    Return,
    /// For a while, messages or nodes are disturbed.
    Disturbance(DisturbanceKind),
    /// For a while, a random mix of all kinds, which the seed of the run decides.
    Swarm,
}

/// Which nodes a crash strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Random ones.
    #[default]
    Random,
    /// The node that received the most messages.
    Busiest,
}

/// How many nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// `fraction`: share of the nodes that are alive when the fault begins, 0 … 1. For a return:
    /// share of the nodes that faults crashed and that have not come back. For a disturbance: the
    /// probability with which it strikes a node, a message or a link. For a swarm: that with which a kind
    /// of fault takes part.
    Fraction(f64),
    /// `count`: this many.
    Count(u32),
}

/// The keys of faults.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "fault",
        Kind::Tables,
        "[[fault]] tables, each with at, kind, and fraction or count",
        "What goes wrong at a stated time: any number of [[fault]] tables.",
    ),
    Key::duration("fault.at", DURATION, "Time of the fault, from the start of the measured phase."),
    Key::duration(
        "fault.over",
        DURATION,
        "Length of the fault: it affects its nodes at even intervals. 0s: all at once.",
    )
    .only_with("kind", &["crash", "leave", "join", "return"]),
    Key::word(
        "fault.kind",
        &FaultKind::WORDS,
        "What happens. crash: nodes stop without notice. leave: they leave, announced. join: new \
         nodes join. return: nodes that earlier faults crashed come back. The others last until the \
         time until. partition: messages between some nodes and the others are lost. clog: messages \
         from one node to another are lost. loss, delay, duplicate, reorder, corrupt: this happens to \
         some messages. pause: nodes stop and then go on. clock: clocks of nodes run fast or slow. \
         malicious: nodes lie about lookups; only of rings without items and values. swarm: a random \
         mix of all but malicious ones, drawn anew for each seed.",
    ),
    Key::duration(
        "fault.until",
        DURATION,
        "When the fault ends, from the start of the measured phase.",
    )
    .only_with("kind", disturbance::LASTING),
    Key::word(
        "fault.direction",
        &["both", "in", "out"],
        "Which messages a partition loses: those to and from the fraction of nodes, only those to \
         them, or only those from them.",
    )
    .only_with("kind", &["partition"]),
    Key::new(
        "fault.groups",
        Kind::Numbers,
        groups::ACCEPTED,
        "Instead of fraction: a partition into several groups, each with this share of the nodes; the \
         others are one more group. Messages between nodes of different groups are lost.",
    )
    .only_with("kind", &["partition"]),
    Key::duration(
        "fault.beyond",
        DURATION_ABOVE_ZERO,
        "Instead of fraction: a partition by distance. Messages between nodes are lost if the one-way \
         delay from one of them to the other is longer. Only with a network.latency.model in which each \
         pair of hosts has its own delay.",
    )
    .only_with("kind", &["partition"]),
    Key::duration(
        "fault.by",
        DURATION_ABOVE_ZERO,
        "How much later a message arrives. kind = reorder, duplicate: up to so much later, at random.",
    )
    .only_with("kind", disturbance::LATE),
    Key::number(
        "fault.drift",
        "a number above 0 and at most 0.1",
        "How much faster or slower clocks run, at most, as a share. The clock of each node differs.",
    )
    .only_with("kind", &["clock"]),
    Key::word(
        "fault.lie",
        &["drop", "misroute", "claim", "forge", "dead", "mix"],
        "How malicious nodes lie about lookups that reach them. They know each other, and keep up their \
         places in the ring. drop: they do nothing and say that they passed them on. misroute: they pass \
         them on to any node. claim: they name the malicious node nearest to the key as its owner. \
         forge: they claim it for themselves under a made-up identifier (recursive lookups), against which \
         ring.ids = \"address\" helps. dead: they name nodes that do not exist. mix: each in one of these \
         ways, without forge.",
    )
    .only_with("kind", &["malicious"]),
    Key::word(
        "fault.target",
        &["random", "busiest"],
        "Which nodes crash: random ones, or the one that received the most messages.",
    )
    .only_with("kind", &["crash"]),
    Key::share(
        "fault.fraction",
        "Share of the nodes that are alive when the fault begins. kind = return: share of the \
         nodes that faults crashed and that have not come back. partition, pause, clock, malicious: the \
         probability with which a node is struck; clog: a pair of nodes; loss, delay, duplicate, \
         reorder, corrupt: a message. swarm: the probability with which a kind takes part.",
    ),
    Key::integer(
        "fault.count",
        "a whole number, at least 1",
        "Number of nodes, over all threads. The last node stays; over UDP, the last of each thread.",
    ),
];

/// Groups of keys of which at most one may be written.
pub(super) const ALTERNATIVES: &[&[&str]] = &[
    &["fault.fraction", "fault.count", "fault.groups", "fault.beyond"],
    &["fault.direction", "fault.groups", "fault.beyond"],
];

/// Keys without a default: of each group one must be written. With what to call the group.
pub(super) const REQUIRED: [(&[&str], &str); 2] =
    [(&["kind"], "kind"), (&["fraction", "count", "groups", "beyond"], "fraction or count")];

/// Checks all faults of a scenario. `has_server` says whether one of its nodes serves all others: only a
/// crash of the busiest node can hit that one. `can_lie`: whether its nodes can be malicious.
pub(super) fn check(all: &Scenario, has_server: bool, can_lie: bool) -> Verdict {
    let nodes = u64::from(all.nodes) - u64::from(has_server);
    check_lies(&all.faults, can_lie)?;
    let plan = FaultPlan::new(&all.faults, nodes);
    (0..all.faults.len()).try_for_each(|index| check_one(all, index, &plan))?;
    check_clocks(&all.faults)?;
    check_threads(all, &plan)
}

fn check_one(all: &Scenario, index: usize, plan: &FaultPlan) -> Verdict {
    let fault = &all.faults[index];
    let path = |key: &str| format!("fault.{index}.{key}");
    let follows_a_crash = plan.first_crash.is_some_and(|first| first < (fault.at, index));
    let can_return = fault.kind != FaultKind::Return || follows_a_crash;
    require_that(can_return, &path("kind"), || {
        "\"crash\", \"leave\" or \"join\", or add an earlier fault of kind \"crash\": only \
         nodes that a fault crashed can return"
            .to_owned()
    })?;
    let only_one = fault.kind == FaultKind::Crash(Target::Busiest);
    require_that(!only_one || fault.amount == Amount::Count(1), &path("target"), || {
        format!("\"random\", or fault.{index}.count = 1: only one node is the busiest")
    })?;
    check_lasting(all, fault, &path)?;
    match fault.amount {
        Amount::Fraction(fraction) => require(is_share(fraction), &path("fraction"))?,
        Amount::Count(count) => {
            require((1..=POPULATION_MAX).contains(&count), &path("count"))?;
            check_departing(all, index, u64::from(count), plan)?;
        }
    }
    check_joining(fault, index, plan)?;
    if let Measure::Lasting(end) = all.phases.measure {
        let end_is = || format!("phases.measure = {:?}", duration::text(end));
        require_that(fault.at < end, &path("at"), || format!("a duration below {}", end_is()))?;
        let (key, _) = fault.end();
        require_that(fault.over <= end - fault.at, &path(key), || match fault.kind.lasts() {
            true => format!("{:?} at most", duration::text(end)),
            false => format!("a duration that, after at, ends within {}", end_is()),
        })?;
    }
    Ok(())
}

/// Checks that the nodes of the system can lie if they are to.
fn check_lies(faults: &[Fault], can_lie: bool) -> Verdict {
    let lies =
        |fault: &Fault| matches!(fault.kind, FaultKind::Disturbance(DisturbanceKind::Malicious(_)));
    let first = faults.iter().position(lies).filter(|_| !can_lie);
    first.map_or(Ok(()), |index| {
        require_that(false, &format!("fault.{index}.kind"), || {
            "another kind, or system = \"ring\" without items and values: only its nodes can lie"
                .to_owned()
        })
    })
}

/// Checks a fault that lasts.
fn check_lasting(all: &Scenario, fault: &Fault, path: &impl Fn(&str) -> String) -> Verdict {
    if !fault.kind.lasts() {
        return Ok(());
    }
    require_that(!fault.over.is_zero(), &path("until"), || {
        format!("a duration above {:?}, the time at which it begins", duration::text(fault.at))
    })?;
    require_that(matches!(fault.amount, Amount::Fraction(_)), &path("count"), || {
        "fraction instead: a fault of this kind strikes each with a probability".to_owned()
    })?;
    match fault.kind {
        FaultKind::Disturbance(kind) => kind.check(all, path),
        _ => Ok(()),
    }
}

/// Checks that one node is left if `count` nodes depart.
fn check_departing(all: &Scenario, index: usize, count: u64, plan: &FaultPlan) -> Verdict {
    let departs =
        matches!(all.faults[index].kind, FaultKind::Crash(Target::Random) | FaultKind::Leave);
    let up = match all.churn.model {
        ChurnModel::Off => plan.up[index],
        // Churn may have brought more.
        _ => plan.up[index].max(plan.most[index]),
    };
    let possible = !departs || count < up;
    let path = format!("fault.{index}.count");
    if up < 2 {
        return require_that(possible, &format!("fault.{index}.kind"), || {
            "\"join\", or more nodes: only one is up then, and the last one stays".to_owned()
        });
    }
    require_or_adapt(possible, &path, (up - 1) as i64, || {
        format!(
            "a whole number from 1 to {}: {up} nodes are up then, and the last one stays",
            up - 1
        )
    })
}

/// Checks that there is an address for each node that joins.
fn check_joining(fault: &Fault, index: usize, plan: &FaultPlan) -> Verdict {
    let most = plan.most[index];
    let possible = fault.kind != FaultKind::Join || most <= POPULATION_MAX.into();
    let key = match fault.amount {
        Amount::Fraction(_) => "fraction",
        Amount::Count(_) => "count",
    };
    require_that(possible, &format!("fault.{index}.{key}"), || {
        format!("less: {most} nodes could be up then, and {POPULATION_MAX} are the most")
    })
}

/// Over UDP each thread keeps its last node: checks that faults leave so many. The nodes of a trace are
/// not known here.
fn check_threads(all: &Scenario, plan: &FaultPlan) -> Verdict {
    let applies = all.engine == Engine::Udp && all.churn.model != ChurnModel::Trace;
    let fewest = plan.fewest.max(1);
    let nodes = plan.up.iter().max().copied().unwrap_or(fewest);
    // The engine starts no more threads than there are nodes.
    let threads = (all.thread_count() as u64).min(nodes);
    require_or_adapt(!applies || threads <= fewest, "threads", fewest as i64, || {
        let nodes = if fewest == 1 { "node" } else { "nodes" };
        format!("{fewest} at most: faults leave {fewest} {nodes}, and each thread keeps one")
    })
}

impl Fault {
    /// The key that says when it ends, and its value.
    pub(super) fn end(&self) -> (&'static str, Duration) {
        match self.kind.lasts() {
            true => ("until", self.at + self.over),
            false => ("over", self.over),
        }
    }
}

impl FaultKind {
    /// The words for kinds of faults in a scenario: first those that strike at once, then those that last.
    pub const WORDS: [&str; 15] = [
        "crash",
        "leave",
        "join",
        "return",
        "partition",
        "clog",
        "loss",
        "delay",
        "duplicate",
        "reorder",
        "corrupt",
        "pause",
        "clock",
        "malicious",
        "swarm",
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::Crash(_) => "crash",
            FaultKind::Leave => "leave",
            FaultKind::Join => "join",
            FaultKind::Return => "return",
            FaultKind::Disturbance(kind) => kind.word(),
            FaultKind::Swarm => "swarm",
        }
    }

    /// Whether it lasts until a stated time.
    #[must_use]
    pub fn lasts(self) -> bool {
        matches!(self, FaultKind::Disturbance(_) | FaultKind::Swarm)
    }
}

/// The greatest share by which the clocks of nodes differ, by all faults together.
const ALL_DRIFT_MAX: f64 = 0.5;

/// Checks that clocks do not run too fast or too slow if several faults disturb them at a time.
fn check_clocks(faults: &[Fault]) -> Verdict {
    let mut all = 0.0;
    for (index, fault) in faults.iter().enumerate() {
        all += match fault.kind {
            FaultKind::Disturbance(DisturbanceKind::Clock(drift)) => drift,
            FaultKind::Swarm => swarm::DRIFT_MAX,
            _ => 0.0,
        };
        require_that(all <= ALL_DRIFT_MAX, &format!("fault.{index}.kind"), || {
            format!(
                "another kind: with this one the clocks of nodes could differ by over {ALL_DRIFT_MAX}"
            )
        })?;
    }
    Ok(())
}

impl Scenario {
    /// The words of the kinds of faults that can strike in this scenario.
    pub(crate) fn fault_words(&self) -> impl Iterator<Item = &'static str> {
        let kinds = self.faults.iter().map(|fault| fault.kind);
        let of = |kind: FaultKind| match kind {
            FaultKind::Swarm => swarm::kinds(self).map(FaultKind::word).collect(),
            kind => vec![kind.word()],
        };
        kinds.flat_map(of)
    }

    /// Nodes that join in faults of a network of so many `nodes`, at most.
    pub(crate) fn joining_in_faults(&self, nodes: u64) -> u64 {
        plan::joining(&self.faults, nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a look at all others for each, this would not end.
    #[test]
    fn a_million_faults_are_checked_in_one_pass() {
        let kinds = [FaultKind::Crash(Target::Random), FaultKind::Return, FaultKind::Join];
        let fault = |index: usize| Fault {
            at: Duration::from_micros((index % 9_000_000) as u64),
            over: Duration::ZERO,
            kind: kinds[index % kinds.len()],
            amount: Amount::Count(1),
        };
        let mut all = Scenario { engine: Engine::Sim, ..Scenario::general("none") };
        all.faults = (0..1_000_000).map(fault).collect();
        assert_eq!(check(&all, false, false), Ok(()));
        all.faults[999_999].amount = Amount::Count(5_000_000);
        let wrong = check(&all, false, false).expect_err("there are fewer nodes");
        assert_eq!(wrong.path, "fault.999999.count");
    }

    #[test]
    fn the_plan_counts_nodes_as_faults_go_by() {
        let fault = |at, kind, amount| Fault {
            at: Duration::from_secs(at),
            over: Duration::ZERO,
            kind,
            amount,
        };
        let crash = FaultKind::Crash(Target::Random);
        let faults = [
            fault(5, FaultKind::Return, Amount::Fraction(0.5)),
            fault(1, crash, Amount::Count(4)),
            fault(1, FaultKind::Leave, Amount::Fraction(0.5)),
            fault(7, FaultKind::Join, Amount::Fraction(1.0)),
            fault(9, crash, Amount::Fraction(1.0)),
        ];
        let plan = FaultPlan::new(&faults, 10);
        assert_eq!(plan.up, [3, 10, 6, 5, 10]);
        assert_eq!((plan.fewest, plan.first_crash), (1, Some((Duration::from_secs(1), 1))));
        assert_eq!(plan.most, [10, 10, 10, 20, 20]);
    }
}
