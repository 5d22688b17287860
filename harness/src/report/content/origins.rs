//! When, where and by which program a result was made.

use crate::report::saved::origin::Origin;
use crate::report::units::{bytes, micros};

/// Names and values, for the end of a page.
pub(super) fn origins(origin: &Origin) -> Vec<(String, String)> {
    let Origin { started_at, wall_s, machine, build } = origin;
    let row = |name: &str, value: String| (name.to_owned(), value);
    vec![
        row("Started", format!("{started_at}, took {}", micros(wall_s * 1e6))),
        row(
            "Machine",
            format!(
                "{}, {} cores, {}, Linux {}",
                machine.cpu,
                machine.cores,
                bytes(machine.memory_bytes as f64),
                machine.kernel
            ),
        ),
        row(
            "Program",
            format!(
                "{} {}, commit {}, {}, {}",
                build.program, build.version, build.commit, build.rustc, build.profile
            ),
        ),
    ]
}
