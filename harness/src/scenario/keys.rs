//! Every key a scenario may hold, and what each accepts, in words.
//!
//! Error messages are written from this table, so that a wrong type, a wrong value and a wrong
//! word are all answered by the same sentence.
//!
//! **Invariant:** a key is listed here if and only if [`Scenario`](super::Scenario) has it.

/// One key.
pub(super) struct Key {
    /// Dotted, without the index of a list: `fault.at`.
    pub(super) path: &'static str,
    /// What may be written, to follow "write".
    pub(super) accepted: &'static str,
    /// The choice this key is a detail of, if any.
    pub(super) detail_of: Option<Choice>,
}

/// A sibling key, and which of its values a detail belongs to.
pub(super) struct Choice {
    /// The sibling's name: `model`.
    pub(super) name: &'static str,
    /// Its value where none is written.
    pub(super) default: &'static str,
    /// The values that have this detail.
    pub(super) values: &'static [&'static str],
}

/// Groups of keys of which at most one may be written.
pub(super) const ALTERNATIVES: [&[&str]; 3] = [
    &["workload.lookups_per_s", "workload.lookup_interval", "workload.in_flight"],
    &["phases.measure", "phases.lookups"],
    &["fault.fraction", "fault.count"],
];

/// All keys, tables included.
pub(super) const KEYS: &[Key] = &[
    key("name", "letters, digits, '-', '_' and '.', 64 at most and not a '.' first"),
    key("system", "\"ring\", \"central\" or \"flood\""),
    key("engine", "\"udp\" or \"sim\""),
    key("nodes", "a whole number from 2 to 16777216"),
    key("seed", "a whole number from 0 to 9223372036854775807"),
    key("start", "\"linked\" or \"joined\""),
    key("threads", "a whole number from 0 (one per core) to 1024"),
    key("wire", "true or false"),
    key("check", "true (only with system = \"ring\" and engine = \"sim\") or false"),
    key("udp", TABLE),
    key("udp.sockets", "\"per-core\" or \"per-node\""),
    key("udp.bind", "an IPv4 address and port such as \"127.0.0.1:4000\"; port 0 is any free one"),
    key("udp.datagram", "bytes, a whole number from 576 to 65507"),
    key("udp.pin", "true or false"),
    key("ring", TABLE),
    key("ring.base", "a power of two from 2 to 256"),
    key("ring.successors", "a whole number, at least 1 and less than nodes"),
    key("ring.lookup", "\"recursive\" or \"iterative\""),
    key("ring.stabilize", OFF_OR_DURATION),
    key("ring.fix_fingers", OFF_OR_DURATION),
    key("ring.remember_failures", "true or false"),
    key("ring.replicas", "a whole number from 1 to 16"),
    key("flood", TABLE),
    key("flood.graph", "\"random\", \"power-law\" or \"file\""),
    key("flood.degree", "a number, at least 1 and less than nodes"),
    key("flood.file", "the path of a text file with an edge per line: two peers, from 0"),
    key("flood.ttl", "a whole number from 1 to 32"),
    key("flood.strategy", "\"flood\", \"expanding-ring\" or \"random-walk\""),
    key("flood.round_wait", DURATION_ABOVE_ZERO),
    key("flood.walkers", "a whole number, at least 1 and at most nodes"),
    key("flood.walk_ttl", "a whole number from 1 to 4096"),
    key("flood.check_every", "a whole number from 1 to 65535"),
    key("flood.ping", DURATION_ABOVE_ZERO),
    key("flood.remember", DURATION_ABOVE_ZERO),
    key("flood.remember_room", "a whole number from 1 to 65536"),
    key("items", TABLE),
    key("items.population", "a whole number from 1 to 1000000"),
    key("items.exponent", "a number from 0 to 20"),
    key("items.replicas", "a number, at least 1 and at most as many as there are who share"),
    key("items.replication", "\"uniform\", \"proportional\" or \"square-root\""),
    key("items.fuzzy", SHARE),
    key("items.bytes", "a whole number from 1 to 1024"),
    key("items.fetch", "true or false"),
    key("items.refresh", DURATION_ABOVE_ZERO),
    key("items.publish_within", DURATION),
    key("network", TABLE),
    key("network.latency", "a table such as { model = \"constant\", one_way = \"50ms\" }"),
    key(
        "network.latency.model",
        "\"none\", \"constant\", \"uniform\", \"exponential\", \"euclidean\", \"king\", \
         \"coordinates\" or \"matrix\"",
    ),
    detail("network.latency.one_way", DURATION, LATENCY, &["constant"]),
    detail("network.latency.min", DURATION, LATENCY, &["uniform"]),
    detail("network.latency.max", DURATION, LATENCY, &["uniform"]),
    detail("network.latency.mean", DURATION, LATENCY, &["exponential"]),
    detail("network.latency.side", DURATION_ABOVE_ZERO, LATENCY, &["euclidean"]),
    detail("network.latency.base", DURATION, LATENCY, &["euclidean"]),
    detail("network.latency.file", HOST_FILE, LATENCY, HOST_FILES),
    detail("network.latency.unit", "\"us\", \"ms\" or \"s\"", LATENCY, HOST_FILES),
    detail("network.latency.reuse", "\"never\" or \"modulo\"", LATENCY, HOST_FILES),
    key("network.loss", SHARE),
    key("network.duplication", SHARE),
    key("network.reordering", SHARE),
    key("network.timeout", "\"adaptive\" or a duration above zero such as \"500ms\""),
    key("churn", TABLE),
    key("churn.model", "\"off\", \"poisson\", \"sessions\" or \"trace\""),
    key("churn.file", "the path of a text file with lines of time, node, and up or down"),
    key("churn.joins_per_s", RATE_OR_ZERO),
    key("churn.departures_per_s", RATE_OR_ZERO),
    key("churn.session", LENGTHS_TABLE),
    key("churn.session.distribution", LENGTHS_DISTRIBUTION),
    key("churn.session.mean", DURATION_ABOVE_ZERO),
    detail("churn.session.shape", SHAPE, LENGTHS, &["weibull", "pareto"]),
    key(
        "churn.downtime",
        "\"none\" or a table such as { distribution = \"exponential\", mean = \"1h\" }",
    ),
    key("churn.downtime.distribution", LENGTHS_DISTRIBUTION),
    key("churn.downtime.mean", DURATION_ABOVE_ZERO),
    detail("churn.downtime.shape", SHAPE, LENGTHS, &["weibull", "pareto"]),
    key("churn.graceful", SHARE),
    key("churn.rejoin", "\"new-id\" or \"same-id\""),
    key("workload", TABLE),
    key("workload.lookups_per_s", "a number above 0, at most 1e9"),
    key("workload.lookup_interval", DURATION_ABOVE_ZERO),
    key("workload.in_flight", "a whole number from 1 to 16777216"),
    key("workload.deadline", "a duration above zero, at most \"1m\""),
    key("workload.keys", "a table such as { distribution = \"uniform\" }"),
    key("workload.keys.distribution", "\"uniform\" or \"zipf\""),
    detail("workload.keys.exponent", "a number from 0 to 20", UNIFORM_KEYS, &["zipf"]),
    detail("workload.keys.population", "a whole number from 1 to 1e15", UNIFORM_KEYS, &["zipf"]),
    key("phases", TABLE),
    key("phases.warmup", "a duration such as \"30s\", at most 10 years"),
    key("phases.measure", "a duration above zero such as \"30s\" or \"1h\", at most 10 years"),
    key("phases.lookups", "a whole number from 1 to 1e12"),
    key("expect", TABLE),
    key("expect.completed", SHARE),
    key("expect.correct", SHARE),
    key("expect.failed", SHARE),
    key("fault", "[[fault]] tables, each with at, kind, and fraction or count"),
    key("fault.at", DURATION),
    key("fault.over", DURATION),
    key("fault.kind", "\"crash\", \"leave\", \"join\" or \"return\""),
    detail("fault.target", "\"random\" or \"busiest\"", ("kind", ""), &["crash"]),
    key("fault.fraction", SHARE),
    key("fault.count", "a whole number, at least 1"),
];

/// The key at a dotted path without indices.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The known key most like `path`: in full, or in its last word if only the table is wrong.
pub(super) fn nearest(path: &str) -> &'static str {
    let likeness = |key: &Key| {
        let whole = strsim::normalized_damerau_levenshtein(path, key.path);
        let word = strsim::normalized_damerau_levenshtein(last(path), last(key.path));
        whole.max(0.9 * word)
    };
    KEYS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map_or("", |key| key.path)
}

/// The last word of a dotted path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

const TABLE: &str = "a table";
const SHARE: &str = "a number from 0 to 1";
const RATE_OR_ZERO: &str = "a number from 0 to 1e6, not both joins and departures 0";
const DURATION: &str = "a duration such as \"500ms\", \"30s\" or \"1h\"";
const DURATION_ABOVE_ZERO: &str = "a duration above zero such as \"500ms\", \"30s\" or \"1h\"";
const OFF_OR_DURATION: &str = "\"off\" or a duration above zero such as \"500ms\" or \"1s\"";
const HOST_FILE: &str = "the path of a text file with delays (matrix) or places (coordinates)";
const LENGTHS_TABLE: &str = "a table such as { distribution = \"exponential\", mean = \"1h\" }";
const LENGTHS_DISTRIBUTION: &str = "\"exponential\", \"weibull\" or \"pareto\"";
const SHAPE: &str = "a number: weibull from 0.1 to 100, pareto above 1 to 100";

const LATENCY: (&str, &str) = ("model", "none");
const HOST_FILES: &[&str] = &["coordinates", "matrix"];
const LENGTHS: (&str, &str) = ("distribution", "exponential");
const UNIFORM_KEYS: (&str, &str) = ("distribution", "uniform");

const fn key(path: &'static str, accepted: &'static str) -> Key {
    Key { path, accepted, detail_of: None }
}

const fn detail(
    path: &'static str,
    accepted: &'static str,
    (name, default): (&'static str, &'static str),
    values: &'static [&'static str],
) -> Key {
    Key { path, accepted, detail_of: Some(Choice { name, default, values }) }
}
