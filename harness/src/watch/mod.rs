//! The live page of a run: a server on this machine, and the page that it serves.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /events` | the [feed](crate::live::feed), as server-sent events |
//! | `POST /command` with a [`Command`], from the page only | the pace of a simulation changes |
//!
//! **Invariant:** a run goes on the same, whoever looks and however slowly.

mod page;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::base::wall_clock::WallClock;
use crate::http::{Reply, Request, serve};
use crate::live::Feed;
use crate::live::feed::Command;

/// A viewer that gets nothing for so long gets an empty line, which shows whether it is still there.
const QUIET: Duration = Duration::from_secs(1);
/// How long the end of a run waits for viewers to get all.
const END: Duration = Duration::from_secs(1);

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
    pub(crate) fn end(&self, verdict: &str) {
        self.feed.end(verdict);
        let clock = WallClock::start();
        while self.feed.is_watched() && clock.elapsed() < END {
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
    let viewer = feed.view();
    client.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
          X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
    )?;
    loop {
        match viewer.next(QUIET) {
            Ok(Some(text)) => client.write_all(text.as_bytes())?,
            Ok(None) => return Ok(()),
            Err(_) => client.write_all(b":\n")?,
        }
    }
}
