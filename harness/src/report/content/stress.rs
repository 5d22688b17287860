//! A stress test: the knee, what callers got at each load, and beyond.

use super::origins;
use crate::report::chart::{Axis, Chart, Curves, Mark, Scale, Series, Style};
use crate::report::document::{Cell, Document, KeyFigure, Section, Table};
use crate::report::saved::stress::{Percentiles, Service, Stage, Step, Stress};
use crate::report::units::{count, micros, number};

/// A figure of what callers got.
type Of = fn(&Service) -> Option<f64>;

const LATENCY: [(&str, Of); 3] = [
    ("p50", |it| it.latency_us.map(|it| it.p50 / 1e3)),
    ("p99", |it| it.latency_us.map(|it| it.p99 / 1e3)),
    ("p99.9", |it| it.latency_us.map(|it| it.p99_9 / 1e3)),
];

/// The report of a stress test.
pub(super) fn document(stress: &Stress) -> Document {
    let mut sections = vec![summary(stress), curves(stress), beyond(stress), steps(stress)];
    sections.retain(Section::has_content);
    let grows = if stress.ramp == "nodes" { "more and more nodes" } else { "more and more load" };
    let mut lead = vec![format!(
        "Workload {} with {grows}, until the service level ({}) breaks.",
        stress.workload, stress.level
    )];
    lead.extend(stress.search_note.as_deref().map(sentence));
    lead.extend(stress.hold_note.as_deref().map(sentence));
    if stress.interrupted {
        lead.push("The test was interrupted.".to_owned());
    }
    let origins = origins::origins(&stress.origin);
    Document { title: format!("Stress test with {}", stress.workload), lead, sections, origins }
}

/// A remark with a capital letter and a full stop.
fn sentence(remark: &str) -> String {
    let mut letters = remark.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn summary(stress: &Stress) -> Section {
    let mut section = Section::new("summary", "Summary");
    if let Some(knee) = &stress.knee {
        section.figures.push(KeyFigure::new(
            "Capacity",
            format!("{}/s", number(knee.per_s)),
            format!("the highest load that held, {} nodes", count(knee.nodes.into())),
        ));
    }
    if let Some(packets) = stress.packets_per_s {
        let ratio = stress
            .capacity_per_packet
            .map_or(String::new(), |it| format!("the capacity is {} of it", number(it)));
        section.figures.push(KeyFigure::new(
            "Plain packets",
            format!("{}/s", number(packets)),
            ratio,
        ));
    }
    if let Some(held) = &stress.held {
        section.figures.push(KeyFigure::new(
            "Held",
            format!("{}/s", number(held.per_s)),
            format!("under churn, {} nodes", count(held.nodes.into())),
        ));
        if let Some(recovery) = held.recovery_s {
            section.figures.push(KeyFigure::new(
                "Recovery",
                if recovery > 0.0 { micros(recovery * 1e6) } else { "at once".to_owned() },
                "after the load was back",
            ));
        }
    }
    section
}

/// What callers got by load.
fn curves(stress: &Stress) -> Section {
    let mut section = Section::new("curves", "By load");
    let is_nodes = stress.ramp == "nodes";
    let mut steps: Vec<(f64, &Step)> = stress
        .steps
        .iter()
        .filter_map(|step| {
            let service = step.figures.as_ref()?.service;
            Some((if is_nodes { f64::from(step.nodes) } else { service.offered_per_s }, step))
        })
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let x = || match is_nodes {
        true => Axis::new("Nodes", "", Scale::Log),
        false => Axis::new("Offered load", "1/s", Scale::Log),
    };
    let knee = stress.knee.as_ref().map(|it| if is_nodes { f64::from(it.nodes) } else { it.per_s });
    let marks: Vec<Mark> =
        knee.map(|x| Mark { x, to: None, label: "knee".to_owned() }).into_iter().collect();
    let service = |step: &Step| step.figures.as_ref().map(|it| it.service);
    let curve = |name: &str, color, of: &dyn Fn(&Step) -> Option<f64>| {
        Series::new(name, Style::Line, color, steps.iter().map(|(x, step)| (*x, of(step))))
    };
    let mut add = |id: &str, title: &str, y: Axis, series: Vec<Series>| {
        section.add_chart(Chart::Curves(Curves {
            marks: marks.clone(),
            ..Curves::new(id, title, x(), y, series)
        }));
    };
    let latency = LATENCY
        .iter()
        .enumerate()
        .map(|(color, (name, of))| curve(name, color, &|step| service(step).as_ref().and_then(of)));
    add("latency", "Latency", Axis::new("Latency", "ms", Scale::Log), latency.collect());
    let goodput = vec![
        curve("right answers", 0, &|step| Some(service(step)?.goodput_per_s)),
        curve("offered", 6, &|step| Some(service(step)?.offered_per_s)).dashed(),
    ];
    add("goodput", "Goodput", Axis::new("Right answers", "1/s", Scale::Log), goodput);
    let shares = vec![
        curve("success", 0, &|step| service(step)?.success.map(|it| it * 100.0)),
        curve("shed", 1, &|step| Some(service(step)?.shed * 100.0)),
    ];
    add("success", "Success", Axis::new("Share", "%", Scale::Linear), shares);
    let usage = |step: &Step| {
        let usage = step.figures.as_ref()?.usage.as_ref()?;
        let sum: f64 = usage.cores.iter().sum();
        Some(sum / usage.cores.len().max(1) as f64 * 100.0)
    };
    let others = |step: &Step| {
        let usage = step.figures.as_ref()?.usage.as_ref()?;
        Some(usage.others_cores / usage.cores.len().max(1) as f64 * 100.0)
    };
    let busy = vec![curve("all cores", 0, &usage), curve("of it, other programs", 1, &others)];
    add("busy", "How busy the cores were", Axis::new("Busy", "%", Scale::Linear), busy);
    let cost = curve("CPU time", 0, &|step| step.figures.as_ref()?.cpu_us_per_operation);
    add("cpu", "CPU time per operation", Axis::new("CPU time", "µs", Scale::Linear), vec![cost]);
    section
}

fn beyond(stress: &Stress) -> Section {
    let mut section = Section::new("beyond", "Hold, beyond and back");
    let Some(held) = &stress.held else { return section };
    let row = |stage: &Stage| {
        let service = &stage.service;
        let latency = |of: fn(&Percentiles) -> f64| {
            Cell::Number(service.latency_us.as_ref().map_or("–".to_owned(), |it| micros(of(it))))
        };
        vec![
            Cell::Text(stage.name.clone()),
            Cell::Number(format!("{} ×", number(stage.multiple))),
            Cell::Number(number(service.offered_per_s)),
            Cell::Number(number(service.goodput_per_s)),
            Cell::Number(
                service.success.map_or("–".to_owned(), |it| format!("{:.2} %", it * 100.0)),
            ),
            Cell::Number(format!("{:.2} %", service.shed * 100.0)),
            latency(|it| it.p50),
            latency(|it| it.p99),
            if stage.broken.is_empty() {
                Cell::Good("held".into())
            } else {
                Cell::Bad(stage.broken.join(", "))
            },
        ]
    };
    let head = ["Stage", "Load", "Offered/s", "Right/s", "Success", "Shed", "p50", "p99", "Level"];
    section.tables.push(Table {
        caption: "Stages of the run that held the knee, in their order".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: held.stages.iter().map(row).collect(),
    });
    section
}

fn steps(stress: &Stress) -> Section {
    let mut section = Section::new("steps", "All loads that were tried");
    let row = |step: &Step| {
        let service = step.figures.as_ref().map(|it| it.service);
        let cell = |text: Option<String>| Cell::Number(text.unwrap_or("–".to_owned()));
        vec![
            Cell::Number(count(step.nodes.into())),
            Cell::Number(number(step.planned_per_s)),
            cell(service.map(|it| number(it.goodput_per_s))),
            cell(service.and_then(|it| Some(format!("{:.2} %", it.success? * 100.0)))),
            cell(service.and_then(|it| Some(micros(it.latency_us?.p99)))),
            if step.held { Cell::Good("held".into()) } else { Cell::Bad("broken".into()) },
        ]
    };
    section.tables.push(Table {
        caption: "In the order in which they ran".to_owned(),
        head: ["Nodes", "Load/s", "Right/s", "Success", "p99", "Level"].map(str::to_owned).to_vec(),
        rows: stress.steps.iter().map(row).collect(),
    });
    section
}
