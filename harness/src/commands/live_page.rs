//! The live pages of `--watch`: what they say of a run or a server.
//!
//! **Invariant:** the address of a page goes to standard error, with or without `--quiet`.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Environment;
use crate::Scenario;
use crate::live::Feed;
use crate::live::feed::{About, Verdict, layout};
use crate::measure::outcome::Outcome;
use crate::report::in_sentences;
use crate::report::units::count;
use crate::scenario::Engine;
use crate::serve::Options;
use crate::watch::Watch;

/// Lookups per second where the load does not say how many.
const EXPECTED_PER_S: f64 = 100_000.0;

/// Serves a page of `scenario` at `address`.
///
/// # Errors
///
/// If it cannot be served there.
pub(super) fn of_run(
    env: &Environment,
    scenario: &Scenario,
    address: SocketAddr,
) -> Result<Watch, String> {
    let is_simulated = scenario.engine == Engine::Sim;
    let about = About {
        title: scenario.name.clone(),
        words: in_sentences(&scenario.to_table()),
        is_simulated,
        lookups_per_s: scenario.workload.peak_per_s(scenario.nodes).unwrap_or(EXPECTED_PER_S),
        layout: layout::RUN,
    };
    let start = if is_simulated { " (the simulation starts when the page is open)" } else { "" };
    serve(env, about, address, start)
}

/// Serves a page of a server at `address`.
///
/// # Errors
///
/// If it cannot be served there.
pub(super) fn of_server(
    env: &Environment,
    options: &Options,
    address: SocketAddr,
) -> Result<Watch, String> {
    let Options { nodes, replicas, .. } = options;
    let words = match options.join.first() {
        None => {
            format!("{nodes} nodes form a ring over UDP and keep {replicas} copies of each item.")
        }
        Some(other) => format!("{nodes} nodes join the ring of {other}. Only they are drawn."),
    };
    let about = About {
        title: "A server".to_owned(),
        words: vec![words],
        is_simulated: false,
        lookups_per_s: 0.0,
        layout: layout::SERVER,
    };
    serve(env, about, address, "")
}

fn serve(
    env: &Environment,
    about: About,
    address: SocketAddr,
    start: &str,
) -> Result<Watch, String> {
    let watch = Watch::start(address, Arc::new(Feed::new(about)))?;
    env.note(format_args!("watch it at {}{start}", watch.url()));
    Ok(watch)
}

/// How a run has ended.
pub(super) fn verdict(outcome: &Outcome) -> Verdict {
    let lookups = &outcome.lookups;
    let text = format!(
        "{} lookups: {} answered correctly, {} incorrectly, {} failed.",
        count(lookups.issued),
        count(lookups.correct),
        count(lookups.incorrect),
        count(lookups.failed)
    );
    let is_good = !outcome.interrupted && lookups.incorrect == 0 && lookups.failed == 0;
    let text = if outcome.interrupted { format!("interrupted; {text}") } else { text };
    Verdict { text, is_good }
}
