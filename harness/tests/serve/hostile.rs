//! Clients that mean no good, or know no better.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{Server, get};

#[test]
fn what_is_no_request_is_refused_and_the_connection_closes() {
    let server = Server::start("--nodes 8");
    for (bytes, why) in [
        (&b"*1\r\n$99999999\r\n"[..], "invalid bulk length"),
        (b"*99999999\r\n", "invalid multibulk length"),
        (b"*-99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        (b"*1\r\n:1\r\n", "expected '$', got ':'"),
        (b"SET k \"unbalanced\r\n", "unbalanced quotes in request"),
    ] {
        let mut plain = server.plain();
        plain.send(b"PING\r\n");
        plain.send(bytes);
        let all = plain.rest();
        assert_eq!(all, format!("+PONG\r\n-ERR Protocol error: {why}\r\n"));
    }
    let mut endless = server.plain();
    // The server may close before it has read all.
    let _ = endless.0.get_mut().write_all(&[b'x'; 100_000]);
    assert!(endless.rest().contains("too big request"));
    assert_eq!(get::<String>(&mut server.connect(), "PING"), "PONG");
}

#[test]
fn a_thousand_clients_that_send_garbage_or_never_finish_do_no_harm() {
    let server = Server::start("--nodes 32 --threads 2");
    let mut rng = 1u64;
    let mut random = move || {
        rng = rng.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (rng >> 33) as usize
    };
    let big = [b"*2\r\n$3\r\nGET\r\n$32000\r\n".to_vec(), vec![b'x'; 31_000]].concat();
    let before = server.peak_kib();
    let mut clients = Vec::new();
    for at in 0..1000 {
        let mut client = TcpStream::connect(server.address).expect("it accepts");
        let bytes = match at % 4 {
            0 => (0..200).map(|_| random() as u8).collect(),
            1 => b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nhal".to_vec(),
            2 => big.clone(),
            _ => b"PING".to_vec(),
        };
        // Some are disconnected before they have said all.
        let _ = client.write_all(&bytes);
        clients.push(client);
    }
    let c = &mut server.connect();
    for at in 0..100 {
        assert_eq!(get::<String>(c, &format!("SET k{at} v")), "OK");
        assert_eq!(get::<String>(c, &format!("GET k{at}")), "v");
    }
    // 250 of them have sent 31 KB each.
    let grown = server.peak_kib() - before;
    assert!(grown < 64 << 10, "{grown} KiB");
    drop(clients);
    thread::sleep(Duration::from_millis(600));
    let info = get::<String>(c, "INFO");
    assert!(info.contains("\r\nconnections:1\r\n"), "{info}");
}

#[test]
fn a_client_that_takes_no_replies_is_paused_and_then_disconnected() {
    let server = Server::start("--nodes 8");
    let c = &mut server.connect();
    let value = "x".repeat(1000);
    get::<String>(c, &format!("SET k {value}"));
    let mut slow = server.plain();
    slow.0.get_mut().set_write_timeout(Some(Duration::from_millis(500))).expect("it has one");
    let before = server.peak_kib();
    let request = b"ECHO ".iter().chain(value.as_bytes()).chain(b"\r\n").copied();
    let requests = request.collect::<Vec<u8>>().repeat(1000);
    // The server stops reading, so at some time it takes no more.
    let stopped = (0..200).find(|_| slow.0.get_mut().write_all(&requests).is_err());
    assert!(stopped.is_some(), "the server reads on");
    let grown = server.peak_kib() - before;
    assert!(grown < 32 << 10, "{grown} KiB");
    assert_eq!(get::<String>(c, "GET k"), value, "others are served");
    let is_gone = |c: &mut _| get::<String>(c, "INFO").contains("\r\nconnections:1\r\n");
    let gone = (0..150).any(|_| {
        thread::sleep(Duration::from_millis(100));
        is_gone(c)
    });
    assert!(gone, "it is disconnected");
}

#[test]
fn requests_may_arrive_byte_by_byte() {
    let server = Server::start("--nodes 8");
    let mut plain = server.plain();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\nGET k\r\n" {
        plain.send(&[*byte]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!([(); 3].map(|()| plain.line()), ["+OK", "$1", "v"]);
    // A client that says no more is answered nevertheless.
    plain.send(b"GET k\r\n");
    plain.0.get_mut().shutdown(std::net::Shutdown::Write).expect("it is open");
    assert_eq!(plain.rest(), "$1\r\nv\r\n");
}

#[test]
fn clients_beyond_the_most_are_turned_away() {
    // 128 descriptors are spared, and two threads have a socket each.
    let server = Server::start_limited(150, "--nodes 8 --threads 2");
    let mut clients: Vec<_> = (0..25).map(|_| server.plain()).collect();
    let (served, refused) = clients.split_at_mut(20);
    for client in refused {
        assert_eq!(client.rest(), "-ERR max number of clients reached\r\n");
    }
    for client in served {
        client.send(b"PING\r\n");
        assert_eq!(client.line(), "+PONG");
    }
    drop(clients);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(get::<String>(&mut server.connect(), "PING"), "PONG");
}
