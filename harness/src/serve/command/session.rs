//! Commands about the connection and the server.
//!
//! **Invariant:** a password leaves this module only as [`Credentials`], which do not show it.

use std::fmt;
use std::time::Duration;

use super::Command;
use super::arguments::{Arguments, syntax_error};
use crate::resp::{Reply, Version};

type Built = Result<Command, Reply>;

/// The user of a connection that names none.
const DEFAULT_USER: &[u8] = b"default";
/// The longest name of a connection, and of a user.
const MAX_NAME: usize = 256;
/// The longest password. Hashing takes longer for longer ones.
const MAX_PASSWORD: usize = 1024;

/// A command about the connection or the server.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Session {
    /// `PONG`, or the argument.
    Ping(Option<Vec<u8>>),
    /// The argument.
    Echo(Vec<u8>),
    /// Chooses the version of the protocol.
    Hello(Hello),
    /// Says who the client is.
    Auth(Credentials),
    /// Chooses a database; there is only number 0.
    Select(i64),
    /// About this connection.
    Client(Client),
    /// The values of the settings of these names.
    ConfigGet(Vec<Vec<u8>>),
    /// About the commands.
    Commands(About),
    /// About the server.
    Info,
    /// How many items there are.
    DbSize,
    /// Closes the connection.
    Quit,
    /// Makes the connection like a new one.
    Reset,
    /// Receives the messages to a key.
    Receive(Vec<u8>),
    /// Crashes nodes.
    Crash {
        /// How many.
        count: u32,
        /// Spread over this time.
        over: Duration,
    },
    /// About the nodes.
    Topology,
    /// Some nodes, for a process that joins their ring.
    Bootstrap,
}

impl Session {
    /// The key that it names, if it names one.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        match self {
            Session::Receive(key) => Some(key),
            _ => None,
        }
    }
}

/// `HELLO`.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Hello {
    /// The version of the protocol, if it is to change.
    pub(crate) version: Option<Version>,
    /// Who the client is.
    pub(crate) credentials: Option<Credentials>,
    /// The name of the connection.
    pub(crate) name: Option<Vec<u8>>,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name of the user.
    pub(crate) name: Vec<u8>,
    /// The password.
    pub(crate) password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials of {}", self.name.escape_ascii())
    }
}

/// `CLIENT`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Client {
    /// The number of the connection.
    Id,
    /// Its name.
    Name,
    /// Names it.
    SetName(Vec<u8>),
    /// A setting that is accepted and has no effect.
    Accepted,
    /// A line about it.
    Info,
}

/// `COMMAND`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum About {
    /// How many commands there are.
    Count,
    /// Their names.
    List,
    /// Nothing, as a list.
    Nothing,
    /// Nothing, as a map.
    Docs,
}

/// `PING [message]`
pub(super) fn ping(mut from: Arguments) -> Built {
    session(Session::Ping(from.next()))
}

/// `ECHO message`
pub(super) fn echo(mut from: Arguments) -> Built {
    session(Session::Echo(from.bytes()?))
}

/// `AUTH [user] password`
pub(super) fn auth(mut from: Arguments) -> Built {
    let first = from.bytes()?;
    let credentials = match from.next() {
        None => credentials(DEFAULT_USER.to_vec(), first)?,
        Some(password) => credentials(first, password)?,
    };
    session(Session::Auth(credentials))
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`
pub(super) fn hello(mut from: Arguments) -> Built {
    let mut hello = Hello::default();
    if let Some(version) = from.next() {
        hello.version = match version.as_slice() {
            b"2" => Some(Version::Two),
            b"3" => Some(Version::Three),
            _ => return Err(Reply::error("NOPROTO unsupported protocol version")),
        };
    }
    while let Some(word) = from.word() {
        match word.as_str() {
            "AUTH" => hello.credentials = Some(credentials(from.bytes()?, from.bytes()?)?),
            "SETNAME" => hello.name = Some(name(from.bytes()?)?),
            _ => return Err(syntax_error()),
        }
    }
    session(Session::Hello(hello))
}

/// `SELECT number`
pub(super) fn select(mut from: Arguments) -> Built {
    session(Session::Select(from.integer()?))
}

/// `CLIENT SETNAME | GETNAME | SETINFO | ID | INFO | LIST | NO-EVICT | NO-TOUCH`
pub(super) fn client(mut from: Arguments) -> Built {
    let word = from.word().unwrap_or_default();
    let client = match word.as_str() {
        "ID" => Client::Id,
        "GETNAME" => Client::Name,
        "SETNAME" => Client::SetName(name(from.bytes()?)?),
        "SETINFO" | "NO-EVICT" | "NO-TOUCH" => Client::Accepted,
        "INFO" | "LIST" => Client::Info,
        _ => return Err(unknown_subcommand("client", &word)),
    };
    session(Session::Client(client))
}

/// `CONFIG GET name …`
pub(super) fn config(mut from: Arguments) -> Built {
    let word = from.word().unwrap_or_default();
    match word.as_str() {
        "GET" if from.len() > 0 => session(Session::ConfigGet(from.all())),
        _ => Err(unknown_subcommand("config", &word)),
    }
}

/// `COMMAND [COUNT | LIST | DOCS | INFO …]`
pub(super) fn command(mut from: Arguments) -> Built {
    let word = from.word();
    session(Session::Commands(match word.as_deref() {
        Some("COUNT") => About::Count,
        Some("LIST") => About::List,
        Some("DOCS") => About::Docs,
        None | Some("INFO") => About::Nothing,
        Some(other) => return Err(unknown_subcommand("command", other)),
    }))
}

/// `INFO [section …]`
pub(super) fn info(_: Arguments) -> Built {
    session(Session::Info)
}

/// `DBSIZE`
pub(super) fn db_size(_: Arguments) -> Built {
    session(Session::DbSize)
}

/// `QUIT`
pub(super) fn quit(_: Arguments) -> Built {
    session(Session::Quit)
}

/// `RESET`
pub(super) fn reset(_: Arguments) -> Built {
    session(Session::Reset)
}

fn session(session: Session) -> Built {
    Ok(Command::Session(session))
}

fn credentials(name: Vec<u8>, password: Vec<u8>) -> Result<Credentials, Reply> {
    if name.len() > MAX_NAME || password.len() > MAX_PASSWORD {
        return Err(Reply::error("WRONGPASS invalid username-password pair or user is disabled."));
    }
    Ok(Credentials { name, password })
}

/// A name of a connection: it has no spaces and no line ends, so that it fits into a list.
fn name(name: Vec<u8>) -> Result<Vec<u8>, Reply> {
    let is_right = name.len() <= MAX_NAME && name.iter().all(u8::is_ascii_graphic);
    is_right.then_some(name).ok_or_else(|| {
        Reply::error("ERR Client names cannot contain spaces, newlines or special characters.")
    })
}

fn unknown_subcommand(command: &str, word: &str) -> Reply {
    let word: String = word.chars().take(64).collect();
    Reply::error(format!("ERR unknown subcommand '{word}'. Try {} HELP.", command.to_uppercase()))
}
