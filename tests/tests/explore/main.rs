//! Small rings: every order in which messages arrive, nodes join and fail, and timers fire.

mod digest;
mod network;
mod promise;
mod search;
mod setup;
mod state;

use std::time::Instant;
use search::{Order, explore};
use setup::Setup;

#[test]
fn scratch() {
    for (ring, f, r) in [("ooo+o", 0, 0), ("ooo+o", 0, 1), ("oooo", 1, 1), ("ooo+o", 1, 1), ("ooo+o", 1, 2),("ooo+o", 1, 3)] {
        #[expect(clippy::disallowed_methods, reason = "x")]
        let t = Instant::now();
        let report = explore(Setup::of(ring, f, r), Order::DepthFirst, 300_000);
        println!("{ring} {f} {r}: {:?} {report:?}", t.elapsed());
        if report.finding.is_some() { break; }
    }
}
