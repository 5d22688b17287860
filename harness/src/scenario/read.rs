//! Reads a scenario from TOML text and overrides, or returns the first error.
//!
//! The text becomes a tree, overrides are laid on top, keys are looked up in the schema, and only
//! then are the types read. So every message can name a full path, and from it a line.
//!
//! **Invariant:** no value is read from a key that the schema does not have.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::base::text_file::read_text;

use super::adapt::{Adaptation, Adaptations, adapt, move_times, slow_churn};
use super::fault;
use super::impossible::Impossible;
use super::key::{Choice, Key, Kind, last, quoted};
use super::shortened::{comparable, shortened, shown};
use super::source::{Source, Written, normalize};
use super::tree::{
    Entry, at, at_mut, entries, is_within, join, parent, put, value_of, without_indices, words,
};
use super::{Scenario, ScenarioError, Schema, Subject, profile};

/// The most rounds of adapting one scenario.
const ROUNDS_MAX: usize = 64;

impl Schema {
    /// Loads a named scenario, or a file if `source` ends in `.toml`, with `overrides` (dotted key,
    /// value) on top; a later override of the same key wins. A value is read as TOML, or as a
    /// bare string if it is not TOML, so that `500ms` needs no quotes. Setting one of several
    /// alternatives (`workload.in_flight`) replaces the others (`workload.lookups_per_s`).
    ///
    /// # Errors
    ///
    /// What is wrong with the request and what to write instead, in one message.
    pub fn load(
        &self,
        source: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        let path = Path::new(source);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text =
                read_text(path).map_err(|why| ScenarioError::unreadable(self, source, &why))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return self.read(&text, Source::File(source), &stem, overrides);
        }
        let named =
            self.find_named(source).ok_or_else(|| ScenarioError::unknown_name(self, source))?;
        self.read(named.source, Source::Named, named.name, overrides)
    }

    /// Reads a scenario from TOML text; `name` is used if the text gives none.
    ///
    /// # Errors
    ///
    /// As [`Schema::load`].
    pub fn from_toml(
        &self,
        text: &str,
        name: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        self.read(text, Source::Text, name, overrides)
    }

    /// Reads `text` from `source` with `overrides` on top. `name` is used if `text` sets no name.
    fn read(
        &self,
        text: &str,
        source: Source<'_>,
        name: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        let meant = |(key, value): &(String, String)| (self.meant(key).into_owned(), value.clone());
        let overrides = &*overrides.iter().map(meant).collect::<Vec<_>>();
        let file = source.file();
        let mut tree: Table = text.parse().map_err(|error| syntax_error(text, file, &error))?;
        tree.entry("name").or_insert_with(|| name.into());
        self.resolve(tree.into(), source, overrides).map_err(|problem| {
            let overridden = overrides.iter().any(|(key, _)| is_within(&problem.path, key));
            let place =
                file.filter(|_| !overridden).map(|file| place_of(&problem.path, text, file));
            ScenarioError::new(place, problem.message)
        })
    }

    fn resolve(
        &self,
        mut tree: Value,
        source: Source<'_>,
        overrides: &[(String, String)],
    ) -> Result<Scenario, Problem> {
        let written = Written::new(&tree, source, overrides);
        let named = match source {
            Source::Named => self.typed(&tree).ok(),
            Source::File(_) | Source::Text => None,
        };
        for (key, value) in overrides {
            self.check_override(key, value)?;
            self.make_room(&mut tree, key, value);
        }
        for (key, value) in overrides {
            let value = value_of(value);
            put(&mut tree, key, value.clone()).map_err(|length| {
                Problem::not_accepted(key, Some(&value), &format!("an index from 0 to {length}"))
            })?;
        }
        normalize(&mut tree, self, source, overrides);
        let entries = entries(&tree, "");
        let keys = KnownKeys::of(self, &entries);
        entries.iter().try_for_each(|entry| self.check_known(entry, &keys))?;
        entries.iter().try_for_each(|entry| check_alternatives(entry, &keys, &tree))?;
        entries.iter().try_for_each(|entry| self.check_complete(entry))?;
        entries.iter().try_for_each(|entry| self.check_detail(entry, &keys, &tree))?;
        drop((keys, entries));
        self.fit(tree, &written, named.as_ref())
    }

    /// Reads the types of `tree` and checks all rules. Values that the user did not write adapt; `named`
    /// is the named scenario without overrides, if it comes from one.
    fn fit(
        &self,
        mut tree: Value,
        written: &Written,
        named: Option<&Scenario>,
    ) -> Result<Scenario, Problem> {
        let mut adapted = Adaptations::default();
        if let Some(named) = named {
            let scenario = self.typed(&tree)?;
            slow_churn(&mut tree, named, written, &scenario, &mut adapted);
        }
        let (mut rounds, mut have_moved) = (0, false);
        loop {
            let mut scenario = self.typed(&tree)?;
            self.choose_system(&mut scenario, written, &mut adapted)?;
            let Err(wrong) = self.check(&scenario) else {
                return Ok(Scenario { adapted, ..scenario });
            };
            rounds += 1;
            let mut fits = adapt(&mut tree, &wrong, written, &scenario, &mut adapted);
            if let Some(named) = named
                && !have_moved
                && is_time_in_phase(&wrong.path)
            {
                have_moved = move_times(&mut tree, named, written, &scenario, &mut adapted);
                fits |= have_moved;
            }
            if !fits || rounds > ROUNDS_MAX {
                return Err(self.explain(&wrong, &scenario));
            }
        }
    }

    fn check_override(&self, key: &str, value: &str) -> Verdict {
        let known = self.find_key(&without_indices(key));
        known.map(|_| ()).ok_or_else(|| self.unknown(key, &value_of(value)))
    }

    /// Removes the keys that an override makes invalid: the alternatives of its key, and the
    /// details of the choice that it changes.
    fn make_room(&self, tree: &mut Value, key: &str, value: &str) {
        let known = without_indices(key);
        let details = self.keys().filter(|other| {
            let is_lost = |choice: &Choice| {
                choice.name == last(&known) && !choice.words.contains(&value.trim_matches('"'))
            };
            parent(other.path) == parent(&known) && other.detail_of.as_ref().is_some_and(is_lost)
        });
        let alternatives = self.alternatives_of(&known);
        let replaced: Vec<&str> = alternatives.chain(details.map(|key| key.path)).collect();
        if let Some(siblings) = at_mut(tree, parent(key)).and_then(Value::as_table_mut) {
            siblings.retain(|name, _| !replaced.iter().any(|path| last(path) == name));
        }
    }

    fn check_known(&self, entry: &Entry<'_>, keys: &KnownKeys) -> Verdict {
        let Entry { path, value, .. } = entry;
        let Some(key) = keys.key(entry) else {
            return Err(self.unknown(path, value));
        };
        // Serde accepts a list in place of a table, as the values of its keys in order.
        let may_be_list = match key.kind {
            Kind::Tables => key.path == path,
            Kind::Numbers => last(path) == key.name(),
            _ => false,
        };
        if value.is_array() && !may_be_list {
            return Err(Problem::not_accepted(path, Some(value), &self.accepted(key)));
        }
        Ok(())
    }

    fn unknown(&self, path: &str, value: &Value) -> Problem {
        let nearest = self.nearest_key(&without_indices(path));
        let (written, value) = (shortened(path), shown(value));
        let message =
            format!("{written} = {value}: there is no such key: the nearest is {nearest}");
        Problem { path: path.to_owned(), message }
    }

    fn check_detail(&self, entry: &Entry<'_>, keys: &KnownKeys, tree: &Value) -> Verdict {
        let Entry { path, value, .. } = entry;
        // A number in a list is judged with its list.
        let key = keys.key(entry).filter(|key| last(path) == key.name());
        let Some(choice) = key.and_then(|key| key.detail_of.as_ref()) else { return Ok(()) };
        let chooser = join(parent(path), choice.name);
        let default;
        let chosen = match at(tree, &chooser) {
            Some(chosen) => Some(chosen),
            None => {
                default = self.default_of(&without_indices(&chooser));
                default.as_ref()
            }
        };
        let chosen = match chosen {
            None => "",
            Some(Value::String(chosen)) => chosen,
            // Reading the types later reports the wrong type of the chooser, a better message.
            Some(_) => return Ok(()),
        };
        // A wrong word is reported later, too.
        let is_wrong =
            self.find_key(&without_indices(&chooser)).is_some_and(|key| match key.kind {
                Kind::Word(words) => !chosen.is_empty() && !words.contains(&chosen),
                _ => false,
            });
        if is_wrong || choice.words.contains(&chosen) {
            return Ok(());
        }
        let words = choice.words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>();
        let message = format!(
            "{path} = {} has no meaning with {chooser} = {:?}: write {chooser} = {}, or leave it out",
            shown(value),
            shortened(chosen),
            words.join(" or "),
        );
        Err(Problem { path: path.clone(), message })
    }

    /// Checks that an entry of a list has all keys without a default.
    fn check_complete(&self, Entry { path, value, .. }: &Entry<'_>) -> Verdict {
        let Value::Table(entry) = value else { return Ok(()) };
        let required = match parent(path) {
            "fault" => fault::REQUIRED,
            "workload.profile" => profile::REQUIRED,
            _ => return Ok(()),
        };
        for (names, keys) in required {
            if !names.iter().any(|name| entry.contains_key(*name)) {
                let key = self.find_key(&join(parent(path), names[0]));
                let accepted = key.map_or_else(Default::default, |key| self.accepted(key));
                let message = format!("{path} lacks {keys}: write {} = {accepted}", names[0]);
                return Err(Problem { path: path.clone(), message });
            }
        }
        Ok(())
    }

    /// Reads the types of a tree of known keys.
    pub(super) fn typed(&self, tree: &Value) -> Result<Scenario, Problem> {
        let mut scenario = self.default_scenario();
        // Items and values come with the system; see `choose_system`.
        scenario.set_subject(Subject::Keys);
        for (name, value) in tree.as_table().into_iter().flatten() {
            let result = match self.system_section(name) {
                Some(section) => (section.read)(value.clone())
                    .map(|read| scenario.sections.put(section.name, read)),
                None => scenario.set(name, value.clone()),
            };
            result.map_err(|wrong| {
                let path = join(name, &wrong.path);
                match self.find_key(&without_indices(&path)) {
                    Some(key) => Problem::not_accepted(&path, at(tree, &path), &self.accepted(key)),
                    None => Problem { message: wrong.message, path },
                }
            })?;
        }
        Ok(scenario)
    }

    /// Checks that the system exists. Adds the section that the system needs, if there is none. Drops
    /// the items or the store of a named scenario if the system does not support them.
    fn choose_system(
        &self,
        scenario: &mut Scenario,
        written: &Written,
        adapted: &mut Adaptations,
    ) -> Verdict {
        let name = scenario.system.clone();
        if !self.has_system(&name) {
            let written = comparable(&name);
            let likeness = |other: &&str| strsim::jaro_winkler(&written, other);
            let names = self.system_names();
            let nearest = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let accepted =
                format!("{} (the nearest is {:?})", quoted(&names), nearest.unwrap_or(&""));
            return Err(Problem::not_accepted("system", Some(&name.into()), &accepted));
        }
        let first = self.first_subject(&name);
        let subject = scenario.subject();
        let Some(section) = subject.section() else {
            scenario.set_subject(first);
            return Ok(());
        };
        if self.knows(&name, subject) {
            return Ok(());
        }
        let does = match first {
            Subject::Keys => "looks up keys",
            Subject::Items => "asks for items",
            Subject::Values => "stores values",
        };
        if written.has(section) {
            let message = format!(
                "{section} is not accepted with system = {name:?}, which {does}: leave [{section}] out"
            );
            return Err(Problem { path: section.to_owned(), message });
        }
        scenario.set_subject(first);
        scenario.expect.anomalies = None; // Of a store that is gone.
        adapted.push(Adaptation {
            key: section.to_owned(),
            from: "the scenario's".to_owned(),
            to: "none".to_owned(),
            reason: format!("system = {name:?} {does}"),
        });
        Ok(())
    }

    fn explain(&self, wrong: &Impossible, scenario: &Scenario) -> Problem {
        let resolved = scenario.to_table().into();
        let value = at(&resolved, &wrong.path);
        let key = self.find_key(&without_indices(&wrong.path));
        let always = key.map_or_else(Default::default, |key| self.accepted(key));
        Problem::not_accepted(&wrong.path, value, wrong.accepted.as_deref().unwrap_or(&always))
    }
}

/// The keys of entries, each found once: a list may have very many entries with the same keys.
struct KnownKeys(HashMap<Rc<str>, (Option<&'static Key>, Vec<&'static str>)>);

impl KnownKeys {
    fn of(schema: &Schema, entries: &[Entry<'_>]) -> KnownKeys {
        let mut keys = HashMap::new();
        for Entry { key_path, .. } in entries {
            if !keys.contains_key(key_path) {
                let alternatives = schema.alternatives_of(key_path).collect();
                keys.insert(key_path.clone(), (schema.find_key(key_path), alternatives));
            }
        }
        KnownKeys(keys)
    }

    /// The key of `entry`.
    fn key(&self, entry: &Entry<'_>) -> Option<&'static Key> {
        self.0.get(&entry.key_path).and_then(|(key, _)| *key)
    }

    /// The keys that exclude the key of `entry`.
    fn alternatives(&self, entry: &Entry<'_>) -> &[&'static str] {
        self.0.get(&entry.key_path).map_or(&[], |(_, alternatives)| alternatives)
    }
}

fn check_alternatives(entry: &Entry<'_>, keys: &KnownKeys, tree: &Value) -> Verdict {
    let Entry { path, value, .. } = entry;
    for other in keys.alternatives(entry) {
        let other = join(parent(path), last(other));
        if let Some(other_value) = at(tree, &other) {
            let (value, other_value) = (shown(value), shown(other_value));
            let message =
                format!("{path} = {value} contradicts {other} = {other_value}: write one of them");
            return Err(Problem { path: path.clone(), message });
        }
    }
    Ok(())
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    path: String,
    message: String,
}

impl Problem {
    fn not_accepted(path: &str, value: Option<&Value>, accepted: &str) -> Problem {
        let value = value.map(|value| format!(" = {}", shown(value))).unwrap_or_default();
        let message = format!("{}{value} is not accepted: write {accepted}", shortened(path));
        Problem { path: path.to_owned(), message }
    }
}

type Verdict = Result<(), Problem>;

/// Whether `path` is a time after the start of the measured phase.
fn is_time_in_phase(path: &str) -> bool {
    let lists = ["fault", "workload.profile"];
    lists.iter().any(|list| is_within(path, list)) && matches!(last(path), "at" | "over" | "until")
}

fn syntax_error(text: &str, file: Option<&str>, error: &toml::de::Error) -> ScenarioError {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let place = format!("{}:{line}", file.unwrap_or("TOML"));
    ScenarioError::new(Some(place), format!("not TOML: {}", error.message()))
}

/// The file and the line of the value at `path`; only the file if `text` does not have it.
fn place_of(path: &str, text: &str, file: &str) -> String {
    let offset = DeTable::parse(text).ok().and_then(|root| {
        let mut offset = None;
        let mut here = DeValue::Table(root.into_inner());
        for word in words(path) {
            let (start, next) = match here {
                DeValue::Table(table) => table
                    .into_iter()
                    .find(|(name, _)| name.get_ref() == word)
                    .map(|(name, value)| (name.span().start, value.into_inner())),
                DeValue::Array(list) => word
                    .parse()
                    .ok()
                    .and_then(|index: usize| list.into_iter().nth(index))
                    .map(|value| (value.span().start, value.into_inner())),
                _ => None,
            }?;
            offset = Some(start);
            here = next;
        }
        offset
    });
    offset.map_or(file.to_owned(), |offset| format!("{file}:{}", line_of(text, offset)))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
