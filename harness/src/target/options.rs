//! What is driven, and how.
//!
//! **Invariant:** nothing here shows a password.

use super::address::{Address, Credentials};

/// The most connections.
pub const CONNECTIONS_MAX: usize = 1024;
/// The environment variables of the name and the password for addresses without.
const USER: &str = "HOPWISE_TARGET_USER";
const PASSWORD: &str = "HOPWISE_TARGET_PASSWORD";

/// What a run drives load into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub(super) addresses: Vec<Address>,
    pub(super) connections: usize,
    /// The beginning of all keys.
    pub(super) prefix: String,
}

impl Options {
    /// Reads the addresses in `targets`, each a list with commas. `environment` looks up variables.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn read(
        targets: &[String],
        connections: usize,
        prefix: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Options, String> {
        let otherwise = environment(PASSWORD).map(|password| Credentials {
            user: environment(USER).filter(|user| !user.is_empty()).map(String::into_bytes),
            password: password.into_bytes(),
        });
        let texts = targets.iter().flat_map(|list| list.split(',')).map(str::trim);
        let addresses = texts.map(|text| Address::read(text, otherwise.as_ref()));
        let addresses = addresses.collect::<Result<Vec<Address>, String>>()?;
        Ok(Options { addresses, connections, prefix: prefix.to_owned() })
    }

    /// The addresses, without names and passwords.
    #[must_use]
    pub(crate) fn shown(&self) -> Vec<String> {
        self.addresses.iter().map(|it| it.shown.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_addresses_may_be_repeated() {
        let targets = ["127.0.0.1:1, 127.0.0.1:2".to_owned(), "127.0.0.1:3".to_owned()];
        let environment = |name: &str| (name == PASSWORD).then(|| "secret".to_owned());
        let options = Options::read(&targets, 3, "a:", environment).expect("all are right");
        let shown: Vec<&str> = options.addresses.iter().map(|it| it.shown.as_str()).collect();
        assert_eq!(shown, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        let has_password = |it: &Address| it.credentials.is_some();
        assert!(options.addresses.iter().all(has_password));
        assert!(!format!("{options:?}").contains("secret"));
        assert!(Options::read(&["127.0.0.1:1,".to_owned()], 3, "", environment).is_err());
    }
}
