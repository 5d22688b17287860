//! Messages: what is wrong is answered with the key, the value, the place and what to write
//! instead.
//!
//! **Invariant:** each case names what its message must contain, and every message is one line.

use std::fs;

use super::*;

#[test]
fn wrong_values_are_answered_with_key_value_and_what_is_accepted() {
    let cases: &[(Pairs, &[&str])] = &[
        (&[("nodes", "0")], &["nodes = 0", "from 1 to 16777216"]),
        (&[("nodes", "1"), ("system", "central")], &["nodes = 1", "from 2 to", "the server and"]),
        (&[("nodes", "-1")], &["nodes = -1", "whole number"]),
        (&[("nodes", "many")], &["nodes = \"many\"", "whole number"]),
        (&[("nodes", "2.5")], &["nodes = 2.5", "whole number"]),
        (
            &[("nodes", "16"), ("ring.successors", "16")],
            &["ring.successors = 16", "1 to 15", "less than nodes = 16"],
        ),
        (
            &[("nodes", "4"), ("ring.virtual_nodes", "3"), ("ring.successors", "12")],
            &["ring.successors = 12", "1 to 11", "nodes = 4 times ring.virtual_nodes = 3"],
        ),
        (
            &[("ring.virtual_nodes", "0")],
            &["ring.virtual_nodes = 0", "a whole number from 1 to 128"],
        ),
        (&[("ring.virtual_nodes", "129")], &["ring.virtual_nodes = 129", "from 1 to 128"]),
        (
            &[("ring.virtual_nodes", "2"), ("items.population", "9")],
            &["ring.virtual_nodes = 2", "1 with items"],
        ),
        (
            &[("ring.virtual_nodes", "2"), ("store.population", "9"), ("udp.sockets", "per-node")],
            &["ring.virtual_nodes = 2", "udp.sockets = \"per-core\""],
        ),
        (&[("ring.successors", "0")], &["ring.successors = 0", "at least 1"]),
        (&[("ring.successors", "60")], &["ring.successors = 60", "49 at most", "1472"]),
        (&[("ring.base", "3")], &["ring.base = 3", "a power of two from 2 to 256"]),
        (&[("ring.base", "512")], &["ring.base = 512", "a power of two from 2 to 256"]),
        (&[("ring.lookup", "random")], &["ring.lookup = \"random\"", "\"recursive\" or"]),
        (
            &[("ring.stabilize", "0s")],
            &["ring.stabilize = \"0s\"", "\"off\" or a duration, at least"],
        ),
        (&[("ring.stabilize", "1ns")], &["ring.stabilize = \"1ns\"", "at least \"1ms\""]),
        (&[("ring.fix_fingers", "999us")], &["ring.fix_fingers = \"999us\"", "at least \"1ms\""]),
        (&[FLOODS, ("flood.ping", "1us")], &["flood.ping = \"1us\"", "at least \"1ms\""]),
        (&[("churn.downtime.mean", "1us")], &["churn.downtime.mean = \"1us\"", "at least \"1ms\""]),
        (&[("network.timeout", "99us")], &["network.timeout = \"99us\"", "at least \"100us\""]),
        (
            &[("workload.lookup_interval", "1ns")],
            &["workload.lookup_interval = \"1ns\"", "at least \"100us\""],
        ),
        (&[("workload.deadline", "1us")], &["workload.deadline = \"1us\"", "from \"1ms\""]),
        (&[("ring.fix_fingers", "1")], &["ring.fix_fingers = 1 ", "\"off\" or a duration"]),
        (&[("system", "kad")], &["system = \"kad\"", "\"ring\", \"central\" or \"flood\""]),
        (&[("engine", "tcp")], &["engine = \"tcp\"", "write \"udp\" or \"sim\""]),
        (&[("start", "cold")], &["start = \"cold\"", "\"linked\" or \"joined\""]),
        (&[("seed", "-1")], &["seed = -1", "from 0 to 9223372036854775807"]),
        (&[("check", "true")], &["check = true", "only with system", "engine = \"sim\""]),
        (
            &[("check", "true"), ("engine", "sim"), ("system", "flood")],
            &["check = true", "only with system = \"ring\""],
        ),
        (&[("check", "yes")], &["check = \"yes\"", "or false"]),
        (
            &[FLOODS, ("flood.graph", "file"), ("flood.file", "g.txt"), ("start", "joined")],
            &["start = \"joined\"", "\"linked\"", "flood.graph"],
        ),
        (&[FLOODS, ("flood.ttl", "0")], &["flood.ttl = 0", "from 1 to 32"]),
        (&[FLOODS, ("flood.ttl", "300")], &["flood.ttl = 300", "from 1 to 32"]),
        (&[FLOODS, ("flood.graph", "star")], &["flood.graph = \"star\"", "\"power-law\""]),
        (&[FLOODS, ("flood.graph", "file")], &["flood.file", "the path of a text file"]),
        (&[FLOODS, ("flood.degree", "0.5")], &["flood.degree = 0.5", "from 1 to 4095"]),
        (
            &[FLOODS, ("nodes", "5"), ("flood.degree", "6.0")],
            &["flood.degree = 6.0", "1 to 4 ", "nodes = 5"],
        ),
        (&[FLOODS, ("flood.strategy", "ask")], &["flood.strategy", "\"expanding-ring\""]),
        (&[FLOODS, ("flood.round_wait", "0s")], &["flood.round_wait = \"0s\"", "at least \"1ms\""]),
        (&[FLOODS, ("flood.walkers", "0")], &["flood.walkers = 0", "at least 1"]),
        (
            &[FLOODS, ("nodes", "10"), ("flood.strategy", "random-walk"), ("flood.walkers", "16")],
            &["flood.walkers = 16", "1 to 10", "nodes = 10"],
        ),
        (&[FLOODS, ("flood.walk_ttl", "5000")], &["flood.walk_ttl = 5000", "4096"]),
        (&[FLOODS, ("flood.check_every", "0")], &["flood.check_every = 0", "from 1"]),
        (&[FLOODS, ("flood.ping", "off")], &["flood.ping = \"off\"", "at least \"1ms\""]),
        (&[FLOODS, ("flood.remember", "0s")], &["flood.remember = \"0s\"", "at least \"1ms\""]),
        (&[FLOODS, ("flood.remember_room", "0")], &["flood.remember_room = 0", "from 1"]),
        (&[FLOODS, ("flood.tll", "3")], &["flood.tll = 3", "nearest is flood.ttl"]),
        (&[("items.population", "0")], &["items.population = 0", "from 1 to 1000000"]),
        (&[("items.exponent", "-1")], &["items.exponent = -1", "from 0 to 20"]),
        (&[("items.replicas", "0.5")], &["items.replicas = 0.5", "from 1 to 4096"]),
        (&[("items.replicas", "5000")], &["items.replicas = 5000", "from 1 to 4096"]),
        (
            &[("system", "central"), ("items.replicas", "4096")],
            &["items.replicas = 4096", "from 1 to 4095", "nodes = 4096"],
        ),
        (
            &[("items.population", "1000000"), ("items.replicas", "1000")],
            &["items.replicas = 1000", "268435456 copies", "population"],
        ),
        (&[("items.replication", "even")], &["items.replication = \"even\"", "\"square-root\""]),
        (&[("items.fuzzy", "1.1")], &["items.fuzzy = 1.1", "from 0 to 1"]),
        (&[("items.bytes", "0")], &["items.bytes = 0", "from 1 to 1024"]),
        (&[("items.bytes", "1025")], &["items.bytes = 1025", "from 1 to 1024"]),
        (&[("items.fetch", "maybe")], &["items.fetch = \"maybe\"", "true or false"]),
        (&[("items.refresh", "0s")], &["items.refresh = \"0s\"", "at least \"1ms\""]),
        (&[("store.kind", "indirect")], &["store.kind = \"indirect\"", "\"reference\""]),
        (&[("items.publish", "word")], &["items.publish = \"word\"", "\"words\""]),
        (
            &[("items.references_per_word", "0")],
            &["items.references_per_word = 0", "from 1 to 65536"],
        ),
        (&[("items.publish_within", "1")], &["items.publish_within = 1 ", "a duration"]),
        (
            &[("items.population", "10"), ("workload.keys.distribution", "zipf")],
            &["workload.keys = ", "{ distribution = \"uniform\" }, or nothing", "items.exponent"],
        ),
        (&[("threads", "2000")], &["threads = 2000", "1024"]),
        (&[("name", "../up")], &["name = \"../up\"", "letters, digits"]),
        (&[("udp.datagram", "100")], &["udp.datagram = 100", "576 to 65507"]),
        (&[("udp.bind", "localhost")], &["udp.bind = \"localhost\"", "IPv4 address of this host"]),
        (&[("udp.bind", "224.0.0.1:0")], &["udp.bind = \"224.0.0.1:0\"", "address of this host"]),
        (&[("udp.bind", "255.255.255.255:0")], &["udp.bind", "address of this host"]),
        (&[("udp.bind", "[::1]:4000")], &["udp.bind", "IPv4 address of this host"]),
        (
            &[("udp.bind", "127.0.0.1:65000"), ("udp.sockets", "per-node")],
            &["udp.bind = \"127.0.0.1:65000\"", "a port from 1 to 61440", "4096 sockets"],
        ),
        (&[("nodes", "70000"), ("threads", "1")], &["nodes = 70000", "at most 65535", "threads"]),
        (&[("nodes", "70000"), ("udp.sockets", "per-node")], &["nodes = 70000", "per-core"]),
        (&[("network.loss", "2.0")], &["network.loss = 2.0", "a number from 0 to 1"]),
        (&[("network.loss", "nan")], &["network.loss = nan", "a number from 0 to 1"]),
        (&[("network.duplication", "-0.5")], &["network.duplication = -0.5", "from 0 to 1"]),
        (&[("network.reordering", "1.5")], &["network.reordering = 1.5", "from 0 to 1"]),
        (
            &[("network.latency.model", "matrix")],
            &["network.latency.file = \"\"", "the path of a text file"],
        ),
        (
            &[("network.latency.model", "king"), ("network.latency.file", "hosts.txt")],
            &["network.latency.file", "no meaning", "\"coordinates\" or", "\"matrix\""],
        ),
        (
            &[("network.latency.model", "euclidean"), ("network.latency.side", "0s")],
            &["network.latency.side = \"0s\"", "above zero"],
        ),
        (
            &[
                ("network.latency.model", "matrix"),
                ("network.latency.file", "delays.txt"),
                ("network.latency.unit", "ns"),
            ],
            &["network.latency.unit = \"ns\"", "\"us\", \"ms\" or \"s\""],
        ),
        (
            &[
                ("network.latency.model", "matrix"),
                ("network.latency.file", "delays.txt"),
                ("network.latency.reuse", "random"),
            ],
            &["network.latency.reuse = \"random\"", "\"never\" or \"modulo\""],
        ),
        (&[("network.node_rate", "10")], &["network.node_rate = 10", "engine = \"sim\""]),
        (
            &[("network.node_rate", "0"), ("engine", "sim")],
            &["network.node_rate = 0", "above 0", "leave it out"],
        ),
        (&[("network.node_queue", "3")], &["network.node_queue = 3", "from 4 to 1000000"]),
        (&[("network.timeout", "0s")], &["network.timeout = \"0s\"", "\"adaptive\" or"]),
        (&[("network.latency", "50ms")], &["network.latency = \"50ms\"", "a table such as"]),
        (&[("network.latency.model", "warp")], &["network.latency.model = \"warp\"", "constant"]),
        (
            &[("network.latency.one_way", "5ms")],
            &["network.latency.one_way", "no meaning", "\"none\"", "model = \"constant\""],
        ),
        (
            &[
                ("network.latency.model", "uniform"),
                ("network.latency.min", "5s"),
                ("network.latency.max", "1s"),
            ],
            &["network.latency.min = \"5s\"", "network.latency.max = \"1s\""],
        ),
        (&[("churn.model", "tides")], &["churn.model = \"tides\"", "\"poisson\""]),
        (&[("churn.graceful", "1.5")], &["churn.graceful = 1.5", "from 0 to 1"]),
        (&[("churn.joins_per_s", "-1")], &["churn.joins_per_s = -1", "from 0 to 1e6"]),
        (
            &[
                ("churn.model", "poisson"),
                ("churn.joins_per_s", "0"),
                ("churn.departures_per_s", "0"),
            ],
            &["churn.joins_per_s = 0.0", "not both"],
        ),
        (&[("churn.session.mean", "0s")], &["churn.session.mean = \"0s\"", "at least \"1ms\""]),
        (
            &[("churn.session.shape", "2")],
            &["churn.session.shape = 2", "\"weibull\" or \"pareto\""],
        ),
        (
            &[("churn.downtime.distribution", "pareto"), ("churn.downtime.shape", "1.0")],
            &["churn.downtime.shape = 1.0", "pareto above 1"],
        ),
        (&[("churn.downtime", "never")], &["churn.downtime = \"never\"", "\"none\" or a table"]),
        (&[("workload.lookups_per_s", "0")], &["workload.lookups_per_s = 0", "above 0"]),
        (&[("workload.lookups_per_s", "inf")], &["workload.lookups_per_s = inf", "above 0"]),
        (&[("workload.in_flight", "0")], &["workload.in_flight = 0", "from 1"]),
        (
            &[("workload.in_flight", "8"), ("workload.lookups_per_s", "5")],
            &["workload.in_flight = 8 contradicts workload.lookups_per_s = 5"],
        ),
        (&[("workload.deadline", "61s")], &["workload.deadline = \"1m 1s\"", "to \"1m\""]),
        (&[("workload.keys.exponent", "1")], &["workload.keys.exponent = 1", "\"zipf\""]),
        (
            &[("workload.keys.distribution", "zipf"), ("workload.keys.population", "0")],
            &["workload.keys.population = 0", "from 1"],
        ),
        (&[("phases.measure", "30 parsecs")], &["phases.measure = \"30 parsecs\"", "\"30s\""]),
        (&[("phases.measure", "30")], &["phases.measure = 30 ", "a duration above zero such as"]),
        (&[("phases.measure", "0s")], &["phases.measure = \"0s\"", "above zero"]),
        (&[("phases.lookups", "0")], &["phases.lookups = 0", "from 1 to 1e12"]),
        (&[("phases.lookups", "9000000000000000000")], &["phases.lookups = 9", "from 1 to 1e12"]),
        (&[("phases.warmup", "11 years")], &["phases.warmup = \"11years", "at most 10 years"]),
        (&[("phases.measure", "500 years")], &["phases.measure = \"500years", "at most 10 years"]),
        (
            &[("phases.lookups", "10"), ("workload.lookups_per_s", "1e-9")],
            &["phases.lookups = 10", "at most 0", "lookups_per_s = 1e-9", "over 10 years"],
        ),
        (
            &[("phases.lookups", "100000"), ("workload.lookup_interval", "1 year")],
            &[
                "phases.lookups = 100000",
                "at most 40960",
                "\"1year",
                "nodes = 4096",
                "phases.measure",
            ],
        ),
        (&[("workload.lookups_per_s", "0x")], &["lookups_per_s = \"0x\"", "a number above 0"]),
        (&[("workload.lookups_per_s", "-2x")], &["\"-2x\"", "or a multiple of the capacity"]),
        (&[("workload.lookups_per_s", "1e4x")], &["\"10000x\"", "at most \"1000x\""]),
        (
            &[("workload.lookups_per_s", "3x"), ("engine", "sim")],
            &["workload.lookups_per_s = \"3x\"", "a number of", "or set network.node_rate"],
        ),
        (
            &[("workload.profile", "[{ at = \"1s\", lookups_per_s = \"3x\" }]"), ("engine", "sim")],
            &["workload.profile.0.lookups_per_s = \"3x\"", "or set network.node_rate"],
        ),
        (&[("workload.profile", "[]")], &["workload.profile = []", "at least one table"]),
        (
            &[("workload.profile", "[{ at = \"1s\" }]")],
            &["workload.profile.0 lacks lookups_per_s", "a number from 0"],
        ),
        (
            &[("workload.profile", "[{ lookups_per_s = 1 }]")],
            &["workload.profile.0 lacks at", "a duration"],
        ),
        (
            &[("workload.profile", "[{ at = \"1s\", lookups_per_s = -1 }]")],
            &["workload.profile.0.lookups_per_s = -1.0", "a number from 0 to 1e9"],
        ),
        (
            &[("workload.profile", "[{ at = \"10s\", lookups_per_s = 1 }]")],
            &["workload.profile.0.at = \"10s\"", "below phases.measure = \"10s\""],
        ),
        (
            &[("workload.profile", "[{ at = \"9s\", lookups_per_s = 1, over = \"2s\" }]")],
            &["workload.profile.0.over = \"2s\"", "ends within phases.measure = \"10s\""],
        ),
        (
            &[(
                "workload.profile",
                "[{ at = \"2s\", lookups_per_s = 1 }, { at = \"2s\", lookups_per_s = 2 }]",
            )],
            &["workload.profile.1.at = \"2s\"", "above workload.profile.0.at = \"2s\"", "in order"],
        ),
        (
            &[(
                "workload.profile",
                "[{ at = \"2s\", lookups_per_s = 1, over = \"2s\" }, \
                  { at = \"3s\", lookups_per_s = 2 }]",
            )],
            &["workload.profile.0.over = \"2s\"", "ends by workload.profile.1.at = \"3s\""],
        ),
        (
            &[
                ("workload.profile", "[{ at = \"1s\", lookups_per_s = 1 }]"),
                ("phases.lookups", "10"),
            ],
            &["phases.lookups = 10", "phases.measure instead"],
        ),
        (
            &[
                ("workload.profile", "[{ at = \"1s\", lookups_per_s = 1 }]"),
                ("workload.in_flight", "8"),
            ],
            &["workload.in_flight = 8 contradicts workload.profile = ", "write one of them"],
        ),
        (
            &[
                ("workload.profile", "[{ at = \"1s\", lookups_per_s = 1 }]"),
                ("workload.lookup_interval", "1s"),
            ],
            &["workload.lookup_interval = \"1s\" contradicts workload.profile = "],
        ),
        (
            &[("phases.lookups", "10"), ("workload.lookups_per_s", "0")],
            &["workload.lookups_per_s = 0.0", "a number above 0"],
        ),
        (&[("churn.model", "trace")], &["churn.file", "the path of a text file"]),
        (
            &[("phases.measure", "1s"), ("phases.lookups", "5")],
            &["contradicts", "phases.measure", "phases.lookups = 5"],
        ),
        (&[("expect.correct", "99")], &["expect.correct = 99", "from 0 to 1"]),
        (&[("ring.sucessors", "8")], &["ring.sucessors = 8", "nearest is ring.successors"]),
        (&[("successors", "8")], &["successors = 8", "nearest is ring.successors"]),
        (&[("rnig", "{ base = 2 }")], &["rnig", "nearest is ring"]),
        (&[("network.latency.oneway", "1s")], &["nearest is network.latency.one_way"]),
        (&[("fault.0.kind", "crash")], &["fault.0 lacks fraction or count"]),
        (&[("fault.0.count", "5")], &["fault.0 lacks kind", "\"crash\", \"leave\", \"join\""]),
        (
            &[("fault", "[{ kind = \"leave\", target = \"busiest\", count = 1 }]")],
            &["fault.0.target = \"busiest\" has no meaning", "kind = \"crash\""],
        ),
        (
            &[("fault", "[{ kind = \"crash\", target = \"busiest\", count = 2 }]")],
            &["fault.0.target = \"busiest\"", "fault.0.count = 1", "only one node"],
        ),
        (
            &[("fault", "[{ kind = \"crash\", target = \"busiest\", fraction = 0.5 }]")],
            &["fault.0.target = \"busiest\"", "fault.0.count = 1", "only one node"],
        ),
        (
            &[("fault", "[{ kind = \"crash\", target = \"idlest\", count = 1 }]")],
            &["fault.0.target = \"idlest\"", "\"random\" or \"busiest\""],
        ),
        (
            &[(
                "fault",
                "[{ kind = \"return\", count = 1 }, { kind = \"crash\", count = 1, at = \"1s\" }]",
            )],
            &["fault.0.kind = \"return\"", "earlier fault of kind \"crash\""],
        ),
        (&[("fault.kind", "crash")], &["fault = ", "[[fault]] tables"]),
        (&[("fault.7.kind", "crash")], &["fault.7.kind", "an index from 0 to 0"]),
        (
            &[("fault", "[{ kind = \"crash\", fraction = 1.5 }]")],
            &["fault.0.fraction = 1.5", "from 0 to 1"],
        ),
        (
            &[("fault", "[{ kind = \"crash\", fraction = 0.5, count = 3 }]")],
            &["fault.0.count = 3 contradicts fault.0.fraction = 0.5"],
        ),
        (
            &[("fault", "[{ kind = \"crash\", count = 5000 }]")],
            &["fault.0.count = 5000", "from 1 to 4095", "the last one stays"],
        ),
        (
            &[("fault", "[{ kind = \"leave\", count = 5 }, { kind = \"crash\", count = 4091 }]")],
            &["fault.1.count = 4091", "from 1 to 4090", "4091 nodes are up then"],
        ),
        (
            &[
                ("nodes", "2"),
                ("system", "central"),
                ("fault", "[{ kind = \"leave\", count = 1 }]"),
            ],
            &["fault.0.kind = \"leave\"", "\"join\", or more nodes", "only one is up then"],
        ),
        (
            &[("nodes", "2"), ("threads", "2"), ("fault", "[{ kind = \"crash\", count = 1 }]")],
            &["threads = 2", "1 at most", "faults leave 1 node", "each thread keeps one"],
        ),
        (
            &[
                ("engine", "sim"),
                (
                    "fault",
                    "[{ kind = \"join\", count = 9000000 }, { kind = \"join\", fraction = 1.0 }]",
                ),
            ],
            &["fault.1.fraction = 1.0", "18008192 nodes", "16777216 are the most"],
        ),
        (
            &[("fault", "[{ at = \"10s\", kind = \"crash\", count = 5 }]")],
            &["fault.0.at = \"10s\"", "below phases.measure = \"10s\""],
        ),
        (
            &[("fault", "[{ at = \"8s\", over = \"3s\", kind = \"join\", count = 5 }]")],
            &["fault.0.over = \"3s\"", "ends within phases.measure = \"10s\""],
        ),
    ];
    let mut astray = Vec::new();
    for (pairs, fragments) in cases {
        let error = with(pairs).expect_err(&format!("{pairs:?} is impossible")).to_string();
        let is_missing = |fragment: &&&str| !error.contains(**fragment);
        let missing: Vec<_> = fragments.iter().filter(is_missing).collect();
        if !missing.is_empty() || error.contains('\n') {
            astray.push(format!("{pairs:?}: no {missing:?} in {error:?}"));
        }
    }
    assert!(astray.is_empty(), "{astray:#?}");
}

#[test]
fn a_message_about_a_file_names_the_line() {
    let text =
        "nodes = 64\n\n[ring]\nbase = 2\nsuccessors = 64\n[[fault]]\nkind = \"hail\"\ncount = 1\n";
    let folder = std::env::temp_dir().join(format!("hopwise-lines-{}", std::process::id()));
    let file = folder.join("my.toml");
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let place = |text: &str, pairs: &[(&str, &str)]| {
        fs::write(&file, text).expect("the temporary folder can be written");
        let error = schema().load(file.to_str().expect("it is UTF-8"), &overrides(pairs));
        let error = error.expect_err("there is something wrong").to_string();
        error.replace(&folder.display().to_string(), "").replace("/my.toml", "my.toml")
    };
    let starts = |text: &str, pairs: &[(&str, &str)], start: &str| {
        let error = place(text, pairs);
        assert!(error.starts_with(start), "{error}");
    };
    starts(text, &[], "my.toml:7: fault.0.kind = \"hail\"");
    let hail = [("fault.0.kind", "join")];
    starts(text, &hail, "my.toml:5: ring.successors = 64");
    starts(&text.replace("base", "bass"), &hail, "my.toml:4: ring.bass = 2: there is no such key");
    starts("nodes = 64\nnodes = 65\n", &[], "my.toml:2: not TOML: duplicate key");
    starts("nodes = 8\nring.successors = 16", &[], "my.toml:2: ring.successors = 16");
    starts(text, &[("nodes", "0"), hail[0]], "nodes = 0 is not accepted");
    fs::remove_dir_all(folder).expect("it is ours");
}

#[test]
fn the_error_for_an_unknown_scenario_names_the_known_ones() {
    let error = |source| schema().load(source, &[]).expect_err(source).to_string();
    let unknown = error("stedy");
    assert!(unknown.contains("no scenario \"stedy\", the nearest is \"steady\""), "{unknown}");
    assert!(BUILT_IN.iter().all(|named| unknown.contains(named.name)), "{unknown}");
    let missing = error("no/such/file.toml");
    assert!(missing.starts_with("no/such/file.toml: cannot be read"), "{missing}");
}
