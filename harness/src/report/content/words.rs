//! A scenario in words, from its resolved values.
//!
//! **Invariant:** what is not understood is left out, never guessed.

use toml::{Table, Value};

use crate::report::units::{count, number};

/// The value at a dotted path.
pub(super) fn at<'a>(scenario: &'a Table, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let mut value = scenario.get(keys.next()?)?;
    for key in keys {
        value = value.get(key)?;
    }
    Some(value)
}

/// The text at a path.
pub(super) fn text<'a>(scenario: &'a Table, path: &str) -> Option<&'a str> {
    at(scenario, path)?.as_str()
}

/// The number at a path.
pub(super) fn value(scenario: &Table, path: &str) -> Option<f64> {
    let value = at(scenario, path)?;
    value.as_float().or_else(|| value.as_integer().map(|it| it as f64))
}

/// The time at a path, in seconds.
pub(super) fn seconds(value: &Value) -> Option<f64> {
    humantime::parse_duration(value.as_str()?).ok().map(|it| it.as_secs_f64())
}

/// The scenario in sentences.
pub(crate) fn sentences(scenario: &Table) -> Vec<String> {
    [nodes(scenario), network(scenario), load(scenario), churn(scenario), faults(scenario)]
        .into_iter()
        .flatten()
        .collect()
}

fn nodes(scenario: &Table) -> Option<String> {
    let nodes = count(value(scenario, "nodes")? as u64);
    let start = match text(scenario, "start") {
        Some("joined") => ", all joined through the protocol",
        _ => "",
    };
    let engine = match text(scenario, "engine")? {
        "sim" => "in the simulator",
        "udp" => "over UDP on this machine",
        other => return Some(format!("{nodes} nodes in engine {other}.")),
    };
    let system = match text(scenario, "system")? {
        "ring" => {
            let ring = |key: &str| value(scenario, &format!("ring.{key}")).unwrap_or_default();
            format!("a ring (base {}, {} successors)", ring("base"), ring("successors"))
        }
        "central" => "a central index and its clients".to_owned(),
        "flood" => "a flooding overlay".to_owned(),
        other => format!("system {other}"),
    };
    Some(format!("{nodes} nodes form {system}, {engine}{start}."))
}

fn network(scenario: &Table) -> Option<String> {
    let latency = at(scenario, "network.latency")?.as_table()?;
    let part = |key: &str| latency.get(key).map(plain);
    let delay = match latency.get("model")?.as_str()? {
        "none" => None,
        "constant" => Some(format!("{} one way", part("one_way")?)),
        model => Some(format!("{model} delays")),
    };
    let loss = value(scenario, "network.loss").filter(|loss| *loss > 0.0);
    let loss = loss.map(|loss| format!("{} of messages are lost", percent(loss)));
    match (delay, loss) {
        (None, None) => None,
        (Some(delay), None) => Some(format!("The network adds {delay}.")),
        (None, Some(loss)) => Some(format!("{loss}.")),
        (Some(delay), Some(loss)) => Some(format!("The network adds {delay}, and {loss}.")),
    }
}

fn load(scenario: &Table) -> Option<String> {
    let what = match text(scenario, "store.operations") {
        Some("get") => "reads of stored values",
        Some("put") => "writes of values",
        Some(_) => "reads and writes of values",
        None if value(scenario, "items.per_node").is_some_and(|it| it > 0.0) => "queries for items",
        None => "lookups",
    };
    let rate = match at(scenario, "workload.lookup_interval") {
        Some(interval) => format!("each node starts one every {}", plain(interval)),
        None => {
            let rate = at(scenario, "workload.lookups_per_s")?;
            let rate = rate.as_float().map_or_else(|| plain(rate), number);
            let of = if rate.ends_with('x') { " the capacity" } else { " per second" };
            format!("{rate}{of} in all")
        }
    };
    let measured = text(scenario, "phases.measure").map(|it| format!(", measured for {it}"));
    Some(format!("The load is {what}: {rate}{}.", measured.unwrap_or_default()))
}

fn churn(scenario: &Table) -> Option<String> {
    let rate = |key: &str| value(scenario, &format!("churn.{key}")).unwrap_or_default();
    match text(scenario, "churn.model")? {
        "poisson" => Some(format!(
            "{} nodes join and {} depart per second.",
            number(rate("joins_per_s")),
            number(rate("departures_per_s"))
        )),
        "sessions" => {
            let session = at(scenario, "churn.session")?;
            let (distribution, mean) = (session.get("distribution")?, session.get("mean")?);
            let announced = percent(rate("graceful"));
            Some(format!(
                "Sessions last {} on average ({}); {announced} of departures are announced.",
                plain(mean),
                plain(distribution)
            ))
        }
        "trace" => Some("Nodes come and go as a trace says.".to_owned()),
        _ => None,
    }
}

fn faults(scenario: &Table) -> Option<String> {
    let faults = at(scenario, "fault")?.as_array()?;
    let texts: Vec<String> = faults.iter().filter_map(Value::as_table).filter_map(fault).collect();
    if texts.is_empty() {
        return None;
    }
    Some(format!("Faults, from the start of the measured phase: {}.", texts.join("; ")))
}

/// `at 5s, 30 % crash`.
pub(super) fn fault(fault: &Table) -> Option<String> {
    let (kind, at) = (fault.get("kind")?.as_str()?, fault.get("at").map(plain)?);
    Some(format!("at {at}, {}", fault_of(fault, kind)))
}

/// `30 % crash`.
pub(super) fn fault_of(fault: &Table, kind: &str) -> String {
    let share = fault.get("fraction").and_then(Value::as_float);
    let number_of = fault.get("count").and_then(Value::as_integer);
    let is_busiest = fault.get("target").and_then(Value::as_str) == Some("busiest");
    let who = match (share, number_of) {
        (_, Some(1)) if is_busiest => return format!("{kind} of the busiest node"),
        (Some(share), _) => format!("{} of the nodes", percent(share)),
        (None, Some(nodes)) => format!("{} nodes", count(nodes.unsigned_abs())),
        (None, None) => return partition(fault, kind).unwrap_or_else(|| kind.to_owned()),
    };
    format!("{kind} of {who}")
}

/// `partition into groups of 50 %, 30 %`, `partition beyond 30ms`.
fn partition(fault: &Table, kind: &str) -> Option<String> {
    if let Some(beyond) = fault.get("beyond") {
        return Some(format!("{kind} beyond {}", plain(beyond)));
    }
    let shares = fault.get("groups")?.as_array()?.iter().filter_map(Value::as_float);
    Some(format!("{kind} into groups of {}", shares.map(percent).collect::<Vec<_>>().join(", ")))
}

/// A value without quotation marks, and a number without digits that say nothing.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// A share in percent, without digits that say nothing: `30 %`, `0.25 %`.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_becomes_sentences() {
        let scenario: Table = "
            system = 'ring'
            engine = 'sim'
            nodes = 4096
            start = 'linked'
            ring = { base = 2, successors = 16 }
            network = { latency = { model = 'constant', one_way = '50ms' }, loss = 0.01 }
            workload = { lookups_per_s = 1000.0 }
            phases = { measure = '20s' }
            churn = { model = 'sessions', graceful = 0.5, session = { distribution = 'weibull', mean = '1h' } }
            [[fault]]
            at = '5s'
            kind = 'crash'
            fraction = 0.3
            [[fault]]
            at = '9s'
            kind = 'crash'
            count = 1
            target = 'busiest'
        "
        .parse()
        .expect("it is a table");
        assert_eq!(
            sentences(&scenario),
            [
                "4,096 nodes form a ring (base 2, 16 successors), in the simulator.",
                "The network adds 50ms one way, and 1 % of messages are lost.",
                "The load is lookups: 1,000 per second in all, measured for 20s.",
                "Sessions last 1h on average (weibull); 50 % of departures are announced.",
                "Faults, from the start of the measured phase: at 5s, crash of 30 % of the nodes; \
                 at 9s, crash of the busiest node.",
            ]
        );
        assert_eq!(sentences(&Table::new()), Vec::<String>::new());
    }
}
