//! The commands of a distributed hash table: owners, providers, messages, crashes.
//!
//! **Invariant:** a message over [`MAX_PAYLOAD`] bytes is refused here.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use hopwise_kernel::Address;
use hopwise_kernel::node::MAX_PAYLOAD;

use super::Command;
use super::arguments::{Arguments, not_an_integer, syntax_error};
use super::keyed::{Action, Keyed, Shape};
use super::session::Session;
use crate::resp::Reply;

type Built = Result<Command, Reply>;

/// The longest time over which crashes are spread.
const MAX_OVER: Duration = Duration::from_secs(24 * 3600);

/// `HOPWISE.LOOKUP key`
pub(super) fn lookup(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Lookup, Shape::Owner)
}

/// `HOPWISE.ANNOUNCE key [address]`. Without an address, that of the client.
pub(super) fn announce(mut from: Arguments) -> Built {
    let name = from.bytes()?;
    let address = match from.next() {
        None => Address::default(),
        Some(text) => address(&text).ok_or_else(|| {
            Reply::error("ERR invalid address: write IP:PORT or IP:PORT/SLOT, with an IPv4 address")
        })?,
    };
    from.end()?;
    one(name, Action::Announce(address), Shape::Ok)
}

/// `HOPWISE.PROVIDERS key`
pub(super) fn providers(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::List, Shape::Providers)
}

/// `HOPWISE.SEND key message`
pub(super) fn send(mut from: Arguments) -> Built {
    let (name, message) = (from.bytes()?, from.bytes()?);
    if message.len() > MAX_PAYLOAD {
        let length = message.len();
        let why = format!("ERR message is {length} bytes long; at most {MAX_PAYLOAD} are sent");
        return Err(Reply::error(why));
    }
    one(name, Action::Send(message), Shape::Ok)
}

/// `HOPWISE.RECEIVE key`
pub(super) fn receive(mut from: Arguments) -> Built {
    Ok(Command::Session(Session::Receive(from.bytes()?)))
}

/// `HOPWISE.CRASH count [OVER seconds]`
pub(super) fn crash(mut from: Arguments) -> Built {
    let count = u32::try_from(from.integer()?).map_err(|_| not_an_integer())?;
    let over = match from.word().as_deref() {
        None => Duration::ZERO,
        Some("OVER") => {
            let seconds = u64::try_from(from.integer()?).map_err(|_| not_an_integer())?;
            Duration::from_secs(seconds)
        }
        Some(_) => return Err(syntax_error()),
    };
    from.end()?;
    if over > MAX_OVER {
        return Err(not_an_integer());
    }
    Ok(Command::Session(Session::Crash { count, over }))
}

/// `HOPWISE.BOOTSTRAP`
pub(super) fn bootstrap(_: Arguments) -> Built {
    Ok(Command::Session(Session::Bootstrap))
}

/// `HOPWISE.TOPOLOGY`
pub(super) fn topology(_: Arguments) -> Built {
    Ok(Command::Session(Session::Topology))
}

/// Reads `IP:PORT` or `IP:PORT/SLOT`.
fn address(text: &[u8]) -> Option<Address> {
    let text = str::from_utf8(text).ok()?;
    let (endpoint, slot) = text.split_once('/').unwrap_or((text, "0"));
    let endpoint: SocketAddrV4 = endpoint.parse().ok()?;
    let is_usable = *endpoint.ip() != Ipv4Addr::UNSPECIFIED && endpoint.port() != 0;
    let slot = slot.parse().ok()?;
    is_usable.then(|| Address { slot, ..endpoint.into() })
}

fn one(name: Vec<u8>, action: Action, shape: Shape) -> Built {
    Ok(Command::Keyed(Keyed::one(name, action, shape)))
}
