//! The users file: one `[[user]]` each.
//!
//! ```toml
//! [[user]]
//! name = "alice"
//! password = "$argon2id$…"        # as `hopwise user add` writes it
//! commands = ["get", "set"]       # or "all"
//! keys = ["alice:"]               # beginnings of keys; none: all keys
//! quota_bytes = 1000000           # of all values that the user has stored; none: no limit
//! requests_per_s = 1000           # none: no limit
//! ```
//!
//! **Invariant:** an entry that is read has a name of its own, a hash, and only known commands.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::password;
use crate::base::text_file::read_text;
use crate::base::whole_file::write_whole;
use crate::serve::command::is_known;

/// The word that stands for all commands.
const ALL: &str = "all";

/// A user of the file.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The name.
    pub(crate) name: String,
    /// The hash of the password.
    pub(crate) password: String,
    /// The commands that the user may use.
    pub(crate) commands: Commands,
    /// Beginnings of the keys that the user may use; empty: all keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<String>,
    /// The bytes that the user may store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota_bytes: Option<u64>,
    /// The requests that the user may send per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests_per_s: Option<u64>,
}

/// Commands that a user may use.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) enum Commands {
    /// All.
    All,
    /// Only those of these names.
    Only(Vec<String>),
}

/// Commands as they are written in the file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Names(Vec<String>),
}

impl TryFrom<Written> for Commands {
    type Error = String;

    fn try_from(written: Written) -> Result<Commands, String> {
        match written {
            Written::Word(word) if word == ALL => Ok(Commands::All),
            Written::Word(word) => {
                Err(format!("commands = \"{word}\" is not accepted: write \"all\" or a list"))
            }
            Written::Names(names) => Commands::only(&names),
        }
    }
}

impl From<Commands> for Written {
    fn from(commands: Commands) -> Written {
        match commands {
            Commands::All => Written::Word(ALL.to_owned()),
            Commands::Only(names) => Written::Names(names),
        }
    }
}

impl Commands {
    /// Only the commands of these names.
    fn only(names: &[String]) -> Result<Commands, String> {
        let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        match names.iter().find(|name| !is_known(name)) {
            Some(unknown) => Err(format!("there is no command {unknown}")),
            None => Ok(Commands::Only(names)),
        }
    }
}

/// A user to be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewUser {
    /// The name.
    pub(crate) name: String,
    /// Names of commands; empty: all.
    pub(crate) commands: Vec<String>,
    /// Beginnings of keys; empty: all.
    pub(crate) keys: Vec<String>,
    /// The bytes that the user may store.
    pub(crate) quota_bytes: Option<u64>,
    /// The requests that the user may send per second.
    pub(crate) requests_per_s: Option<u64>,
}

impl NewUser {
    /// Its entry.
    ///
    /// # Errors
    ///
    /// If the name or a command is not accepted.
    pub(crate) fn entry(self, password: String) -> Result<Entry, String> {
        let NewUser { name, commands, keys, quota_bytes, requests_per_s } = self;
        check_name(&name)?;
        let commands = if commands.is_empty() { Commands::All } else { Commands::only(&commands)? };
        Ok(Entry { name, password, commands, keys, quota_bytes, requests_per_s })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    user: Vec<Entry>,
}

/// Reads a users file.
///
/// # Errors
///
/// If it cannot be read, or what is wrong in it.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let text = read_text(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|why| format!("{}: {why}", path.display()))
}

/// Adds an entry to a users file, which is created if there is none. Other entries stay as they are.
///
/// # Errors
///
/// If the file is wrong or cannot be written, or already has a user of this name.
pub(crate) fn append(path: &Path, entry: &Entry) -> Result<(), String> {
    let (text, is_new) = match read_text(path) {
        Ok(text) => (text, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), true),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let text = appended(text, entry).map_err(|why| format!("{}: {why}", path.display()))?;
    write_whole(path, &text).map_err(|error| error.to_string())?;
    if is_new {
        // Nobody else needs to read hashes. Where permissions cannot be set, they stay as they are.
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
    Ok(())
}

fn appended(mut text: String, entry: &Entry) -> Result<String, String> {
    if parse(&text)?.iter().any(|other| other.name == entry.name) {
        return Err(format!("there is a user {} already: remove the entry first", entry.name));
    }
    let more = toml::to_string(&File { user: vec![entry.clone()] }).map_err(|it| it.to_string())?;
    if !text.is_empty() {
        text.truncate(text.trim_end().len());
        text += "\n\n";
    }
    text += &more;
    parse(&text)?;
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let File { user } = toml::from_str(text).map_err(|error| error.to_string())?;
    for (at, entry) in user.iter().enumerate() {
        check_name(&entry.name)?;
        if user[..at].iter().any(|other| other.name == entry.name) {
            return Err(format!("there are two users {}", entry.name));
        }
        password::check_hash(&entry.password)
            .map_err(|why| format!("the password of {}: {why}", entry.name))?;
    }
    Ok(user)
}

fn check_name(name: &str) -> Result<(), String> {
    let is_right =
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_right.then_some(()).ok_or_else(|| {
        format!("the name {name:?} is not accepted: write 1 to 64 letters, digits or signs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$\
                        q0cN7dT2cL7PdhRKJFmFb1mLW5SRqPkOZQDVfu8b1JI";

    fn new_user(name: &str) -> NewUser {
        NewUser {
            name: name.to_owned(),
            commands: vec!["GET".to_owned()],
            keys: vec![format!("{name}:")],
            quota_bytes: Some(1000),
            requests_per_s: None,
        }
    }

    #[test]
    fn an_entry_is_added_and_the_others_stay() {
        let before = format!(
            "# ours\n[[user]]\nname = \"a\" # first\npassword = \"{HASH}\"\ncommands = \"all\"\n\n\n"
        );
        let entry = new_user("b").entry(HASH.to_owned()).expect("it is right");
        let after = appended(before.clone(), &entry).expect("it can be added");
        assert!(after.starts_with(before.trim_end()), "{after}");
        let users = parse(&after).expect("it is right");
        assert_eq!((users.len(), &users[1]), (2, &entry));
        assert_eq!(users[0].commands, Commands::All);
        let again = appended(after, &entry).expect_err("it is there");
        assert!(again.contains("there is a user b already"), "{again}");
        assert!(appended(String::new(), &entry).is_ok_and(|text| text.starts_with("[[user]]")));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said() {
        let user = |rest: &str| format!("[[user]]\nname = \"a\"\npassword = \"{HASH}\"\n{rest}\n");
        let two = user("commands = \"all\"").repeat(2);
        let plain = "[[user]]\nname = \"a\"\npassword = \"secret\"\ncommands = \"all\"";
        for (text, expected) in [
            (user("commands = \"some\""), "write \"all\" or a list"),
            (user("commands = [\"fly\"]"), "there is no command fly"),
            (user(""), "missing field `commands`"),
            (user("commands = \"all\"\ncolour = 1"), "unknown field `colour`"),
            (two, "there are two users a"),
            (plain.to_owned(), "the password of a"),
            (plain.replace("\"a\"", "\"a b\""), "the name \"a b\" is not accepted"),
        ] {
            let why = parse(&text).expect_err(&text);
            assert!(why.contains(expected), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
