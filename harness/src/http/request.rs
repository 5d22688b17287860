//! Requests, and who sent them.
//!
//! **Invariant:** what is read is bounded in bytes and time.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::base::wall_clock::WallClock;

/// The most bytes of a request before its content.
const HEAD_MAX: usize = 8 << 10;
/// The most bytes of its content.
const CONTENT_MAX: usize = 4 << 10;
/// The most header fields.
const FIELDS_MAX: usize = 64;

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without what follows a question mark.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    /// The name under which the client reached the server.
    host: Option<String>,
    /// The page from which the request comes, if it comes from one.
    origin: Option<String>,
    /// How that page relates to the server, as browsers tell.
    site: Option<String>,
}

impl Request {
    /// Reads a request within `time`. `None` if it is malformed, too long or too slow.
    pub(super) fn read(client: &mut impl Read, time: Duration) -> io::Result<Option<Request>> {
        let (clock, mut bytes, mut chunk) = (WallClock::start(), Vec::new(), [0; 1024]);
        loop {
            match Request::parse(&bytes) {
                Parsed::Whole(request) => return Ok(Some(request)),
                Parsed::Malformed => return Ok(None),
                Parsed::Part => {}
            }
            let count = client.read(&mut chunk)?;
            bytes.extend_from_slice(&chunk[..count]);
            let is_long = bytes.len() > HEAD_MAX + CONTENT_MAX;
            if count == 0 || is_long || clock.elapsed() > time {
                return Ok(None);
            }
        }
    }

    fn parse(bytes: &[u8]) -> Parsed {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Request::new(&mut fields);
        let start = match head.parse(bytes) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) if bytes.len() <= HEAD_MAX => return Parsed::Part,
            _ => return Parsed::Malformed,
        };
        // A field that is there twice could mean either.
        let field = |name: &str| {
            let mut values =
                head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            let value =
                values.next().map(|field| String::from_utf8_lossy(field.value).into_owned());
            if values.next().is_some() { Err(()) } else { Ok(value) }
        };
        let (Ok(host), Ok(origin), Ok(site), Ok(length)) =
            (field("host"), field("origin"), field("sec-fetch-site"), field("content-length"))
        else {
            return Parsed::Malformed;
        };
        let length = match length.map(|length| length.parse::<usize>()) {
            None => 0,
            Some(Ok(length)) if length <= CONTENT_MAX => length,
            Some(_) => return Parsed::Malformed,
        };
        let Some(content) = bytes.get(start..start + length) else { return Parsed::Part };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (method, mut path) = (text(head.method), text(head.path));
        path.truncate(path.find('?').unwrap_or(path.len()));
        Parsed::Whole(Request { method, path, content: content.to_vec(), host, origin, site })
    }

    /// Whether its field `Host` names the server at `address`, one of this machine.
    pub(super) fn names(&self, address: SocketAddr) -> bool {
        self.host.as_deref().is_some_and(|host| own_names(address).iter().any(|own| own == host))
    }

    /// Whether it may read: it comes from a page of this server, or from no page, as far as it tells.
    pub(super) fn may_read(&self) -> bool {
        let is_own = |origin: &str| {
            self.host.as_deref().is_some_and(|host| origin == format!("http://{host}"))
        };
        let is_other = |site: &str| !matches!(site, "same-origin" | "none");
        self.origin.as_deref().is_none_or(is_own) && !self.site.as_deref().is_some_and(is_other)
    }

    /// Whether it comes from a page of this server.
    pub(crate) fn is_from_own_page(&self) -> bool {
        self.origin.is_some() && self.may_read()
    }
}

/// The names of a server at `address`, as browsers write them.
fn own_names(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    let ips = [address.ip().to_string(), Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned()];
    let v6 = [format!("[{}]", address.ip()), format!("[{}]", Ipv6Addr::LOCALHOST)];
    let names = ips.into_iter().chain(v6);
    names
        .flat_map(|name| {
            // Browsers leave out the port of HTTP itself.
            let short = (port == 80).then(|| name.clone());
            [Some(format!("{name}:{port}")), short].into_iter().flatten()
        })
        .collect()
}

enum Parsed {
    Whole(Request),
    Part,
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Request> {
        Request::read(&mut &*bytes, Duration::from_secs(1)).expect("it can be read")
    }

    fn at() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 4711))
    }

    fn with(fields: &str) -> Request {
        read(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes()).expect("well-formed")
    }

    #[test]
    fn a_request_is_read_with_its_content() {
        let request = read(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcd").expect("whole");
        assert_eq!(
            (&*request.method, &*request.path, &*request.content),
            ("POST", "/a", &b"abc"[..])
        );
    }

    #[test]
    fn what_is_malformed_or_endless_is_refused() {
        for wrong in [
            &b""[..],
            b"\xff\xff\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        ] {
            assert_eq!(read(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
        let mut endless = b"GET / HTTP/1.1\r\n".chain(io::repeat(b'x'));
        let read = Request::read(&mut endless, Duration::from_secs(9)).expect("it can be read");
        assert_eq!(read, None);
        let many = (0..1000).map(|n| format!("a{n}: b\r\n")).collect::<String>();
        assert_eq!(super::tests::read(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()), None);
    }

    #[test]
    fn only_names_of_this_machine_reach_the_server() {
        for own in ["127.0.0.1:4711", "localhost:4711", "[::1]:4711"] {
            assert!(with(&format!("Host: {own}\r\n")).names(at()), "{own}");
        }
        for other in
            ["evil.example:4711", "127.0.0.1", "127.0.0.1:80", "localhost:4711.evil.example"]
        {
            assert!(!with(&format!("Host: {other}\r\n")).names(at()), "{other}");
        }
        assert!(!with("").names(at()));
    }

    #[test]
    fn pages_of_others_are_told_apart() {
        let host = "Host: localhost:4711\r\n";
        let own = with(&format!(
            "{host}Origin: http://localhost:4711\r\nSec-Fetch-Site: same-origin\r\n"
        ));
        assert!(own.may_read() && own.is_from_own_page());
        let typed = with(&format!("{host}Sec-Fetch-Site: none\r\n"));
        assert!(typed.may_read() && !typed.is_from_own_page());
        for other in [
            "Origin: http://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://localhost:4712\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            let request = with(&format!("{host}{other}"));
            assert!(!request.may_read() && !request.is_from_own_page(), "{other}");
        }
    }
}
