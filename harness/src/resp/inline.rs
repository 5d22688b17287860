//! Inline commands: a line of words, as people type them into a plain connection.
//!
//! **Invariant:** a line has no more words than a request has arguments.

use super::bounds::{MAX_ARGUMENTS, ProtocolError};

/// Splits a line into words. A word in double quotes may have the escapes `\n`, `\r`, `\t`, `\"`, `\\`
/// and `\xHH`; in single quotes only `\'`.
pub(super) fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut words = Vec::new();
    let mut bytes = line.iter().copied().peekable();
    loop {
        while bytes.next_if(|byte| is_space(*byte)).is_some() {}
        let Some(&first) = bytes.peek() else { return Ok(words) };
        if words.len() == MAX_ARGUMENTS {
            return Err(ProtocolError::ArrayLength);
        }
        words.push(match first {
            b'"' | b'\'' => quoted(&mut bytes)?,
            _ => {
                let mut word = Vec::new();
                while let Some(byte) = bytes.next_if(|byte| !is_space(*byte)) {
                    word.push(byte);
                }
                word
            }
        });
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}

/// Reads a word in quotes, of which the first is next.
fn quoted(
    bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
) -> Result<Vec<u8>, ProtocolError> {
    let quote = bytes.next();
    let is_double = quote == Some(b'"');
    let mut word = Vec::new();
    loop {
        let byte = bytes.next().ok_or(ProtocolError::Quotes)?;
        if Some(byte) == quote {
            // As Redis does, refuses a word that goes on after its quotes.
            return match bytes.peek() {
                Some(&next) if !is_space(next) => Err(ProtocolError::Quotes),
                _ => Ok(word),
            };
        }
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        match bytes.next().ok_or(ProtocolError::Quotes)? {
            b'\'' if !is_double => word.push(b'\''),
            other if !is_double => word.extend([b'\\', other]),
            b'n' => word.push(b'\n'),
            b'r' => word.push(b'\r'),
            b't' => word.push(b'\t'),
            b'x' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(), digit());
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(ProtocolError::Quotes);
                };
                word.push((high * 16 + low) as u8);
            }
            other => word.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_shell_would() {
        for (line, expected) in [
            (&b"PING"[..], &[&b"PING"[..]][..]),
            (b"  set\tkey  value ", &[b"set", b"key", b"value"]),
            (b"set k \"a \\\"b\\\" \\x41\\n\"", &[b"set", b"k", b"a \"b\" A\n"]),
            (b"set k 'it\\'s' ''", &[b"set", b"k", b"it's", b""]),
            (b"", &[]),
        ] {
            assert_eq!(words(line).expect("balanced"), expected);
        }
        for line in [&b"set k \"a"[..], b"'", b"\"a\"b", b"\"\\x4\"", b"\"\\"] {
            assert_eq!(words(line), Err(ProtocolError::Quotes), "{}", line.escape_ascii());
        }
        let many = b"a ".repeat(MAX_ARGUMENTS + 1);
        assert_eq!(words(&many), Err(ProtocolError::ArrayLength));
    }
}
