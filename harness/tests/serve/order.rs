//! Many requests at a time, of one client and of several.

use std::thread;

use super::{Server, get};

#[test]
fn replies_come_in_the_order_of_the_requests() {
    let server = Server::start("--nodes 32 --threads 2");
    let c = &mut server.connect();
    let mut pipe = redis::pipe();
    for at in 0..2000 {
        pipe.cmd("SET").arg(format!("k{}", at % 50)).arg(at);
        pipe.cmd("GET").arg(format!("k{}", at % 50));
        pipe.cmd("PING").arg(at);
    }
    let replies: Vec<(String, u32, u32)> = pipe
        .query::<Vec<redis::Value>>(c)
        .expect("all succeed")
        .chunks(3)
        .map(|three| redis::from_redis_value(redis::Value::Array(three.to_vec())).expect("three"))
        .collect();
    let expected: Vec<_> = (0..2000).map(|at| ("OK".to_owned(), at, at)).collect();
    assert_eq!(replies, expected);
}

#[test]
fn commands_on_one_key_take_effect_in_their_order() {
    let server = Server::start("--nodes 32 --threads 2");
    let mut plain = server.plain();
    plain.send(&b"INCR n\r\n".repeat(500));
    for at in 1..=500 {
        assert_eq!(plain.line(), format!(":{at}"));
    }
}

#[test]
fn exactly_one_of_several_clients_sets_an_absent_value() {
    let server = Server::start("--nodes 32 --threads 2");
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for round in 0..50 {
        let winners: usize = thread::scope(|scope| {
            let races: Vec<_> = (0..)
                .zip(&mut clients)
                .map(|(me, client)| {
                    scope.spawn(move || {
                        let set =
                            get::<Option<String>>(client, &format!("SET race{round} {me} NX"));
                        usize::from(set.is_some())
                    })
                })
                .collect();
            races.into_iter().map(|race| race.join().expect("it ends")).sum()
        });
        assert_eq!(winners, 1, "round {round}");
    }
}

#[test]
fn a_counter_counts_every_increment_of_several_clients() {
    let server = Server::start("--nodes 32 --threads 2");
    thread::scope(|scope| {
        for _ in 0..8 {
            let mut client = server.connect();
            scope.spawn(move || (0..100).all(|_| get::<i64>(&mut client, "INCR n") > 0));
        }
    });
    assert_eq!(get::<i64>(&mut server.connect(), "GET n"), 800);
}

#[test]
fn a_command_takes_a_thousand_keys() {
    let server = Server::start("--nodes 32 --threads 2");
    let c = &mut server.connect();
    let keys: Vec<String> = (0..1024).map(|at| format!("k{at}")).collect();
    let mut set = redis::cmd("MSET");
    keys.iter().for_each(|key| {
        set.arg(key).arg(key);
    });
    set.query::<String>(c).expect("it is set");
    let values: Vec<String> = redis::cmd("MGET").arg(&keys).query(c).expect("they are read");
    assert_eq!(values, keys);
    assert_eq!(redis::cmd("EXISTS").arg(&keys).query::<u32>(c).expect("they are read"), 1024);
    assert_eq!(redis::cmd("DEL").arg(&keys).query::<u32>(c).expect("they are deleted"), 1024);
    let many = [keys, vec!["k".to_owned()]].concat();
    let refused = redis::cmd("MGET").arg(many).query::<Vec<String>>(c).expect_err("too many");
    assert!(refused.to_string().contains("1025 keys"), "{refused}");
}
