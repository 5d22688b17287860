//! A plan: latency against maintenance, the recommended parameters, and the model beside simulations.

use super::{origins, words};
use crate::report::chart::{Axis, Chart, Curves, Mark, Scale, Series, Style};
use crate::report::document::{Cell, Document, KeyFigure, Section, Table};
use crate::report::saved::plan::{Compared, Plan, PlanPoint, Simulation};
use crate::report::units::{bytes, count, micros, number};

/// The report of a plan.
pub(super) fn document(plan: &Plan) -> Document {
    let mut sections = vec![recommended(plan), exchange(plan), steps(plan), simulations(plan)];
    sections.retain(Section::has_content);
    let mut lead = vec![format!(
        "Which parameters to run a {} of {} nodes with.",
        plan.system,
        count(plan.nodes)
    )];
    if plan.interrupted {
        lead.push("The plan was interrupted: simulations are missing.".to_owned());
    }
    let mut given = Section::new("given", "Given");
    given.tables.push(Table {
        caption: "Values of the scenario that were given".to_owned(),
        head: ["Key", "Value"].map(str::to_owned).to_vec(),
        rows: plan
            .given
            .iter()
            .map(|(key, value)| vec![Cell::Text(key.clone()), Cell::Text(value.clone())])
            .collect(),
    });
    sections.push(given);
    let origins = origins::origins(&plan.origin);
    Document { title: format!("Plan for {} nodes", count(plan.nodes)), lead, sections, origins }
}

fn parameters(parameters: &[(String, toml::Value)]) -> String {
    let texts = parameters.iter().map(|(key, value)| format!("{key} = {}", words::plain(value)));
    texts.collect::<Vec<_>>().join(", ")
}

fn recommended(plan: &Plan) -> Section {
    let mut section = Section::new("recommended", "Recommended");
    let Some(chosen) = &plan.chosen else {
        section.text.push("No point was found.".to_owned());
        return section;
    };
    let figures = &chosen.figures;
    section.text.push(format!("{}.", parameters(&chosen.parameters)));
    if !chosen.meets_demands {
        section
            .text
            .push("It does not meet all demands; it is the nearest that is possible.".to_owned());
    }
    section.figures = vec![
        KeyFigure::new(
            "Latency",
            micros(figures.latency_mean_s * 1e6),
            format!("p99 {}", micros(figures.latency_p99_s * 1e6)),
        ),
        KeyFigure::new("Maintenance", format!("{}/s", bytes(figures.bytes_per_node_s)), "per node"),
        KeyFigure::new("Memory", bytes(figures.memory_bytes), "per node"),
        KeyFigure::new("Hops", number(figures.hops), "per lookup"),
        KeyFigure::new("Failed", format!("{:.4} %", figures.failed * 100.0), "of lookups"),
    ];
    section
}

fn exchange(plan: &Plan) -> Section {
    let mut section = Section::new("exchange", "Latency against maintenance");
    let at = |point: &PlanPoint| {
        (point.figures.bytes_per_node_s, Some(point.figures.latency_mean_s * 1e3))
    };
    let mut hull: Vec<_> = plan.candidates.iter().filter(|it| it.is_on_hull).map(at).collect();
    hull.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut series = vec![
        Series::new(
            "best points",
            Style::Points,
            0,
            sorted(plan.candidates.iter().map(at).collect()),
        ),
        Series::new("hull", Style::Line, 1, hull),
    ];
    series.extend(
        plan.chosen.iter().map(|it| Series::new("recommended", Style::Points, 2, [at(it)])),
    );
    let chosen = plan.chosen.as_ref().map(|it| Mark {
        x: it.figures.bytes_per_node_s,
        to: None,
        label: "recommended".to_owned(),
    });
    let budget =
        plan.demands.bytes_per_node_s.map(|x| Mark { x, to: None, label: "budget".to_owned() });
    section.add_chart(Chart::Curves(Curves {
        note: "No point beats one of these in latency, maintenance, memory and losses at once."
            .to_owned(),
        marks: budget.into_iter().chain(chosen).collect(),
        ..Curves::new(
            "exchange",
            "Mean latency against maintenance",
            Axis::new("Maintenance per node", "B/s", Scale::Log),
            Axis::new("Mean latency", "ms", Scale::Log),
            series,
        )
    }));
    let p99 = |point: &PlanPoint| {
        (point.figures.bytes_per_node_s, Some(point.figures.latency_p99_s * 1e3))
    };
    let mut series = vec![Series::new(
        "best points",
        Style::Points,
        0,
        sorted(plan.candidates.iter().map(p99).collect()),
    )];
    series.extend(
        plan.chosen.iter().map(|it| Series::new("recommended", Style::Points, 2, [p99(it)])),
    );
    let asked = plan.demands.p99_s.map(|it| {
        let ends = plan.candidates.iter().map(|it| it.figures.bytes_per_node_s);
        let (least, most) = ends
            .fold((f64::MAX, 0.0), |(least, most), it| (f64::min(least, it), f64::max(most, it)));
        Series::new("demand", Style::Line, 6, [(least, Some(it * 1e3)), (most, Some(it * 1e3))])
            .dashed()
    });
    series.extend(asked);
    section.add_chart(Chart::Curves(Curves::new(
        "exchange-p99",
        "99th percentile of latency against maintenance",
        Axis::new("Maintenance per node", "B/s", Scale::Log),
        Axis::new("Latency p99", "ms", Scale::Log),
        series,
    )));
    section
}

fn sorted(mut points: Vec<(f64, Option<f64>)>) -> Vec<(f64, Option<f64>)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn steps(plan: &Plan) -> Section {
    let mut section = Section::new("steps", "One step in each parameter");
    if plan.steps.is_empty() {
        return section;
    }
    let rows = plan.steps.iter().map(|step| {
        let meets =
            if step.meets_demands { Cell::Good("met".into()) } else { Cell::Bad("not met".into()) };
        vec![
            Cell::Text(format!("{} = {}", step.key, words::plain(&step.value))),
            Cell::Number(micros(step.figures.latency_mean_s * 1e6)),
            Cell::Number(micros(step.figures.latency_p99_s * 1e6)),
            Cell::Number(format!("{}/s", bytes(step.figures.bytes_per_node_s))),
            Cell::Number(bytes(step.figures.memory_bytes)),
            meets,
        ]
    });
    section.tables.push(Table {
        caption: "What the recommended point would become".to_owned(),
        head: ["With", "Latency", "p99", "Maintenance", "Memory", "Demands"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    });
    section
}

fn simulations(plan: &Plan) -> Section {
    let mut section = Section::new("simulations", "Model beside simulation");
    let rows = |simulation: &Simulation| {
        let name =
            format!("{} nodes: {}", count(simulation.nodes), parameters(&simulation.parameters));
        let row = move |it: &Compared| {
            let error = format!("{:+.1} %", it.error * 100.0);
            vec![
                Cell::Text(name.clone()),
                Cell::Text(it.figure.replace('_', " ")),
                Cell::Number(number(it.model)),
                Cell::Number(number(it.simulated)),
                if it.error.abs() > 0.15 { Cell::Bad(error) } else { Cell::Number(error) },
            ]
        };
        simulation.figures.iter().map(row).collect::<Vec<_>>()
    };
    if plan.simulations.is_empty() {
        return section;
    }
    section.tables.push(Table {
        caption: "Errors of the model as shares of the simulation".to_owned(),
        head: ["Simulated", "Figure", "Model", "Simulation", "Error"].map(str::to_owned).to_vec(),
        rows: plan.simulations.iter().flat_map(rows).collect(),
    });
    section
}
