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

#[test]
fn every_value_outlives_the_crash_of_a_third_of_the_nodes() {
    let server = Server::start("--nodes 60 --replicas 5 --threads 2");
    let c = &mut server.connect();
    for at in 0..200 {
        assert_eq!(get::<String>(c, &format!("SET k{at} v{at}")), "OK");
    }
    assert_eq!(get::<u32>(c, "HOPWISE.CRASH 20 OVER 10"), 20);
    // Reads go on meanwhile; those that find no owner say so, and none finds another value.
    let from = WallClock::start();
    let (mut read, mut refused) = (0, 0);
    while from.elapsed() < Duration::from_secs(12) {
        for at in (0..200).step_by(7) {
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
    assert!(read > refused, "{read} read, {refused} refused");
    let info = get::<String>(c, "INFO");
    assert!(info.contains("\r\nnodes:40\r\n"), "{info}");
    let crashed = WallClock::start();
    for at in 0..200 {
        let value: Option<String> = get_once_healed(c, &format!("GET k{at}"), &crashed);
        assert_eq!(value, Some(format!("v{at}")));
    }
    for at in 0..200 {
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
