//! Commands about the connection and the server.
//!
//! **Invariant:** answers from what this shard knows and what the others have published.

use hopwise_kernel::Time;
use hopwise_kernel::codec::OLDEST_VERSION;

use super::Server;
use super::figures::{info, topology};
use crate::resp::{Reply, Version};
use crate::serve::cluster::{INTRODUCED, Introduction};
use crate::serve::command::{About, Client, Credentials, Hello, Session, names};
use crate::serve::connection::{Connection, MAX_RECEIVED};
use crate::serve::figures::Figure;
use crate::serve::users::{self, Job};

/// Settings that clients ask for.
const SETTINGS: &[(&str, &str)] =
    &[("appendonly", "no"), ("databases", "1"), ("maxmemory", "0"), ("save", "")];
/// The version of Redis whose commands these are.
const REDIS_VERSION: &str = "7.2.0";

impl Server {
    /// Carries out a command that uses no key of the store.
    pub(super) fn answer(&mut self, token: u64, session: Session, now: Time) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let reply = match session {
            Session::Ping(None) => Reply::Simple("PONG"),
            Session::Ping(Some(bytes)) | Session::Echo(bytes) => Reply::Bulk(bytes),
            Session::Select(0) => Reply::OK,
            Session::Select(_) => Reply::error("ERR DB index is out of range"),
            Session::ConfigGet(wanted) => Reply::Map(settings(&wanted)),
            Session::Commands(about) => commands(about),
            Session::Info => Reply::bulk(info(&self.shared, self.shared.now_ms(now))),
            Session::DbSize => {
                let copies = u64::from(self.shared.replicas.max(1));
                let items = self.shared.sum(Figure::Items).div_ceil(copies);
                Reply::Integer(items as i64)
            }
            Session::Topology => topology(&self.shared),
            Session::Bootstrap => Reply::bulk(self.introduction().text()),
            Session::Client(client) => client_reply(connection, client),
            Session::Quit => {
                connection.drop_input();
                connection.is_closing = true;
                Reply::OK
            }
            Session::Reset => self.reset(token),
            Session::Receive(key) => self.receive(token, key),
            Session::Hello(hello) => return self.greet(token, hello),
            Session::Auth(credentials) => return self.authenticate(token, credentials, None),
            Session::Crash { count, over } => return self.order_crash(token, count, over),
        };
        self.answer_now(token, &reply);
    }

    /// Some nodes of this shard, evenly spread over its places.
    fn introduction(&self) -> Introduction {
        let step = self.live.len().div_ceil(INTRODUCED).max(1);
        let places = self.live.iter().step_by(step);
        let peers = places.filter_map(|&place| self.peers.get(place as usize).copied()).collect();
        Introduction {
            replicas: self.shared.replicas,
            wire: (OLDEST_VERSION, self.shared.wire),
            peers,
        }
    }

    /// Ends a check of a password.
    pub(super) fn on_verdict(&mut self, token: u64, user: Option<u32>) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let (Some(sequence), hello) = (connection.barrier, connection.hello.take()) else { return };
        let reply = match (user, hello) {
            (None, _) => {
                Reply::error("WRONGPASS invalid username-password pair or user is disabled.")
            }
            (Some(user), hello) => {
                connection.user = user;
                match hello {
                    None => Reply::OK,
                    Some(hello) => greeting(connection, hello),
                }
            }
        };
        connection.end(sequence, &[], &reply);
        self.queue(token);
    }

    fn greet(&mut self, token: u64, hello: Hello) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        if let Some(credentials) = hello.credentials.clone() {
            return self.authenticate(token, credentials, Some(hello));
        }
        if self.shared.users.is_closed() && connection.user == users::FIRST {
            let why = "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                       the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
                       client and select the RESP protocol version at the same time";
            return self.answer_now(token, &Reply::error(why));
        }
        let reply = greeting(connection, hello);
        self.answer_now(token, &reply);
    }

    /// Has a password checked. Nothing else of the connection begins until then.
    fn authenticate(&mut self, token: u64, credentials: Credentials, hello: Option<Hello>) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let Some(checker) = &self.checker else {
            let why = "ERR AUTH <password> called without any password configured for the default \
                       user. Are you sure your configuration is correct?";
            return self.answer_now(token, &Reply::error(why));
        };
        let job = Job { shard: self.index, connection: token, credentials };
        if !checker.check(job) {
            let why = "TRYAGAIN too many passwords are being checked";
            return self.answer_now(token, &Reply::error(why));
        }
        let version = hello.as_ref().and_then(|hello| hello.version);
        let sequence = connection.begin(version.unwrap_or(connection.version));
        connection.barrier = Some(sequence);
        connection.hello = hello;
    }

    fn reset(&mut self, token: u64) -> Reply {
        if let Some(connection) = self.connections.at_mut(token) {
            self.receivers.remove(token, &connection.received);
            connection.received.clear();
            connection.name.clear();
            connection.version = Version::Two;
            connection.user = users::FIRST;
        }
        Reply::Simple("RESET")
    }

    fn receive(&mut self, token: u64, name: Vec<u8>) -> Reply {
        let Some(connection) = self.connections.at_mut(token) else { return Reply::Null };
        let key = hopwise_kernel::Id::of_name(&name);
        if !connection.received.contains(&key) {
            if connection.received.len() == MAX_RECEIVED {
                let why =
                    format!("ERR a connection receives messages of {MAX_RECEIVED} keys at most");
                return Reply::error(why);
            }
            connection.received.push(key);
            self.receivers.add(token, key, name.clone());
            // At once, so that no message that is sent from now on is missed.
            self.shared.figures[self.index].publish(Figure::Receivers, self.receivers.count());
        }
        let count = Reply::count(connection.received.len());
        Reply::Array(vec![Reply::bulk("hopwise.receive"), Reply::Bulk(name), count])
    }
}

/// Carries out a `HELLO` whose user is known.
fn greeting(connection: &mut Connection, hello: Hello) -> Reply {
    connection.version = hello.version.unwrap_or(connection.version);
    if let Some(name) = hello.name {
        connection.name = name;
    }
    let number = match connection.version {
        Version::Two => 2,
        Version::Three => 3,
    };
    Reply::Map(vec![
        ("server", Reply::bulk("hopwise")),
        ("version", Reply::bulk(REDIS_VERSION)),
        ("proto", Reply::Integer(number)),
        ("id", Reply::Integer(connection.number as i64)),
        ("mode", Reply::bulk("standalone")),
        ("role", Reply::bulk("master")),
        ("modules", Reply::Array(Vec::new())),
    ])
}

fn client_reply(connection: &mut Connection, client: Client) -> Reply {
    match client {
        Client::Id => Reply::Integer(connection.number as i64),
        Client::Name if connection.name.is_empty() => Reply::Null,
        Client::Name => Reply::Bulk(connection.name.clone()),
        Client::SetName(name) => {
            connection.name = name;
            Reply::OK
        }
        Client::Accepted => Reply::OK,
        Client::Info => Reply::bulk(format!(
            "id={} addr={} name={} resp={}\n",
            connection.number,
            connection.peer,
            connection.name.escape_ascii(),
            if connection.version == Version::Two { 2 } else { 3 },
        )),
    }
}

fn settings(wanted: &[Vec<u8>]) -> Vec<(&'static str, Reply)> {
    let is_wanted = |name: &str| {
        wanted.iter().any(|word| word == b"*" || word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let found = SETTINGS.iter().filter(|(name, _)| is_wanted(name));
    found.map(|&(name, value)| (name, Reply::bulk(value))).collect()
}

fn commands(about: About) -> Reply {
    match about {
        About::Count => Reply::count(names().len()),
        About::List => Reply::Array(names().map(Reply::bulk).collect()),
        About::Nothing => Reply::Array(Vec::new()),
        About::Docs => Reply::Map(Vec::new()),
    }
}
