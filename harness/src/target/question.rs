//! Questions as requests, and replies as answers.
//!
//! **Invariant:** a write counts as refused only if the reply says that nothing was written.

use std::io::Write;

use hopwise_kernel::store::{Refusal, Version};

use crate::resp::{Incoming, write_request};
use crate::workload::values::value::{content_of, fill};
use crate::workload::values::{Act, Answer, PRELOADED, Question};

/// What requests have in common.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The beginning of all keys.
    pub(super) prefix: String,
    pub(super) lifetime_ms: String,
    /// Room for one key, and for one value.
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Form {
    pub(super) fn new(prefix: String, lifetime_ms: u128, value_bytes: usize) -> Form {
        let (key, value) = (Vec::new(), vec![0; value_bytes]);
        Form { prefix, lifetime_ms: lifetime_ms.to_string(), key, value }
    }

    /// Appends the request of `question` to `to`.
    pub(super) fn write(&mut self, question: &Question, to: &mut Vec<u8>) {
        self.key.clear();
        // Writing to memory cannot fail.
        let _ = write!(self.key, "{}{}", self.prefix, question.key);
        let Some(stamp) = question.act.written() else {
            return write_request(&[b"GET", &self.key], to);
        };
        fill(stamp, &mut self.value);
        let (key, value) = (&self.key, &self.value);
        let set = [&b"SET"[..], key, value, b"PX", self.lifetime_ms.as_bytes(), b"NX"];
        let is_conditional = matches!(question.act, Act::Replace { version: None, .. });
        write_request(if is_conditional { &set } else { &set[..5] }, to);
    }
}

/// The answer in a reply to `question`. `number` orders the writes of the run.
pub(super) fn answer(question: &Question, reply: Incoming<'_>, number: u64) -> Answer {
    let is_write = question.act.written().is_some();
    match reply {
        Incoming::Error(text) => failure(text, is_write),
        Incoming::Simple(_) if is_write => {
            Answer::Written { version: Version { number, ..PRELOADED } }
        }
        Incoming::Null if is_write => Answer::ConditionFailed,
        Incoming::Bulk(value) if !is_write => {
            Answer::Found { content: content_of(value), version: PRELOADED }
        }
        Incoming::Null => Answer::Absent,
        // Neither a value nor the acknowledgement of a write.
        _ if is_write => Answer::Unknown,
        _ => Answer::Found { content: None, version: PRELOADED },
    }
}

/// What an error means. `TRYAGAIN` is also said of writes that may have taken effect.
fn failure(text: &[u8], is_write: bool) -> Answer {
    let says = |words: &[u8]| text.windows(words.len()).any(|part| part == words);
    match code(text) {
        b"TRYAGAIN" if is_write && (says(b"not confirmed") || says(b"did not end")) => {
            Answer::Unknown
        }
        b"TRYAGAIN" | b"BUSY" | b"LOADING" => Answer::Refused(Refusal::Overloaded),
        b"CLUSTERDOWN" => Answer::Refused(Refusal::Unreachable),
        b"OOM" => Answer::Refused(Refusal::Full),
        b"ERR" if says(b"rate limit") => Answer::Refused(Refusal::Overloaded),
        _ if is_write => Answer::Unknown,
        // Any refusal that is none of the above.
        _ => Answer::Refused(Refusal::NotANumber),
    }
}

/// The first word of an error.
pub(super) fn code(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Whether a server that answers this answers nothing else, whatever is asked.
pub(super) fn is_final(text: &[u8]) -> bool {
    let is_code = |word: &&[u8]| *word == code(text);
    let codes: [&[u8]; 4] = [b"NOAUTH", b"WRONGPASS", b"NOPERM", b"NOPROTO"];
    let is_unknown = text.starts_with(b"ERR unknown command");
    codes.iter().any(is_code) || is_unknown || text.starts_with(b"ERR AUTH")
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Question = Question { key: 7, act: Act::Read };
    const WRITE: Question = Question { key: 7, act: Act::Write { stamp: 1 } };

    fn written(act: Act) -> String {
        let mut form = Form::new("p:".to_owned(), 1500, 16);
        let mut bytes = Vec::new();
        form.write(&Question { key: 7, act }, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn questions_are_gets_and_sets() {
        assert_eq!(written(Act::Read), "*2\r\n$3\r\nGET\r\n$3\r\np:7\r\n");
        assert_eq!(written(Act::Modify { stamp: 1 }), written(Act::Read));
        let set = written(Act::Write { stamp: 1 });
        assert!(set.starts_with("*5\r\n$3\r\nSET\r\n$3\r\np:7\r\n$16\r\n"), "{set}");
        assert!(set.ends_with("$2\r\nPX\r\n$4\r\n1500\r\n"), "{set}");
        assert_eq!(written(Act::Replace { stamp: 1, version: Some(PRELOADED) }), set);
        let absent = written(Act::Replace { stamp: 1, version: None });
        assert!(absent.starts_with("*6\r\n") && absent.ends_with("$2\r\nNX\r\n"), "{absent}");
    }

    #[test]
    fn replies_are_answers() {
        let mut value = [0; 16];
        fill(9, &mut value);
        let found = answer(&READ, Incoming::Bulk(&value), 1);
        assert!(matches!(found, Answer::Found { content: Some(it), .. } if it.stamp == 9));
        let damaged = answer(&READ, Incoming::Bulk(b"damaged"), 1);
        assert!(matches!(damaged, Answer::Found { content: None, .. }));
        assert_eq!(answer(&READ, Incoming::Null, 1), Answer::Absent);
        let done = answer(&WRITE, Incoming::Simple(b"OK"), 5);
        assert!(matches!(done, Answer::Written { version } if version.number == 5));
        assert_eq!(answer(&WRITE, Incoming::Null, 1), Answer::ConditionFailed);
    }

    #[test]
    fn a_write_is_refused_only_if_nothing_was_written() {
        let of = |question, text: &str| answer(question, Incoming::Error(text.as_bytes()), 1);
        for text in [
            "TRYAGAIN the write is not confirmed: 1 of 3 nodes have it",
            "TRYAGAIN the command did not end within 10 s: 0 of 1 keys are done",
            "ERR something else",
        ] {
            assert_eq!(of(&WRITE, text), Answer::Unknown, "{text}");
        }
        for (text, why) in [
            ("TRYAGAIN the owner of the key has too much to do", Refusal::Overloaded),
            ("CLUSTERDOWN no owner of the key answered within 8 s", Refusal::Unreachable),
            (
                "OOM the owner of the key has no room for the value, or the key has too many providers",
                Refusal::Full,
            ),
        ] {
            assert_eq!(of(&WRITE, text), Answer::Refused(why), "{text}");
            assert_eq!(of(&READ, text), Answer::Refused(why), "{text}");
        }
        assert!(is_final(b"NOAUTH Authentication required."));
        assert!(!is_final(b"TRYAGAIN the owner of the key has too much to do"));
    }
}
