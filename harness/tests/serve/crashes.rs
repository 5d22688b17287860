//! Nodes crash, and values stay.

use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;
use redis::{Connection, FromRedisValue, RedisError};

use super::{Server, ask, error, get};

/// The nodes that are left own all keys again by this time after the last crash, also on a busy machine, on
/// which a node often does not answer in time.
const HEALING: Duration = Duration::from_secs(60);

/// Whether a command was refused because no owner of the key could answer.
fn is_refused(why: &RedisError) -> bool {
    let why = why.to_string().to_lowercase();
    why.contains("clusterdown") || why.contains("tryagain")
}

/// Sends a command, again while it is refused, but not for longer than [`HEALING`] after `crashed`.
fn get_once_healed<T: FromRedisValue>(
    connection: &mut Connection,
    line: &str,
    crashed: &WallClock,
) -> T {
    loop {
        match ask(connection, line) {
            Ok(value) => return value,
            Err(why) if is_refused(&why) && crashed.elapsed() < HEALING => {}
            Err(why) => panic!("{line}: {why}"),
        }
    }
}

/// The items of all nodes, with copies.
fn items(server: &Server) -> u32 {
    let page = server.metrics_page();
    let lines = page.lines().filter(|line| line.starts_with("hopwise_items{"));
    let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok());
    counts.sum()
}

/// A third of the nodes crash, but never all nodes that keep the same key before one of them has copied
/// it on: what they all keep is lost, as the store says. If twenty of sixty nodes crash within ten seconds,
/// five that follow each other are among them in about one run of six. Nodes that answer in time are missed
/// within two seconds, so that one of the five has copied the keys on by then, but on a busy machine they
/// are missed later.
#[test]
fn every_value_outlives_the_crash_of_a_third_of_the_nodes() {
    const KEYS: u32 = 200;
    const REPLICAS: u32 = 5;
    let server = Server::start("--nodes 60 --replicas 5 --threads 2");
    let c = &mut server.connect();
    for at in 0..KEYS {
        assert_eq!(get::<String>(c, &format!("SET k{at} v{at}")), "OK");
    }
    let (mut read, mut refused) = (0, 0);
    for round in 1..=5 {
        let crashing = REPLICAS - 1;
        assert_eq!(get::<u32>(c, &format!("HOPWISE.CRASH {crashing} OVER 1")), crashing);
        // Reads go on meanwhile; those that find no owner say so, and none finds another value.
        let from = WallClock::start();
        while from.elapsed() < Duration::from_secs(2) {
            for at in (0..KEYS).step_by(7) {
                match ask::<Option<String>>(c, &format!("GET k{at}")) {
                    Ok(value) => {
                        assert_eq!(value, Some(format!("v{at}")));
                        read += 1;
                    }
                    Err(why) => {
                        assert!(is_refused(&why), "{why}");
                        refused += 1;
                    }
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        let info = get::<String>(c, "INFO");
        let left = 60 - round * crashing;
        assert!(info.contains(&format!("\r\nnodes:{left}\r\n")), "{info}");
        let crashed = WallClock::start();
        for at in 0..KEYS {
            let value: Option<String> = get_once_healed(c, &format!("GET k{at}"), &crashed);
            assert_eq!(value, Some(format!("v{at}")));
        }
        // Now each key has an owner that is ready. It copies the key to those that keep it from now on.
        while items(&server) != KEYS * REPLICAS && crashed.elapsed() < HEALING {
            thread::sleep(Duration::from_millis(100));
        }
        // A copy that no owner needs any more may stay for a while.
        let copies = items(&server);
        assert!(copies >= KEYS * REPLICAS, "round {round}: {copies} copies");
    }
    assert!(read > refused, "{read} read, {refused} refused");
    let crashed = WallClock::start();
    for at in 0..KEYS {
        let done: String = get_once_healed(c, &format!("SET k{at} w{at}"), &crashed);
        assert_eq!(done, "OK");
    }
    assert_eq!(get::<u32>(c, "DEL k0 k1 k2"), 3);
}

#[test]
fn some_nodes_always_stay() {
    let server = Server::start("--nodes 8 --threads 2");
    let c = &mut server.connect();
    assert!(error(c, "HOPWISE.CRASH 7").contains("at most 6 nodes can crash"));
    assert!(error(c, "HOPWISE.CRASH -1").contains("not an integer"));
    assert_eq!(get::<u32>(c, "HOPWISE.CRASH 6"), 6);
    assert!(error(c, "HOPWISE.CRASH 1").contains("at most 0 nodes can crash"));
    // Every command ends, whatever has crashed.
    let from = WallClock::start();
    for at in 0..20 {
        let _ = ask::<String>(c, &format!("SET k{at} v"));
        assert_eq!(get::<String>(c, "PING"), "PONG");
        if from.elapsed() > Duration::from_secs(15) {
            break;
        }
    }
}
