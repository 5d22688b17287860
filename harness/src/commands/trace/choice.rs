//! Which lookup of a run is traced, as the user writes it.

use std::str::FromStr;

/// The lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The one with this number.
    Number(u32),
    /// One that stands out.
    Outstanding(Outstanding),
}

/// What a lookup of the measured phase stands out by. Ties go to the first lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outstanding {
    /// The one whose answer took longest.
    Slowest,
    /// The first that failed.
    Failed,
    /// The first with an incorrect answer.
    Incorrect,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        Ok(match text {
            "slowest" => Choice::Outstanding(Outstanding::Slowest),
            "failed" => Choice::Outstanding(Outstanding::Failed),
            "incorrect" => Choice::Outstanding(Outstanding::Incorrect),
            number => match number.parse() {
                Ok(number) if number > 0 => Choice::Number(number),
                _ => {
                    return Err(format!(
                        "{text:?} is no lookup: write its number, such as 1, or slowest, failed or incorrect; or the \
                         folder of a result with traces"
                    ));
                }
            },
        })
    }
}
