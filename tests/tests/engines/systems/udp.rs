//! Small runs over the real network, compared with the simulator.

use super::run::{
    CENTRAL, EXPANDING, FLOOD, ITEMS, RING, WALK, messages_per_query, run_udp, simulate,
};
use super::undisturbed::assert_answered;

/// Timeouts outlast a stalled thread, so that live holders are not taken for dead.
const SMALL: &str = "
    nodes = 48
    threads = 2
    network.timeout = \"500ms\"
    workload = { lookups_per_s = 300.0, deadline = \"4s\" }
    phases = { warmup = \"1500ms\", lookups = 300 }
";
/// Somewhat longer than a message takes on loopback.
const LOOPBACK: &str = "network.latency = { model = \"constant\", one_way = \"200us\" }";

/// The cost of a search depends on its holders and its origin, which differ between the runs. The
/// cost of a flood does not.
#[test]
fn the_simulator_agrees_with_the_real_network() {
    for (system, off) in [(CENTRAL, 0.1), (FLOOD, 0.1), (EXPANDING, 0.3), (WALK, 0.3), (RING, 0.2)]
    {
        let real = run_udp(&[system, ITEMS, SMALL]);
        let simulated = simulate(&[system, ITEMS, SMALL, LOOPBACK]);
        assert_answered(&real, system, 48);
        assert_answered(&simulated, system, 48);
        let (of_real, of_simulated) = (messages_per_query(&real), messages_per_query(&simulated));
        let ratio = of_real / of_simulated;
        println!("{system}: {of_real:.2} and {of_simulated:.2} messages a query");
        assert!((ratio - 1.0).abs() < off, "{system}: {of_real} and {of_simulated} messages");
    }
}
