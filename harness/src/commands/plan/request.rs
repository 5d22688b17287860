//! A request for a plan, and what follows from it: conditions, parameters, demands.
//!
//! **Invariant:** a planned request has valid scenarios for all its points.

use core::time::Duration;

use toml::Value as Toml;

use crate::plan::{Axis, Conditions, Demands, Model, Value, arguments};
use crate::scenario::{Subject, duration, value_of};
use crate::systems::Registry;

/// The most nodes of a scenario.
const NODES_MAX: u64 = 1 << 24;
/// The length of the measured phase of the scenario that is written.
const MEASURE: Duration = Duration::from_secs(600);

/// A request for a plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The system to plan.
    pub system: String,
    /// The number of nodes.
    pub nodes: u64,
    /// How long nodes stay: a model with parameters, or `off`.
    pub session: String,
    /// The share of departures that are announced.
    pub graceful: f64,
    /// Lookups that each node starts per second.
    pub lookups_per_node_s: f64,
    /// The delays: a model with parameters.
    pub latency: String,
    /// What must hold.
    pub demands: Demands,
    /// How long simulations may take; zero: there are none.
    pub time: Duration,
    /// The seed of all random choices.
    pub seed: u64,
    /// Values of the scenario, also of parameters, which then do not vary.
    pub set: Vec<(String, String)>,
}

/// A request that can be planned.
#[derive(Debug)]
pub struct Planned {
    /// The model of the system.
    pub model: &'static dyn Model,
    /// What is given.
    pub conditions: Conditions,
    /// The parameters that vary.
    pub axes: Vec<Axis>,
    /// What must hold.
    pub demands: Demands,
    /// The values of the scenario that hold for all points.
    pub overrides: Vec<(String, String)>,
}

impl Request {
    /// Checks the request.
    ///
    /// # Errors
    ///
    /// If a part of it is wrong. The message says what to write instead.
    pub fn planned(&self, registry: &Registry) -> Result<Planned, String> {
        let overrides = self.overrides()?;
        let load = || registry.from_toml("", "plan", &overrides);
        let scenario = load().map_err(|error| self.in_words(&error.to_string()))?;
        let found = registry.find(&scenario.system, Subject::Keys);
        let model = found.and_then(|system| system.model()).ok_or_else(|| {
            let names = registry.schema().system_names();
            let planned: Vec<&str> = names
                .into_iter()
                .filter(|name| {
                    registry.find(name, Subject::Keys).is_some_and(|it| it.model().is_some())
                })
                .collect();
            let planned = planned.join(", ");
            format!("--system {}: it has no model to plan with: write {planned}", scenario.system)
        })?;
        let conditions = Conditions { nodes: self.nodes, scenario };
        let mut axes = model.axes(&conditions);
        let table = Toml::Table(conditions.scenario.to_table());
        for axis in &mut axes {
            let is_it = |(key, _): &(String, String)| registry.schema().meant(key) == axis.key;
            if self.set.iter().any(is_it) {
                axis.values = vec![fixed(&table, &axis.key)?];
            }
        }
        // Nothing is stored, so copies cost nothing, and only a demand on losses decides on them.
        if self.demands.data_loss_per_year.is_none() {
            axes.retain(|axis| axis.key != "ring.replicas");
        }
        Ok(Planned { model, conditions, axes, demands: self.demands, overrides })
    }

    /// The scenario with `parameters` as TOML. It is measured once it has run for `settle_s` seconds.
    ///
    /// # Errors
    ///
    /// Never, if the request was planned.
    pub fn scenario_of(
        &self,
        planned: &Planned,
        parameters: &[(String, Toml)],
        settle_s: f64,
    ) -> Result<String, String> {
        let mut scenario = toml::Table::new();
        for (key, value) in &planned.overrides {
            set(&mut scenario, key, &value_of(value));
        }
        for (key, value) in parameters {
            set(&mut scenario, key, value);
        }
        let time = |time: Duration| Toml::String(duration::text(time));
        set(&mut scenario, "phases.warmup", &time(Duration::from_secs_f64(settle_s.ceil())));
        set(&mut scenario, "phases.measure", &time(MEASURE));
        if let Some(success) = self.demands.success {
            set(&mut scenario, "expect.completed", &Toml::Float(success));
            set(&mut scenario, "expect.correct", &Toml::Float(success));
        }
        let most = if self.nodes > NODES_MAX { ", the most that a run can have" } else { "" };
        let toml = toml::to_string(&scenario).map_err(|error| error.to_string())?;
        Ok(format!(
            "# {} nodes{most}. A smaller run: hopwise run plan.toml --nodes 10000\n{toml}",
            self.nodes.min(NODES_MAX)
        ))
    }

    fn overrides(&self) -> Result<Vec<(String, String)>, String> {
        let latency = arguments::table(
            &self.latency,
            "model",
            "one_way",
            "king, none, constant:50ms or another model of network.latency with its keys, such as \
             uniform:min=10ms,max=90ms",
        );
        let latency = latency.map_err(|why| format!("--latency {}: {why}", self.latency))?;
        let interval = Duration::try_from_secs_f64(1.0 / self.lookups_per_node_s);
        let interval = interval.map_err(|error| format!("--lookups-per-node: {error}"))?;
        let mut overrides = vec![
            ("system".to_owned(), self.system.clone()),
            ("engine".to_owned(), "sim".to_owned()),
            ("check".to_owned(), "false".to_owned()),
            ("nodes".to_owned(), self.nodes.min(NODES_MAX).to_string()),
            ("seed".to_owned(), self.seed.to_string()),
            ("network.latency".to_owned(), latency),
            ("workload.lookup_interval".to_owned(), duration::text(interval)),
            ("churn.graceful".to_owned(), self.graceful.to_string()),
            ("churn.downtime".to_owned(), "none".to_owned()),
        ];
        if self.session == "off" {
            overrides.push(("churn.model".to_owned(), "off".to_owned()));
        } else {
            let session = arguments::table(
                &self.session,
                "distribution",
                "mean",
                "off, exponential:mean=1h, weibull:mean=1h,shape=0.5 or pareto:mean=1h,shape=2",
            );
            let session = session.map_err(|why| format!("--session {}: {why}", self.session))?;
            overrides.push(("churn.model".to_owned(), "sessions".to_owned()));
            overrides.push(("churn.session".to_owned(), session));
        }
        overrides.extend(self.set.iter().cloned());
        Ok(overrides)
    }

    /// The message about a key, with the flag that sets it.
    fn in_words(&self, error: &str) -> String {
        let flags = [
            ("churn.session", "--session", self.session.as_str()),
            ("network.latency", "--latency", &self.latency),
            ("workload.lookup_interval", "--lookups-per-node", ""),
        ];
        let flag = flags.iter().find(|(key, ..)| error.contains(key));
        let is_set = |key: &str| self.set.iter().any(|(set, _)| set.starts_with(key));
        match flag {
            Some((key, flag, text)) if !is_set(key) => {
                format!("{}: {error}", format!("{flag} {text}").trim_end())
            }
            _ => error.to_owned(),
        }
    }
}

/// The value of a parameter that does not vary.
fn fixed(table: &Toml, key: &str) -> Result<Value, String> {
    let mut value = Some(table);
    for word in key.split('.') {
        value = value.and_then(|value| value.get(word));
    }
    let number = |number: i64| u32::try_from(number).ok().map(Value::Whole);
    let read = match value {
        Some(Toml::Integer(whole)) => number(*whole),
        Some(Toml::String(text)) => {
            humantime::parse_duration(text).ok().filter(|time| !time.is_zero()).map(Value::Time)
        }
        _ => None,
    };
    read.ok_or_else(|| format!("--set {key}: a plan needs a period: write one such as 30s"))
}

fn set(table: &mut toml::Table, key: &str, value: &Toml) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value.clone());
        }
        Some((section, rest)) => {
            let empty = || Toml::Table(toml::Table::new());
            if let Toml::Table(inner) = table.entry(section).or_insert_with(empty) {
                set(inner, rest, value);
            }
        }
    }
}
