//! `[ring]`: the parameters of ring nodes.
//!
//! **Invariant:** a checked successor list is shorter than the ring and fits a datagram.

use core::time::Duration;

use hopwise_kernel::ring::doubts::MAX_FIRST_HOPS;
use hopwise_kernel::ring::wire::max_successors;
use serde::{Deserialize, Serialize};

use crate::plug::{Halves, Placing};
use crate::scenario::{
    Engine, Impossible, Key, Kind, PERIOD_MIN, PERIOD_OR_OFF, Scenario, Section, Sockets, duration,
    require, require_or_adapt, require_that,
};

/// The most ring nodes of one host.
const MAX_VIRTUAL_NODES: u32 = 128;

/// The parameters of ring nodes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ring {
    /// A power of two, 2 … 256; a level has base − 1 fingers.
    pub base: u32,
    /// Length of the successor list (r); fewer than nodes.
    pub successors: u32,
    /// Where identifiers come from.
    pub ids: IdRule,
    /// Which node contacts the next hop.
    pub lookup: LookupMode,
    /// Which node answers a lookup.
    pub answer: AnswerRule,
    /// Mean period of stabilize; `None` ("off"): no repair at all.
    #[serde(with = "duration::or_off")]
    pub stabilize: Option<Duration>,
    /// Mean period in which one finger is refreshed; `None` ("off"): never.
    #[serde(with = "duration::or_off")]
    pub fix_fingers: Option<Duration>,
    /// Whether later lookups also avoid a contact that did not answer.
    pub remember_failures: bool,
    /// The most first hops of a lookup with doubtful answers, 1 … 16.
    pub first_hops: u32,
    /// Number of nodes that keep an item or a reference to it: the owner and its successors,
    /// 1 … 16.
    pub replicas: u32,
    /// Where a node that joins with a new identifier takes its place.
    pub place: Place,
    /// Random keys at which it looks, 1 … 64.
    pub place_samples: u32,
    /// Number of ring nodes that each of `nodes` runs, 1 … 128.
    pub virtual_nodes: u32,
}

impl Default for Ring {
    fn default() -> Ring {
        Ring {
            base: 2,
            successors: 16,
            ids: IdRule::Random,
            lookup: LookupMode::Recursive,
            answer: AnswerRule::Owner,
            stabilize: Some(Duration::from_secs(1)),
            fix_fingers: Some(Duration::from_secs(1)),
            remember_failures: true,
            first_hops: 1,
            replicas: 3,
            place: Place::Random,
            place_samples: 8,
            virtual_nodes: 1,
        }
    }
}

/// Where identifiers come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdRule {
    /// They are drawn at random.
    Random,
    /// Each belongs to an address, so that no node can choose its own.
    Address,
}

/// Which node contacts the next hop of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupMode {
    /// Each hop forwards.
    Recursive,
    /// The origin asks each hop.
    Iterative,
}

/// Which node answers a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerRule {
    /// The owner of the key itself.
    Owner,
    /// The first node that knows the owner.
    Predecessor,
}

/// Where a node that joins with a new identifier takes its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Anywhere.
    Random,
    /// In the middle of the longest of some arcs.
    SplitLargest,
    /// In the middle of the items of the fullest of some nodes.
    SplitFullest,
}

/// The most samples.
const SAMPLES_MAX: u32 = 64;

/// How nodes choose their places, if they do.
pub(super) fn placing(scenario: &Scenario) -> Option<Placing> {
    let samples = place_samples(scenario);
    let halves = match scenario.section::<Ring>().place {
        Place::Random => return None,
        Place::SplitLargest => Halves::LongestArc,
        Place::SplitFullest => Halves::MostItems,
    };
    Some(Placing { halves, samples })
}

pub(super) fn place_samples(scenario: &Scenario) -> u8 {
    scenario.section::<Ring>().place_samples.min(SAMPLES_MAX) as u8
}

impl Section for Ring {
    const NAME: &'static str = "ring";

    const KEYS: &'static [Key] = &[
        Key::table("ring", "The ring (Chord): the parameters of its nodes."),
        Key::integer(
            "ring.base",
            "a power of two from 2 to 256",
            "Base of the finger table: base - 1 fingers per level, log_base N hops per lookup.",
        ),
        Key::integer(
            "ring.successors",
            "a whole number, at least 1 and less than nodes",
            "Length of the successor list (r). The ring survives r - 1 neighbouring failures.",
        ),
        Key::word(
            "ring.ids",
            &["random", "address"],
            "Where identifiers come from. random: they are drawn. address: each is the SHA-1 of the node's \
             IP address, port and slot, so that no node can choose its place. Nodes drop messages from others. \
             A node that joins has the identifier of the address that is free, whatever churn.rejoin says; the \
             simulator's addresses are the same with every seed.",
        ),
        Key::word(
            "ring.lookup",
            &["recursive", "iterative"],
            "Which node contacts the next hop. recursive: each hop forwards. iterative: the origin \
             asks each hop.",
        ),
        Key::word(
            "ring.answer",
            &["owner", "predecessor"],
            "Which node answers a lookup. owner: the owner of the key, which proves that it is alive. \
             predecessor: the first node that knows the owner, which costs one hop less and may name \
             a dead node.",
        ),
        Key::new(
            "ring.stabilize",
            Kind::DurationOr("off"),
            PERIOD_OR_OFF,
            "Mean period in which a node verifies its successors. Periods are drawn uniformly from \
             half to one and a half times this. off: no repair at all.",
        ),
        Key::new(
            "ring.fix_fingers",
            Kind::DurationOr("off"),
            PERIOD_OR_OFF,
            "Mean period in which a node refreshes one finger. off: never.",
        ),
        Key::boolean(
            "ring.remember_failures",
            "Later lookups, not only the current one, avoid a contact that did not answer.",
        ),
        Key::integer(
            "ring.first_hops",
            "a whole number from 1 to 16; 1 unless ring.answer = \"owner\"",
            "Defence against malicious nodes: an answer is doubtful if its owner lies unusually far behind \
             the key. Such a lookup starts again, through so many first hops at most, and the answer nearest \
             to the key counts. 1: every answer is believed.",
        ),
        Key::integer(
            "ring.replicas",
            "a whole number from 1 to 16",
            "With items: nodes that keep references to an item: its owner and its successors.",
        ),
        Key::word(
            "ring.place",
            &["random", "split-largest", "split-fullest"],
            "Where a node that joins with a new identifier takes its place. random: anywhere. \
             split-largest: in the middle half of the longest of the arcs in which place_samples random \
             keys lie. split-fullest: so that it takes over about half of the stored items of one node, the fullest \
             of the owners of place_samples random keys; needs a section [store]. Members at the start have \
             the places that they would have if they had arrived one after the other.",
        ),
        Key::integer(
            "ring.place_samples",
            "a whole number from 1 to 64",
            "Random keys at which a node looks for its place, unless that is random.",
        ),
        Key::integer(
            "ring.virtual_nodes",
            "a whole number from 1 to 128; 1 with items, and unless ring.place is random",
            "Ring nodes that each of `nodes` runs, with identifiers of their own, so that keys are \
             spread more evenly. They join, leave and crash together, copies of a value lie on \
             different hosts, and figures per node are those of a host with all its ring nodes.",
        ),
    ];

    fn check(&self, all: &Scenario) -> Result<(), Impossible> {
        let (nodes, datagram) = (all.nodes, all.udp.datagram);
        require((1..=16).contains(&self.replicas), "ring.replicas")?;
        self.check_virtual_nodes(all)?;
        require(self.base.is_power_of_two() && (2..=256).contains(&self.base), "ring.base")?;
        let successors = "ring.successors";
        require(self.successors >= 1, successors)?;
        // A node that starts alone has room for one.
        let most = (nodes.saturating_mul(self.virtual_nodes) - 1).max(1);
        require_or_adapt(self.successors <= most, successors, most, || match self.virtual_nodes {
            1 => format!("a whole number from 1 to {most} (less than nodes = {nodes})"),
            v => format!(
                "a whole number from 1 to {most} (less than nodes = {nodes} times \
                 ring.virtual_nodes = {v})"
            ),
        })?;
        let fit = max_successors(datagram as usize) as u32;
        require_or_adapt(self.successors <= fit, successors, fit, || {
            format!("{fit} at most: a list must fit udp.datagram = {datagram}")
        })?;
        let is_period = |period: Option<Duration>| period.is_none_or(|it| it >= PERIOD_MIN);
        require(is_period(self.stabilize), "ring.stabilize")?;
        require(is_period(self.fix_fingers), "ring.fix_fingers")?;
        let is_bound = self.ids == IdRule::Address;
        require_that(!is_bound || self.place == Place::Random, "ring.ids", || {
            "\"random\", or ring.place = \"random\": an identifier that belongs to an address cannot be chosen"
                .to_owned()
        })?;
        require_that(!is_bound || self.virtual_nodes == 1, "ring.ids", || {
            "\"random\", or ring.virtual_nodes = 1: one identifier belongs to an address".to_owned()
        })?;
        require((1..=SAMPLES_MAX).contains(&self.place_samples), "ring.place_samples")?;
        require((1..=u32::from(MAX_FIRST_HOPS)).contains(&self.first_hops), "ring.first_hops")?;
        let owners_answer = self.answer == AnswerRule::Owner;
        require_that(self.first_hops == 1 || owners_answer, "ring.first_hops", || {
            "1, or ring.answer = \"owner\": only an owner's own answer can be weighed".to_owned()
        })?;
        let stores = all.store.is_some();
        require_that(self.place != Place::SplitFullest || stores, "ring.place", || {
            "\"random\" or \"split-largest\", or add a section [store]: only nodes that store values can \
             count them"
                .to_owned()
        })
    }
}

impl Ring {
    fn check_virtual_nodes(&self, all: &Scenario) -> Result<(), Impossible> {
        let key = "ring.virtual_nodes";
        require((1..=MAX_VIRTUAL_NODES).contains(&self.virtual_nodes), key)?;
        let are_several = self.virtual_nodes > 1;
        require_that(!are_several || all.items.is_none(), key, || {
            "1 with items: a host publishes each of its items once".to_owned()
        })?;
        require_that(!are_several || self.place == Place::Random, key, || {
            "1, or ring.place = \"random\": each host has one place that it chooses".to_owned()
        })?;
        if !are_several || all.engine != Engine::Udp || all.udp.sockets != Sockets::PerNode {
            return Ok(());
        }
        require_that(all.store.is_none(), key, || {
            "1, or udp.sockets = \"per-core\": values are copied to different hosts, and free ports \
             do not show which nodes are on the same host"
                .to_owned()
        })?;
        let hosts = u64::from(all.nodes) + all.joining_in_faults(all.nodes.into());
        let most = u64::from(u16::MAX - all.udp.bind.port()) / hosts.max(1);
        require_that(u64::from(self.virtual_nodes) <= most, key, || {
            format!("{most} at most: each node takes a port (more with udp.sockets = \"per-core\")")
        })
    }
}
