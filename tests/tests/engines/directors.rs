//! Several directors, as over UDP: together they do what a fault says, whichever director controls the
//! nodes.

use std::sync::Arc;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::churn::{NodesPerHost, Share};
use hopwise_harness::director::{Agreement, Director, NodeControl, Setup};
use hopwise_harness::systems::Registry;
use hopwise_harness::workload::{KeyWorkload, Workload};
use hopwise_kernel::{Address, Id, Peer, Rng, Time};

const DIRECTORS: usize = 3;
/// The director of the busiest node, and the node's place there.
const BUSIEST: (usize, u32) = (2, 1);

/// Records which nodes a director removes and inserts.
#[derive(Default)]
struct Nodes {
    director: usize,
    departed: Vec<u32>,
    inserted: Vec<Peer>,
}

impl NodeControl<Id> for Nodes {
    fn address_of(&self, place: u32) -> Address {
        address_of(self.director, place)
    }

    fn insert(&mut self, _at: Time, _place: u32, peer: Peer) {
        self.inserted.push(peer);
    }

    fn join(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn choose_place(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn depart(&mut self, _at: Time, place: u32, _graceful: bool) {
        self.departed.push(place);
    }

    fn busiest(&mut self, fault: u32) -> Option<u32> {
        assert_eq!(fault, 0, "the number of the fault in the scenario");
        (self.director == BUSIEST.0).then_some(BUSIEST.1)
    }

    fn ask(&mut self, _at: Time, _place: u32, _key: Id, _token: u64, _number: u32) -> bool {
        false
    }
}

fn address_of(director: usize, place: u32) -> Address {
    Address::from_bits((1 + 100 * director as u64) + u64::from(place))
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn scenario(nodes: usize, faults: &str) -> Scenario {
    let toml = format!(
        "nodes = {nodes}
         engine = \"sim\"
         ring = {{ successors = 1 }}
         workload = {{ lookups_per_s = 1e-9 }}
         phases = {{ warmup = \"1s\", measure = \"10s\" }}
         fault = [{faults}]"
    );
    Registry::built_in().from_toml(&toml, "test", &[]).expect("the scenario is valid")
}

/// Directors with so many members each, which have come to the measured phase, and the members.
fn directors(
    scenario: &Scenario,
    members: &[usize],
) -> Vec<(Director<KeyWorkload>, Nodes, Vec<Peer>)> {
    let mut rng = Rng::new(1, 0);
    let agreement = Arc::new(Agreement::new(members.len()));
    let mut director = |(index, &members): (usize, &usize)| {
        let peer = |place| Peer { id: Id::random(&mut rng), address: address_of(index, place) };
        let members: Vec<Peer> = (0..members as u32).map(peer).collect();
        let setup = Setup {
            places: 100,
            per_host: NodesPerHost::ONE,
            to_join: 0,
            agreement: agreement.clone(),
            seeds: Arc::new(members.clone()),
            trace: None,
            workload: KeyWorkload::new(scenario, &[]).expect("a key workload needs no data"),
            has_server: false,
            chooses_place: false,
            binds_ids: false,
            admitted: None,
            starts_per_turn: usize::MAX,
            knows_costs: false,
            is_logged: false,
            feed: None,
        };
        let mut director = Director::new(scenario, Share { index, of: DIRECTORS }, setup);
        for peer in &members {
            director.enter_member(peer.id, Time::ZERO);
        }
        director.set_phase(at(1), at(11));
        (director, Nodes { director: index, ..Nodes::default() }, members)
    };
    members.iter().enumerate().map(&mut director).collect()
}

#[test]
fn the_director_of_the_busiest_node_crashes_it_and_brings_it_back() {
    let faults = "{ at = \"1s\", kind = \"crash\", target = \"busiest\", count = 1 },
                  { at = \"2s\", kind = \"return\", count = 1, over = \"1s\" }";
    let scenario = scenario(12, faults);
    for (mut director, mut nodes, members) in directors(&scenario, &[4; DIRECTORS]) {
        let is_its = nodes.director == BUSIEST.0;
        assert!(director.may_ask_for_busiest());
        director.turn(&mut nodes, at(2), at(2));
        assert!(!director.may_ask_for_busiest(), "that fault is over");
        assert_eq!(nodes.departed, if is_its { vec![BUSIEST.1] } else { vec![] });
        assert_eq!(director.live(), if is_its { 3 } else { 4 });
        director.turn(&mut nodes, at(3), at(5));
        let back: Vec<Id> = nodes.inserted.iter().map(|peer| peer.id).collect();
        let busiest = members[BUSIEST.1 as usize].id;
        assert_eq!(back, if is_its { vec![busiest] } else { vec![] });
    }
}

/// Whatever each director has, and whichever is first. Each keeps its last node.
#[test]
fn all_directors_together_do_what_a_fault_says() {
    let fault =
        |kind: &str, amount: &str| format!("{{ at = \"1s\", kind = \"{kind}\", {amount} }},");
    let ten_of_one: String = fault("leave", "count = 1").repeat(10);
    let two_halves = fault("crash", "fraction = 0.5").repeat(2);
    let in_time = fault("crash", "count = 7, over = \"2s\"") + &fault("leave", "fraction = 0.5");
    let back = fault("crash", "count = 9") + &fault("return", "fraction = 0.3334");
    // Of 15 nodes: the faults, and how many depart and join.
    let cases = [
        (fault("leave", "count = 1"), 1, 0),
        (fault("crash", "count = 12"), 12, 0),
        (fault("leave", "fraction = 0.1"), 2, 0),
        (fault("leave", "fraction = 0.8"), 12, 0),
        (ten_of_one, 10, 0),
        (two_halves, 8 + 4, 0),
        (in_time, 4 + 8, 0),
        (back, 9, 3),
        (fault("join", "count = 1").repeat(7), 0, 7),
        (fault("join", "count = 8"), 0, 8),
        (fault("join", "fraction = 0.3"), 0, 5),
    ];
    for (faults, departs, joins) in cases {
        let scenario = scenario(15, &faults);
        for members in [[5, 5, 5], [1, 2, 12], [9, 3, 3], [1, 13, 1]] {
            for first in 0..DIRECTORS {
                let mut directors = directors(&scenario, &members);
                let mut counts = (0, 0);
                let mut joined = [0; DIRECTORS];
                directors.rotate_left(first);
                for (director, nodes, _) in &mut directors {
                    // Nobody answers the joins, of which only some run at a time.
                    director.turn(nodes, at(1), at(2));
                    director.turn(nodes, at(2), at(6));
                    counts.0 += nodes.departed.len();
                    counts.1 += nodes.inserted.len();
                    joined[nodes.director] = nodes.inserted.len();
                    assert!(director.live() >= 1, "{faults} {members:?}");
                }
                assert_eq!(counts, (departs, joins), "{faults} {members:?} from {first}");
                let (least, most) = (joined.iter().min(), joined.iter().max());
                let is_even =
                    !faults.contains("join\", count") || most <= least.map(|it| it + 1).as_ref();
                assert!(is_even, "{faults} {joined:?}");
            }
        }
    }
}
