//! The machine and the build of a result.
//!
//! **Invariant:** never fails; a value that cannot be read is "unknown" or 0.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// The machine that a run is measured on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processor model, as the kernel calls it.
    pub cpu: String,
    /// Cores this process may run on.
    pub cores: usize,
    /// Physical memory.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
}

impl Machine {
    /// Describes this machine, from `/proc`.
    #[must_use]
    pub fn here() -> Machine {
        let cpus = read("/proc/cpuinfo");
        let unknown = || "unknown".to_owned();
        Machine {
            cpu: value_of(&cpus, "model name").map_or_else(unknown, str::to_owned),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: bytes_of(&read("/proc/meminfo"), "MemTotal"),
            kernel: match read("/proc/sys/kernel/osrelease").trim() {
                "" => unknown(),
                release => release.to_owned(),
            },
        }
    }
}

/// The name and version of a program, as messages and results give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Identity {
    /// Hopwise itself.
    pub const HOPWISE: Identity = Identity { name: "hopwise", version: env!("CARGO_PKG_VERSION") };
}

/// The build of a program and of the harness in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Name of the program. Results that do not say were written by Hopwise itself.
    #[serde(default = "hopwise")]
    pub program: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The commit the harness was built from, followed by `+changes` if the sources differed.
    pub commit: String,
    /// Compiler version.
    pub rustc: String,
    /// Cargo profile: `debug` or `release`.
    pub profile: String,
}

impl Build {
    /// Describes this build of Hopwise itself.
    #[must_use]
    pub fn here() -> Build {
        Build::of(Identity::HOPWISE)
    }

    /// Describes this build of `program`.
    #[must_use]
    pub fn of(program: Identity) -> Build {
        Build {
            program: program.name.to_owned(),
            version: program.version.to_owned(),
            commit: env!("HOPWISE_COMMIT").to_owned(),
            rustc: env!("HOPWISE_RUSTC").to_owned(),
            profile: env!("HOPWISE_PROFILE").to_owned(),
        }
    }
}

fn hopwise() -> String {
    Identity::HOPWISE.name.to_owned()
}

/// Peak resident memory of this process since its start or the last [`reset_peak_rss`], in bytes.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    bytes_of(&read("/proc/self/status"), "VmHWM")
}

/// Sets the peak to the present resident memory. Returns whether the system allowed it.
#[must_use]
pub fn reset_peak_rss() -> bool {
    // See proc_pid_clear_refs(5).
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Resident memory of this process, in bytes.
#[must_use]
pub fn rss_bytes() -> u64 {
    bytes_of(&read("/proc/self/status"), "VmRSS")
}

/// Memory that this process can still take without swapping, in bytes; 0 if unknown. The limits of its
/// address space and of its control group count, too.
#[must_use]
pub fn available_bytes() -> u64 {
    let free = bytes_of(&read("/proc/meminfo"), "MemAvailable");
    let used = bytes_of(&read("/proc/self/status"), "VmSize");
    let address_space = address_space_limit(&read("/proc/self/limits"));
    let address_space = address_space.map(|limit| limit.saturating_sub(used));
    let group = |file: &str| read(&format!("/sys/fs/cgroup/memory.{file}")).trim().parse::<u64>();
    let group = group("max").ok().zip(group("current").ok());
    let group = group.map(|(limit, used)| limit.saturating_sub(used));
    // Unlimited is no number. A limit that is used up is not unknown.
    let limits = [(free > 0).then_some(free), address_space, group];
    limits.into_iter().flatten().min().map_or(0, |bytes| bytes.max(1))
}

/// The soft limit of the address space, if there is one.
fn address_space_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value in the first line `key: value`.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

/// The bytes in the first line `key: n kB`.
fn bytes_of(text: &str, key: &str) -> u64 {
    let kib = value_of(text, key).and_then(|value| value.strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc() {
        let text = "Name:\thopwise\nVmHWM:\t    2192 kB\n";
        assert_eq!(bytes_of(text, "VmHWM"), 2192 * 1024);
        assert_eq!(bytes_of(text, "VmRSS"), 0);
        assert_eq!(value_of(text, "Name"), Some("hopwise"));
        assert!(Machine::here().cores > 0);
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax address space  1024000  unlimited  bytes";
        assert_eq!(address_space_limit(limits), Some(1_024_000));
        assert_eq!(address_space_limit(&limits.replace("1024000", "unlimited")), None);
    }

    #[test]
    fn describes_this_build() {
        let build = Build::here();
        assert!(!build.commit.is_empty() && !build.rustc.is_empty());
        assert!(["debug", "release"].contains(&build.profile.as_str()), "{}", build.profile);
    }
}
