//! Several directors, as over UDP: a fault of one node hits it whichever director controls it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use hopwise_harness::churn::Share;
use hopwise_harness::director::{Director, NodeControl, Setup};
use hopwise_harness::systems::Registry;
use hopwise_harness::workload::{KeyWorkload, Workload};
use hopwise_kernel::{Address, Id, Peer, Rng, Time};

const DIRECTORS: usize = 3;
/// The director of the busiest node, and the node's place there.
const BUSIEST: (usize, u32) = (2, 1);

/// Records which nodes a director crashes and inserts.
struct Nodes<'a> {
    director: usize,
    turns: &'a Cell<u32>,
    crashed: Vec<u32>,
    inserted: Vec<Peer>,
}

impl NodeControl<Id> for Nodes<'_> {
    fn address_of(&self, place: u32) -> Address {
        address_of(self.director, place)
    }

    fn insert(&mut self, _at: Time, _place: u32, peer: Peer) {
        self.inserted.push(peer);
    }

    fn join(&mut self, _at: Time, _place: u32, _bootstrap: Peer) {}

    fn depart(&mut self, _at: Time, place: u32, graceful: bool) {
        assert!(!graceful, "a crash is not announced");
        self.crashed.push(place);
    }

    fn busiest(&mut self, fault: u32) -> Option<u32> {
        assert_eq!(fault, 0, "the number of the fault in the scenario");
        (self.director == BUSIEST.0).then_some(BUSIEST.1)
    }

    fn take_turn(&mut self, fault: u32, turns: u32) -> bool {
        assert_eq!((fault, turns), (1, 1));
        self.turns.replace(self.turns.get() + 1) < turns
    }

    fn ask(&mut self, _at: Time, _place: u32, _key: Id, _token: u64, _number: u32) -> bool {
        false
    }
}

fn address_of(director: usize, place: u32) -> Address {
    Address::from_bits((1 + 100 * director as u64) + u64::from(place))
}

#[test]
fn the_director_of_the_busiest_node_crashes_it_and_brings_it_back() {
    let toml = "
        nodes = 12
        ring = { successors = 2 }
        workload = { lookups_per_s = 1e-9 }
        phases = { warmup = \"1s\", measure = \"10s\" }
        fault = [{ at = \"1s\", kind = \"crash\", target = \"busiest\", count = 1 },
                 { at = \"2s\", kind = \"return\", count = 1, over = \"1s\" }]";
    let scenario =
        Registry::built_in().from_toml(toml, "test", &[]).expect("the scenario is valid");
    let mut rng = Rng::new(1, 0);
    let turns = Cell::new(0);
    for index in 0..DIRECTORS {
        let peer = |place| Peer { id: Id::random(&mut rng), address: address_of(index, place) };
        let members: Vec<Peer> = (0..4).map(peer).collect();
        let share = Share { index, of: DIRECTORS };
        let setup = Setup {
            places: 8,
            to_join: 0,
            seeds: Arc::new(members.clone()),
            trace: None,
            workload: KeyWorkload::new(&scenario, &[]).expect("a key workload needs no data"),
            has_server: false,
            admitted: None,
            starts_per_turn: usize::MAX,
            knows_costs: false,
            is_logged: false,
        };
        let mut director = Director::new(&scenario, share, setup);
        for &peer in &members {
            director.enter_member(peer, Time::ZERO);
        }
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        director.set_phase(at(1), at(11));
        let mut nodes =
            Nodes { director: index, turns: &turns, crashed: Vec::new(), inserted: Vec::new() };
        let is_its = index == BUSIEST.0;
        assert!(director.may_ask_for_busiest());
        director.turn(&mut nodes, at(2), at(2));
        assert!(!director.may_ask_for_busiest(), "that fault is over");
        assert_eq!(nodes.crashed, if is_its { vec![BUSIEST.1] } else { vec![] });
        assert_eq!(director.live(), if is_its { 3 } else { 4 });
        director.turn(&mut nodes, at(3), at(5));
        let back: Vec<Id> = nodes.inserted.iter().map(|peer| peer.id).collect();
        let busiest = members[BUSIEST.1 as usize].id;
        assert_eq!(back, if is_its { vec![busiest] } else { vec![] });
    }
}
