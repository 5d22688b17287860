//! Long lines of text, broken between words.
//!
//! **Invariant:** no word is broken, and nothing is cut off.

/// The greatest width of a line of prose in columns; also the width where there is no terminal.
pub(crate) const COLUMNS: usize = 120;

/// Appends `line` to `text`. If it is longer than `columns`, it continues in further lines, indented
/// by `indent`. It is broken after the last of `joints` that fits, else after the last space. The
/// first `indent` columns are never broken.
pub(crate) fn push_wrapped(
    text: &mut String,
    line: &str,
    indent: usize,
    columns: usize,
    joints: &[&str],
) {
    let mut rest = line.trim_end().to_owned();
    while let Some(end) = break_of(&rest, indent, columns, joints) {
        text.push_str(rest[..end].trim_end());
        text.push('\n');
        rest = format!("{:indent$}{}", "", rest[end..].trim_start());
    }
    text.push_str(&rest);
    text.push('\n');
}

/// Where to break a line that is too long, in bytes. A word longer than a line is followed by a
/// break.
fn break_of(line: &str, indent: usize, columns: usize, joints: &[&str]) -> Option<usize> {
    let column = |n| line.char_indices().nth(n).map(|(at, _)| at);
    column(columns)?;
    // A trailing space is not written, so it may be beyond the edge.
    let fitting = &line[..column(columns + 1).unwrap_or(line.len())];
    let start = column(indent)?;
    let last = |joint: &str| fitting[start..].rfind(joint).map(|at| start + at + joint.len());
    joints
        .iter()
        .copied()
        .filter_map(last)
        .max()
        .or_else(|| last(" "))
        .or_else(|| line[start..].find(' ').map(|at| start + at + 1))
        .filter(|&end| end > start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(line: &str, indent: usize, columns: usize, joints: &[&str]) -> String {
        let mut text = String::new();
        push_wrapped(&mut text, line, indent, columns, joints);
        text
    }

    #[test]
    fn words_stay_whole_and_further_lines_are_indented() {
        let line = "per-core: one-socket-per-core for all-of-its-nodes";
        assert_eq!(
            wrapped(line, 2, 30, &[]),
            "per-core: one-socket-per-core\n  for all-of-its-nodes\n"
        );
        assert_eq!(wrapped("a-long-word is whole", 0, 5, &[]), "a-long-word\nis\nwhole\n");
    }

    #[test]
    fn joints_come_before_spaces() {
        assert_eq!(wrapped("one two, three four", 0, 16, &[", "]), "one two,\nthree four\n");
    }
}
