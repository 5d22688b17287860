//! The addresses of servers, and the names and passwords for them.
//!
//! ```text
//! HOST:PORT     redis://HOST:PORT     redis://[USER][:PASSWORD]@HOST:PORT
//! ```
//!
//! **Invariant:** what is shown of an address has neither a name nor a password.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// The longest name, and the longest password.
const MAX_CREDENTIAL: usize = 1024;

/// The address of a server, and who the client is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address {
    /// `HOST:PORT`.
    pub(super) shown: String,
    pub(super) at: SocketAddr,
    pub(super) credentials: Option<Credentials>,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// `None`: the server's default user.
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Address {
    /// Reads an address. `otherwise` is who the client is if the address does not say it.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub(super) fn read(text: &str, otherwise: Option<&Credentials>) -> Result<Address, String> {
        // A password may be on its left.
        let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
        let shown = shown.strip_prefix("redis://").unwrap_or(shown);
        let wrong = |why: &str| {
            format!(
                "--target {shown}: {why}; write HOST:PORT, or redis://USER:PASSWORD@HOST:PORT with %40 for \
                 an @"
            )
        };
        let rest = match text.split_once("://") {
            None => text,
            Some(("redis", rest)) => rest,
            Some((scheme, _)) => return Err(wrong(&format!("{scheme}:// is not spoken"))),
        };
        let (credentials, place) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((words, place)) => {
                (Some(credentials(words).ok_or_else(|| wrong("a wrong name or password"))?), place)
            }
        };
        // There is only database 0.
        let place = place.strip_suffix("/0").or_else(|| place.strip_suffix('/')).unwrap_or(place);
        let has_port = place.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !has_port {
            return Err(wrong("there is no port"));
        }
        let mut found = place.to_socket_addrs().map_err(|error| wrong(&error.to_string()))?;
        let at = found.next().ok_or_else(|| wrong("the host has no address"))?;
        let credentials = credentials.or_else(|| otherwise.cloned());
        Ok(Address { shown: place.to_owned(), at, credentials })
    }
}

/// Reads `[USER][:PASSWORD]`, percent-encoded.
fn credentials(words: &str) -> Option<Credentials> {
    let (user, password) = words.split_once(':')?;
    let (user, password) = (decoded(user)?, decoded(password)?);
    let fits = user.len() <= MAX_CREDENTIAL && password.len() <= MAX_CREDENTIAL;
    fits.then(|| Credentials { user: (!user.is_empty()).then_some(user), password })
}

/// The bytes of a text in which `%HH` stands for a byte.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        bytes.push((digit(0)? * 16 + digit(1)?) as u8);
        rest = &after[2..];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::read(text, None).expect("it is an address")
    }

    #[test]
    fn addresses_say_where_and_who() {
        let plain = read("127.0.0.1:7379");
        assert_eq!((plain.shown.as_str(), plain.at.port()), ("127.0.0.1:7379", 7379));
        assert_eq!(plain.credentials, None);
        assert_eq!(read("redis://127.0.0.1:7379/0"), plain);
        let known = read("redis://ann:a%40b%3A@127.0.0.1:1");
        let credentials = known.credentials.clone().expect("they are given");
        assert_eq!(credentials.user.as_deref(), Some(&b"ann"[..]));
        assert_eq!(credentials.password, b"a@b:");
        let unnamed = read("redis://:p@127.0.0.1:1").credentials.expect("they are given");
        assert_eq!((unnamed.user, unnamed.password), (None, b"p".to_vec()));
        let otherwise = Address::read("127.0.0.1:1", Some(&credentials)).expect("an address");
        assert_eq!(otherwise.credentials, Some(credentials));
        assert!(!format!("{known:?}").contains("a@b"), "{known:?}");
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_passwords() {
        for (text, why) in [
            ("127.0.0.1", "no port"),
            (":7379", "no port"),
            ("127.0.0.1:0", "no port"),
            ("127.0.0.1:99999", "no port"),
            ("rediss://u:secret@127.0.0.1:1", "rediss:// is not spoken"),
            ("redis://secret@127.0.0.1:1", "a wrong name or password"),
            ("redis://u:secret%4@127.0.0.1:1", "a wrong name or password"),
            ("redis://u:secret@127.0.0.1", "no port"),
            ("redis://u:secret@nowhere.invalid:1", "nowhere.invalid:1"),
        ] {
            let error = Address::read(text, None).expect_err(text);
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
