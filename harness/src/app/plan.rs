//! The arguments of `hopwise plan`.
//!
//! **Invariant:** nothing is planned here.

use core::time::Duration;

use clap::Args;

use super::values::assignment;
use crate::commands::options::RunOptions;
use crate::commands::plan::Request;
use crate::plan::{Demands, arguments};

/// The longest time for simulations.
const TIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// `hopwise plan`.
#[derive(Args, Debug)]
#[command(mut_arg("json", |json| json.help("Write the plan as JSON to a file, or with - to standard \
    output instead of the text")))]
#[command(mut_arg("out", |out| out.help("The folder for the results [default: results/runs/TIME-plan]")))]
pub struct Plan {
    /// The number of nodes, from 100 to 1e9
    #[arg(long, value_name = "N", value_parser = arguments::nodes)]
    nodes: u64,
    /// How long nodes stay: exponential:mean=1h, weibull:mean=1h,shape=0.5, pareto:mean=1h,shape=2, or off
    #[arg(long, value_name = "MODEL", default_value = "exponential:mean=1h")]
    session: String,
    /// The share of departures that are announced; the others are crashes
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = arguments::share)]
    graceful: f64,
    /// How often each node looks up a key
    #[arg(long, value_name = "RATE", default_value = "0.1/s", value_parser = arguments::per_second)]
    lookups_per_node: f64,
    /// The delays between nodes: king (the Internet), constant:50ms, or another model of network.latency
    #[arg(long, value_name = "MODEL", default_value = "king")]
    latency: String,
    /// The most maintenance traffic of a node, such as 20B/s
    #[arg(long, value_name = "BYTES/TIME", value_parser = arguments::bytes_per_second)]
    budget: Option<f64>,
    /// The least share of lookups with a correct answer, such as 99.9%
    #[arg(long, value_name = "SHARE", value_parser = arguments::share)]
    success: Option<f64>,
    /// The greatest 99th percentile of the latency of a lookup, such as 1s
    #[arg(long, value_name = "D", value_parser = arguments::seconds)]
    p99: Option<f64>,
    /// The most memory of a node, such as 4KiB
    #[arg(long, value_name = "BYTES", value_parser = arguments::bytes)]
    memory: Option<f64>,
    /// The greatest probability that a stored item is lost, such as 1e-9/year. Decides on ring.replicas
    #[arg(long, value_name = "P/TIME", value_parser = arguments::per_year)]
    data_loss: Option<f64>,
    /// The system to plan
    #[arg(long, value_name = "S", default_value = "ring")]
    system: String,
    /// How long simulations may take; 0s: the model alone answers
    #[arg(long, value_name = "D", default_value = "60s", value_parser = time)]
    time: Duration,
    /// The seed of all random choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Set any value of the scenario. A parameter that is set, such as ring.base=16, does not vary
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    options: RunOptions,
}

impl Plan {
    /// The request.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            system: self.system.clone(),
            nodes: self.nodes,
            session: self.session.clone(),
            graceful: self.graceful,
            lookups_per_node_s: self.lookups_per_node,
            latency: self.latency.clone(),
            demands: Demands {
                bytes_per_node_s: self.budget,
                success: self.success,
                p99_s: self.p99,
                memory_bytes: self.memory,
                data_loss_per_year: self.data_loss,
            },
            time: self.time,
            seed: self.seed,
            set: self.set.clone(),
        }
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}

/// Time for simulations.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok().filter(|time| *time <= TIME_MAX);
    time.ok_or_else(|| "write a duration from 0s to 24h, such as 60s".to_owned())
}
