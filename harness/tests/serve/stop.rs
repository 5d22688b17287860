//! Starting and stopping.

use std::process::Command;
use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;

use super::{Server, get};

#[test]
fn ctrl_c_ends_what_is_in_progress_and_says_what_was_open() {
    let server = Server::start("--nodes 8");
    let mut c = server.connect();
    get::<String>(&mut c, "SET k v");
    let _idle = server.plain();
    thread::sleep(Duration::from_millis(50));
    let from = WallClock::start();
    server.signal(libc::SIGINT);
    let (status, errors) = server.wait();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(from.elapsed() < Duration::from_secs(5));
    let expected =
        "stopped with 2 connections open and 0 commands in progress, of which 0 did not end";
    assert!(errors.contains(expected), "{errors}");
}

#[test]
fn wrong_arguments_are_refused_with_what_to_write() {
    for (arguments, why) in [
        ("--listen 0.0.0.0:0", "hopwise user add NAME --file FILE"),
        ("--listen 127.0.0.1:0 --metrics 0.0.0.0:9090", "write 127.0.0.1:9090"),
        ("--listen 127.0.0.1:0 --replicas 0", "--replicas 0 is not accepted: write 1 to "),
        ("--listen 127.0.0.1:0 --replicas 200", "--replicas 200 is not accepted: write 1 to "),
        ("--listen 127.0.0.1:0 --nodes 0", "write a whole number, at least 1"),
        ("--listen 127.0.0.1:0 --nodes 1e9", "--nodes 1000000000 is not accepted: write 1 to "),
        ("--listen 127.0.0.1:0 --users /nowhere/users.toml", "/nowhere/users.toml: No such file"),
        ("--listen 192.0.2.1:7379 --users /dev/null", "--listen 192.0.2.1:7379: "),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hopwise"))
            .arg("serve")
            .args(arguments.split(' '))
            .output()
            .expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {errors}");
        assert!(errors.contains(why), "{arguments}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_server_may_have_one_node() {
    let server = Server::start("--nodes 1 --replicas 1");
    let c = &mut server.connect();
    assert_eq!(get::<String>(c, "SET k v"), "OK");
    assert_eq!(get::<String>(c, "GET k"), "v");
    assert_eq!(get::<i64>(c, "INCR n"), 1);
}
