//! The layers of both crates, checked against the paths in the sources.
//!
//! A room is a folder of `src`. It may use only rooms on lines below its own. Modules in the same
//! folder never use each other in a circle. A module and its children count as one.
//!
//! **Invariant:** only `use` declarations and paths that begin with `crate`, `self`, `super` or the
//! crate's own name count; comments and strings do not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms of the harness, top to bottom.
const HARNESS: &str = "
app/        the program: command line and dispatch
commands/   run, campaign, sweep, compare, diff, report, trace, plan, stress, serve, user, list, explain
watch/      the live page of a run
stress/     what a server holds: the search for the knee, and what follows from it
serve/      the client interface: the Redis protocol over TCP
target/     load on a running ring from outside, as a client
conformance/  what every system owes its drivers
report/     what people read: text, files, pages, figures
systems/    the systems that come with Hopwise, one file or folder each
engine/     the two worlds: real sockets and the simulator
director/   decides which nodes join, leave and crash, and which lookups start
plug/       what a system must give, and what an engine must do
plan/       which parameters a system needs: models, demands, the best points
workload/   when lookups start, what they ask, and whether the answer is right
churn/      how long sessions last; traces
network/    delays, loss, hosts
live/       a run while it goes on: the line on the terminal, the feed of live pages
measure/    counters, histograms, the outcome of a run
scenario/   the description of a run
http/       pages for this machine only
resp/       the Redis protocol as bytes
base/       random values, files, the wall clock, worker threads
";

/// The rooms of the kernel, top to bottom. Rooms on one line know nothing of each other.
const KERNEL: &str = "
reactor/                         the event loop over real sockets
store/ directory/ flood/ central/ ring/   the systems
items/                           names, queries and indexes of items
drive/                           timers and counters for drivers
codec/                           datagrams and their framing
node/                            the contract between a node and its driver
base/                            identifiers, peers, time, randomness
";

#[test]
fn harness_rooms_use_only_rooms_below_them() {
    check("src", "hopwise_harness", HARNESS);
}

#[test]
fn kernel_rooms_use_only_rooms_below_them() {
    check("../kernel/src", "hopwise_kernel", KERNEL);
}

fn check(source: &str, name: &str, text: &str) {
    let crate_ = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(source), name);
    let layers = layers(text);
    let listed: BTreeSet<&str> = layers.iter().flatten().copied().collect();
    let rooms: BTreeSet<&str> = crate_.rooms().into_iter().filter(|room| *room != "main").collect();
    assert_eq!(rooms, listed, "the folders of src (left) are not those listed here (right)");
    assert_eq!(crate_.faults(&layers), Vec::<String>::new());
    assert_eq!(crate_.circles(), Vec::<String>::new());
}

/// The words that end in a slash, by line.
fn layers(text: &str) -> Vec<Vec<&str>> {
    let rooms = |line| str::split_whitespace(line).filter_map(|word| word.strip_suffix('/'));
    text.lines()
        .map(|line| rooms(line).collect())
        .filter(|line: &Vec<_>| !line.is_empty())
        .collect()
}

/// A module by the names on the way to it from the root.
type Module = Vec<String>;

/// The modules of a crate and the paths in them.
#[derive(Default)]
struct Crate {
    paths: BTreeMap<Module, Vec<Vec<String>>>,
    /// What a module re-exports: `pub use child::Name`.
    reexports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl Crate {
    fn read(source: &Path, name: &str) -> Crate {
        let mut files = Vec::new();
        gather(source, &mut Vec::new(), &mut files);
        let texts = files.iter().map(|(module, text)| (module.as_slice(), text.as_str()));
        Crate::parse(texts, name)
    }

    fn parse<'t>(files: impl Iterator<Item = (&'t [String], &'t str)>, name: &str) -> Crate {
        let mut read = Crate::default();
        for (module, text) in files {
            let (paths, reexports) = paths(&tokens(text), module, name);
            read.paths.entry(module.to_vec()).or_default().extend(paths);
            read.reexports.entry(module.to_vec()).or_default().extend(reexports);
        }
        read
    }

    fn rooms(&self) -> Vec<&str> {
        let rooms: BTreeSet<&str> =
            self.paths.keys().filter_map(|module| module.first()).map(String::as_str).collect();
        rooms.into_iter().collect()
    }

    /// All uses: a module and the module that it uses.
    fn uses(&self) -> impl Iterator<Item = (&Module, Module)> {
        self.paths.iter().flat_map(move |(user, paths)| {
            paths.iter().map(move |path| (user, self.module_of(path)))
        })
    }

    /// The module that defines what `path` names.
    fn module_of(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        // A re-export may lead to another, but not endlessly.
        for _ in 0..8 {
            let known = (0..=path.len()).rev().find(|&to| self.paths.contains_key(&path[..to]));
            let (module, rest) = path.split_at(known.unwrap_or(0));
            let reexport = rest.first().and_then(|name| self.reexports.get(module)?.get(name));
            match reexport {
                Some(target) => path = [target, &rest[1..]].concat(),
                None => return module.to_vec(),
            }
        }
        path
    }

    /// Uses of rooms that are not below the user's.
    fn faults(&self, layers: &[Vec<&str>]) -> Vec<String> {
        let layer_of = |module: &Module| {
            let room = module.first()?;
            layers.iter().position(|rooms| rooms.contains(&room.as_str()))
        };
        let mut faults = BTreeSet::new();
        for (user, used) in self.uses() {
            if let (Some(from), Some(to)) = (layer_of(user), layer_of(&used))
                && user.first() != used.first()
                && to <= from
            {
                faults.insert(format!("{} uses {}", user.join("::"), used.join("::")));
            }
        }
        faults.into_iter().collect()
    }

    /// Uses between modules of one folder that are part of a circle.
    fn circles(&self) -> Vec<String> {
        let mut siblings: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (user, used) in self.uses() {
            let shared = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            if user.len() > shared && used.len() > shared {
                let used = used[..=shared].to_vec();
                siblings.entry(user[..=shared].to_vec()).or_default().insert(used);
            }
        }
        let reaches = |from: &Module, to: &Module| {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&Module> = siblings.get(from).into_iter().flatten().collect();
            while let Some(next) = open.pop() {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.extend(siblings.get(next).into_iter().flatten());
                }
            }
            false
        };
        let uses = siblings.iter().flat_map(|(user, all)| all.iter().map(move |used| (user, used)));
        let in_circle = uses.filter(|(user, used)| reaches(used, user));
        in_circle
            .map(|(user, used)| format!("{} uses {}", user.join("::"), used.join("::")))
            .collect()
    }
}

/// Reads the files below `folder`, the folder of `module`.
fn gather(folder: &Path, module: &mut Module, files: &mut Vec<(Module, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    for path in entries {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        if path.is_dir() {
            module.push(stem.to_owned());
            gather(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut name = module.clone();
            if !matches!(stem, "lib" | "mod") {
                name.push(stem.to_owned());
            }
            files.push((name, fs::read_to_string(&path).expect("source text")));
        }
    }
}

/// The absolute paths in a file of `module`, and its re-exports.
fn paths(
    tokens: &[String],
    module: &[String],
    crate_name: &str,
) -> (Vec<Vec<String>>, BTreeMap<String, Vec<String>>) {
    let (mut paths, mut reexports) = (Vec::new(), BTreeMap::new());
    // Inline modules and the depth of braces at which each began.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        let here: Module =
            module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.pop_if(|(_, began)| *began == depth);
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                inline.push((tokens[at + 1].clone(), depth));
            }
            // Not the bound `use<…>` of a type.
            "use" if tokens.get(at + 1).is_none_or(|token| token != "<") => {
                let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                let mut leaves = Vec::new();
                at = use_tree(tokens, at + 1, &mut Vec::new(), &mut leaves);
                for (path, name) in leaves {
                    let Some(path) = absolute(&path, &here, crate_name, true) else { continue };
                    if is_public && here == module {
                        reexports.insert(name, path.clone());
                    }
                    paths.push(path);
                }
                continue;
            }
            "crate" | "self" | "super" => {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_name(token))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                if path.len() > 1 {
                    paths.extend(absolute(&path, &here, crate_name, false));
                }
            }
            _ => {}
        }
        at += 1;
    }
    (paths, reexports)
}

/// Reads the tree of a `use` declaration from `at` and returns where it ends. `leaves` gets each path
/// and its name.
fn use_tree(
    tokens: &[String],
    mut at: usize,
    prefix: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let length = prefix.len();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = use_tree(tokens, at, prefix, leaves);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                prefix.truncate(length);
                return at + 1;
            }
            "as" => {
                let name = tokens.get(at + 1).cloned().unwrap_or_default();
                leaves.push((std::mem::take(prefix), name));
                prefix.extend(
                    leaves.last().into_iter().flat_map(|(path, _)| &path[..length]).cloned(),
                );
                return at + 2;
            }
            "self" if !prefix.is_empty() => {}
            "," | "}" | ";" => break,
            name => prefix.push(name.to_owned()),
        }
        at += 1;
    }
    if !prefix.is_empty() {
        leaves.push((prefix.clone(), prefix.last().cloned().unwrap_or_default()));
    }
    prefix.truncate(length);
    at
}

/// The absolute form of `path` in the module `here`; `None` if it leads to another crate. In a `use`, a
/// path may begin with the name of a child.
fn absolute(
    path: &[String],
    here: &[String],
    crate_name: &str,
    in_use: bool,
) -> Option<Vec<String>> {
    let mut base = here.to_vec();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            name if name == crate_name => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            _ if rest.len() == path.len() && !in_use => return None,
            _ => break,
        }
        rest = others;
    }
    let names = rest.iter().filter(|name| *name != "*").cloned();
    Some(base.into_iter().chain(names).collect())
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters, without comments, strings, characters and white space.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let is = |at: usize, what: &str| {
        what.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    let find = |from: usize, what: &str| {
        (from..chars.len()).find(|&at| is(at, what)).map_or(chars.len(), |at| at + what.len())
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        at = if is(at, "//") {
            find(at, "\n")
        } else if is(at, "/*") {
            find(at, "*/")
        } else if c == 'r' && chars.get(at + 1 + hashes) == Some(&'"') {
            find(at + 2 + hashes, &("\"".to_owned() + &"#".repeat(hashes)))
        } else if c == '"' {
            let mut end = at + 1;
            while end < chars.len() && chars[end] != '"' {
                end += 1 + usize::from(chars[end] == '\\');
            }
            end + 1
        } else if is(at, "'\\") {
            find(at + 3, "'")
        } else if c == '\'' && chars.get(at + 2) == Some(&'\'') {
            at + 3
        } else if is(at, "::") {
            tokens.push("::".to_owned());
            at + 2
        } else if c.is_alphanumeric() || c == '_' {
            let name: String =
                chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            let length = name.chars().count();
            tokens.push(name);
            at + length
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at + 1
        };
    }
    tokens
}

mod scanner {
    //! Tests of the scanner on small made-up crates.

    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Crate {
        let files: Vec<(Module, &str)> = files
            .iter()
            .map(|(module, text)| {
                (module.split("::").filter(|it| !it.is_empty()).map(str::to_owned).collect(), *text)
            })
            .collect();
        Crate::parse(files.iter().map(|(module, text)| (module.as_slice(), *text)), "example")
    }

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        crate_of(files).faults(&layers("top/ all\nleft/ right/ two\nlow/ one"))
    }

    #[test]
    fn a_room_may_use_those_below_it() {
        let files = [
            ("", "pub mod top; pub mod left; pub mod right; pub mod low;"),
            ("top", "use crate::{left::Left, right};\nfn f() { crate::low::f() }"),
            ("left", "use example::low;"),
            ("right", ""),
            ("low", "// use crate::top;\nconst S: &str = \"use crate::top;\"; use std::top;"),
        ];
        assert_eq!(faults(&files), Vec::<String>::new());
        assert_eq!(crate_of(&files).circles(), Vec::<String>::new());
    }

    #[test]
    fn uses_upwards_and_sideways_are_found_however_they_are_written() {
        for text in [
            "use crate::top;",
            "use crate::top::{self, Top};",
            "use example::top as upper;",
            "use super::{left::Left as L, top::Top};",
            "use crate::{left::Left as L, top::*};",
            "fn f(at: &'static str) -> u8 { let c = '\"'; crate::top::f(c) }",
            "fn f() { let raw = r#\"\"#; super::top::f() }",
            "mod tests { use super::super::top::Top; }",
            "use crate::Top;",
        ] {
            let files = [
                ("", "mod left; mod right; mod top; pub use top::Top;"),
                ("right::inner", text),
                ("right", text),
                ("top", ""),
                ("left", ""),
            ];
            let files = if text.contains("super") { &files[1..] } else { &files[..] };
            let found = faults(
                &[("", "pub use top::Top;")].iter().chain(files).copied().collect::<Vec<_>>(),
            );
            assert!(found.contains(&"right uses top".to_owned()), "{text}: {found:?}");
        }
        let sideways = faults(&[("left", "use crate::right::R;"), ("right", "")]);
        assert_eq!(sideways, ["left uses right"]);
    }

    #[test]
    fn circles_are_found_at_every_depth_but_not_between_parent_and_child() {
        let files = [
            ("", "mod low;"),
            ("low", "mod a; mod b; mod c; pub use self::b::B; use self::a::A;"),
            ("low::a", "use super::B; use super::helper;"),
            ("low::b", "use super::c::C; mod tests { use super::*; }"),
            ("low::c", "use crate::low::a::A;"),
        ];
        let expected =
            ["low::a uses low::b", "low::b uses low::c", "low::c uses low::a"].map(str::to_owned);
        assert_eq!(crate_of(&files).circles(), expected);
        assert_eq!(crate_of(&files[..4]).circles(), Vec::<String>::new());
    }
}
