//! The live page of a run: a server on this machine, and the page that it serves.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /events` | the [feed](crate::live::feed), as server-sent events |
//! | `POST /command` with a [`Command`], from the page only | the pace of a simulation changes |
//!
//! **Invariant:** viewers change nothing in a run but its pace.

mod page;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::base::wall_clock::WallClock;
use crate::http::{Reply, Request, serve};
use crate::live::Feed;
use crate::live::feed::{Command, Verdict};

/// An empty line after this time shows whether a viewer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// The longest wait at the end of a run for viewers to get all.
const END_WAIT: Duration = Duration::from_secs(1);
/// The most viewers. Further clients can still ask for the page and the pace.
const VIEWERS_MAX: usize = 12;

/// A live page that is served.
#[derive(Debug)]
pub(crate) struct Watch {
    feed: Arc<Feed>,
    address: SocketAddr,
}

impl Watch {
    /// Serves the live page of `feed` at `address`.
    ///
    /// # Errors
    ///
    /// If it cannot listen there.
    pub(crate) fn start(address: SocketAddr, feed: Arc<Feed>) -> Result<Watch, String> {
        let of_page = feed.clone();
        let answer =
            move |request: &Request, client: &mut TcpStream| answer(&of_page, request, client);
        let address = serve("watch", address, answer).map_err(|error| {
            format!("--watch {address}: {error}; port 0 takes any that is free")
        })?;
        Ok(Watch { feed, address })
    }

    /// What the page shows.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Tells viewers how the run has ended. Waits a little until they know.
    pub(crate) fn end(&self, verdict: &Verdict) {
        self.feed.end(verdict);
        let clock = WallClock::start();
        while self.feed.is_watched() && clock.elapsed() < END_WAIT {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn answer(feed: &Feed, request: &Request, client: &mut TcpStream) -> io::Result<()> {
    match (&*request.method, &*request.path) {
        ("GET", "/") => page::reply().write(client),
        ("GET", "/events") => send_events(feed, client),
        ("POST", "/command") => command(feed, request).write(client),
        _ => Reply::text("404 Not Found", "The page is at /.\n").write(client),
    }
}

fn command(feed: &Feed, request: &Request) -> Reply {
    if !request.is_from_own_page() {
        return Reply::text("403 Forbidden", "Only the page itself may do this.\n");
    }
    match serde_json::from_slice::<Command>(&request.content) {
        Ok(command) if feed.command(command) => Reply::text("200 OK", ""),
        Ok(_) => Reply::text("409 Conflict", "Only a simulation has a pace.\n"),
        Err(error) => Reply::text("400 Bad Request", &format!("{error}\n")),
    }
}

fn send_events(feed: &Feed, client: &mut TcpStream) -> io::Result<()> {
    if feed.viewers() >= VIEWERS_MAX {
        let why = "There are too many viewers: close another page.\n";
        return Reply::text("503 Service Unavailable", why).write(client);
    }
    let mut viewer = feed.view();
    client.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
          X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 500\n\n",
    )?;
    loop {
        match viewer.next(KEEP_ALIVE) {
            Ok(Some(text)) => client.write_all(text.as_bytes())?,
            Ok(None) => return Ok(()),
            Err(_) => client.write_all(b":\n")?,
        }
    }
}
