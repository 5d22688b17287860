//! A campaign: how many seeds held, and which did not.

use super::{origins, words};
use crate::report::document::{Cell, Document, KeyFigure, Section, Table};
use crate::report::saved::campaign::{Campaign, Failing};
use crate::report::units::{count, micros, number};

/// The report of a campaign.
pub(super) fn document(campaign: &Campaign) -> Document {
    let name = words::text(&campaign.scenario, "name").unwrap_or("campaign");
    let [first, end] = campaign.seeds;
    let mut summary = Section::new("summary", "Summary");
    let check = &campaign.check;
    let failed = campaign.failing.len() as u64;
    summary.figures = vec![
        KeyFigure::new(
            "Seeds",
            count(campaign.ran),
            format!("of {} – {}", first, end.saturating_sub(1)),
        ),
        KeyFigure::new("Failed", count(failed), "runs that did not hold what was expected"),
        KeyFigure::new("Simulated", micros(campaign.simulated_s * 1e6), "in all"),
        KeyFigure::new(
            "Violations",
            count(check.violations),
            format!("of the invariant, in {} episodes", count(check.episodes)),
        ),
        KeyFigure::new("Longest", micros(check.longest_s * 1e6), "until the invariant held again"),
    ];
    let mut sections = vec![summary];
    if failed > 0 {
        let mut failing = Section::new("failing", "Seeds that failed");
        let row = |it: &Failing| {
            vec![
                Cell::Number(it.seed.to_string()),
                Cell::Number(it.status.to_string()),
                Cell::Bad(it.reason.clone()),
                Cell::Text(it.replay.clone().unwrap_or_default()),
            ]
        };
        failing.tables.push(Table {
            caption: "Each with the command that repeats it".to_owned(),
            head: ["Seed", "Status", "Why", "Command"].map(str::to_owned).to_vec(),
            rows: campaign.failing.iter().map(row).collect(),
        });
        failing.tables.extend(shrunk(&campaign.failing));
        sections.push(failing);
    }
    let mut scenario = Section::new("scenario", "Scenario");
    let text = toml::to_string(&campaign.scenario).unwrap_or_default();
    scenario.listings.push(("All values but the seed".to_owned(), text));
    sections.push(scenario);
    let mut lead = words::sentences(&campaign.scenario);
    let runs = end.saturating_sub(first);
    let share =
        number(100.0 * (campaign.ran.saturating_sub(failed)) as f64 / campaign.ran.max(1) as f64);
    lead.push(format!("It ran with {runs} seeds; {share} % of the runs held what was expected."));
    if campaign.interrupted {
        lead.push("The campaign was interrupted.".to_owned());
    }
    let origins = origins::origins(&campaign.origin);
    Document { title: format!("Campaign of {name}"), lead, sections, origins }
}

/// The smaller scenarios that fail in the same way, if there are some.
fn shrunk(failing: &[Failing]) -> Option<Table> {
    let row = |it: &Failing| {
        let shrunk = it.shrunk.as_ref()?;
        let length = match (shrunk.measure_s, shrunk.lookups) {
            (Some(measure_s), _) => micros(measure_s * 1e6),
            (None, lookups) => format!("{} lookups", count(lookups.unwrap_or_default())),
        };
        Some(vec![
            Cell::Number(it.seed.to_string()),
            Cell::Number(count(shrunk.nodes.into())),
            Cell::Number(count(shrunk.faults)),
            Cell::Text(length),
            Cell::Text(shrunk.replay.clone()),
        ])
    };
    let rows: Vec<_> = failing.iter().filter_map(row).collect();
    let head = ["Seed", "Nodes", "Faults", "Length", "Command"].map(str::to_owned).to_vec();
    let caption = "Smaller scenarios that fail in the same way".to_owned();
    (!rows.is_empty()).then_some(Table { caption, head, rows })
}
