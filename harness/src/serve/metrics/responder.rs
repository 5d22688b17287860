//! Serves the page.
//!
//! **Invariant:** a client of the page reads it, and nothing else.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use super::page::page;
use crate::http::{self, Reply, Request};
use crate::serve::shared::Shared;

const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the page at `address` until the process ends. Returns the address at which it listens.
///
/// # Errors
///
/// If it cannot listen there.
pub(crate) fn serve(address: SocketAddr, shared: Arc<Shared>) -> Result<SocketAddr, String> {
    let answer = move |request: &Request, client: &mut TcpStream| answer(request, client, &shared);
    http::serve("metrics", address, answer)
        .map_err(|error: io::Error| format!("--metrics {address}: {error}; choose another port"))
}

fn answer(request: &Request, client: &mut TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let reply = match (&*request.method, &*request.path) {
        ("GET", "/" | "/metrics") => {
            Reply { status: "200 OK", kind: KIND, fields: "", content: page(shared) }
        }
        ("GET", _) => Reply::text("404 Not Found", "The page is at /metrics.\n"),
        _ => Reply::text("405 Method Not Allowed", "Write GET /metrics.\n"),
    };
    reply.write(client)
}
