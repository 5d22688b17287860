//! The findings as people read them: a line per step while it goes on, and the rest at the end.
//!
//! **Invariant:** no line is longer than [`COLUMNS`], unless a single word is; reads findings only.

use super::bottleneck::percents;
use super::costs::Server;
use super::findings::{Findings, Held};
use super::plan::Load;
use super::resources::Usage;
use super::service::Service;
use super::stages::Stage;
use super::step::Step;
use crate::report::units::{bytes, count, micros, number};
use crate::report::wrap::push_wrapped;

/// The width of the report.
const COLUMNS: usize = 96;
/// The width of the labels on the left.
const LABEL: usize = 14;
/// Preferred places for breaking a long line.
const JOINTS: [&str; 2] = ["; ", ", "];
/// The longest bar of the latency curve.
const BAR: usize = 30;

/// What is searched for, and the head of the table of steps.
pub(super) fn head(findings: &Findings) -> String {
    let Findings { workload, level, nodes, machine, build, started_at, .. } = findings;
    let mut out = String::new();
    let place = match &findings.target {
        Some(addresses) => format!("clients of {}", addresses.join(", ")),
        None if findings.ramp == "nodes" => format!("nodes from {}", count(u64::from(*nodes))),
        None => format!("{} nodes", count(u64::from(*nodes))),
    };
    line(&mut out, &format!("stress: {workload}, {place}, until {level} breaks"));
    line(
        &mut out,
        &format!(
            "{started_at}; {} cores, {}, Linux {}, {}; {} build, commit {}",
            machine.cores,
            bytes(machine.memory_bytes as f64),
            machine.kernel,
            machine.cpu,
            build.profile,
            short(&build.commit)
        ),
    );
    out.push('\n');
    let what = if findings.ramp == "nodes" { "nodes" } else { "step" };
    out.push_str(&table_head(what));
    out
}

fn table_head(what: &str) -> String {
    format!(
        "{what:>7} {:>10} {:>10} {:>8} {:>8} {:>8} {:>7} {:>5} {:>5}  level\n",
        "offered/s", "goodput/s", "p50", "p99", "success", "shed", "CPU", "own"
    )
}

/// The first twelve digits of a commit, and what follows all of them.
fn short(commit: &str) -> String {
    let digits = commit.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(commit.len());
    format!("{}{}", &commit[..digits.min(12)], &commit[digits..])
}

/// A line for a step that comes next.
pub(super) fn step(findings: &Findings, step: &Step) -> String {
    let first = match findings.ramp.as_str() {
        "nodes" => count(u64::from(step.nodes)),
        _ => (findings.steps.len() + 1).to_string(),
    };
    step_line(&first, step)
}

fn step_line(first: &str, step: &Step) -> String {
    let mut out = String::new();
    match &step.figures {
        Some(figures) => {
            let verdict = if step.held { "held".to_owned() } else { broke(&step.broken) };
            let row = figures_row(&figures.service, figures.usage.as_ref());
            out.push_str(&format!("{first:>7} {row}  {verdict}\n"));
        }
        None => {
            let planned = count(step.planned_per_s.round() as u64);
            let why = step.broken.join(", ");
            push_wrapped(
                &mut out,
                &format!("{first:>7} {planned:>10}  {why}"),
                20,
                COLUMNS,
                &JOINTS,
            );
        }
    }
    out
}

/// What a service broke, by name: `broke p99, success`.
fn broke(broken: &[String]) -> String {
    let names: Vec<&str> = broken.iter().filter_map(|it| it.split(' ').next()).collect();
    format!("broke {}", names.join(", "))
}

fn figures_row(service: &Service, usage: Option<&Usage>) -> String {
    let latency = |of: fn(&super::service::Percentiles) -> f64| {
        service.latency_us.as_ref().map_or_else(|| "–".to_owned(), |it| micros(of(it)))
    };
    let busy = usage.and_then(Usage::busy);
    let own = usage.and_then(Usage::own);
    format!(
        "{:>10} {:>10} {:>8} {:>8} {:>8} {:>7} {:>5} {:>5}",
        count(service.offered_per_s.round() as u64),
        count(service.goodput_per_s.round() as u64),
        latency(|it| it.p50),
        latency(|it| it.p99),
        service.success.map_or_else(|| "–".to_owned(), percent),
        percent(service.shed),
        busy.map_or_else(|| "–".to_owned(), whole_percent),
        own.map_or_else(|| "–".to_owned(), whole_percent),
    )
}

fn whole_percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A share; only the whole is 100 %, and only nothing is 0 %.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let percent = if share > 0.0 && share < 1.0 { percent.clamp(0.01, 99.99) } else { percent };
    format!("{percent:.2} %")
}

/// That a load is held now, perhaps because a higher one was not, and what comes after it.
pub(super) fn holding(findings: &Findings, load: Load, multiples: &[f64], is_less: bool) -> String {
    let why = if is_less { "not held for so long; " } else { "" };
    let per_s = count(load.rate.fixed_per_s().unwrap_or(0.0).round() as u64);
    let (what, more) = match findings.ramp.as_str() {
        "nodes" => (format!("{} nodes with {per_s}/s", count(u64::from(load.nodes))), "many"),
        _ => (format!("{per_s}/s"), "much"),
    };
    let multiples: Vec<String> = multiples.iter().map(f64::to_string).collect();
    let beyond = match multiples.as_slice() {
        [] => String::new(),
        all => format!(", then {} times as {more}, and back", all.join(" and ")),
    };
    format!("{why}holding {what}{beyond}\n")
}

/// Everything after the steps.
pub(crate) fn rest(findings: &Findings) -> String {
    let mut out = String::from("\n");
    knee(findings, &mut out);
    curve(findings, &mut out);
    if let Some(why) = &findings.hold_note {
        row(&mut out, "not held", why);
    }
    if let Some(held) = &findings.held {
        let capacity_per_s = findings.knee.map_or(0.0, |knee| knee.per_s);
        stages(held, capacity_per_s, &findings.ramp, &mut out);
        if findings.ramp == "nodes" {
            live_nodes(held, &mut out);
        }
    }
    if let Some(why) = &findings.beyond_note {
        row(&mut out, "beyond", why);
    }
    if let Some(bottleneck) = &findings.bottleneck {
        let evidence = bottleneck.evidence().join("; ");
        row(&mut out, "gave out", &format!("{}: {evidence}", bottleneck.name()));
        // With a target, one of the other processes may be the server.
        if findings.target.is_none()
            && let Some(warning) = bottleneck.warning()
        {
            row(&mut out, "", &warning);
        }
    }
    costs(findings, &mut out);
    for judged in &findings.expectations {
        let mark = if judged.held { "held" } else { "BROKEN" };
        let text = format!("{mark}: {} {}, got {}", judged.name, judged.wanted, judged.got);
        row(&mut out, "assertion", &text);
    }
    if findings.interrupted {
        row(&mut out, "interrupted", "this is what was known by then");
    }
    out
}

/// The whole report.
pub(crate) fn all(findings: &Findings) -> String {
    let mut out = head(findings);
    for (nth, step) in (1..).zip(&findings.steps) {
        let first = match findings.ramp.as_str() {
            "nodes" => count(u64::from(step.nodes)),
            _ => format!("{nth}"),
        };
        out.push_str(&step_line(&first, step));
    }
    out + &rest(findings)
}

fn knee(findings: &Findings, out: &mut String) {
    let per_s = |load: f64| format!("{}/s", count(load.round() as u64));
    match findings.knee {
        Some(knee) => {
            let what = if findings.has_values { "operations" } else { "lookups" };
            let nodes = match findings.target {
                Some(_) => String::new(),
                None => format!(" with {} nodes", count(u64::from(knee.nodes))),
            };
            let above = match (knee.broke_per_s, knee.broke_nodes) {
                (Some(_), Some(nodes)) if findings.ramp == "nodes" => {
                    format!("; {} nodes broke the level", count(u64::from(nodes)))
                }
                (Some(load), _) => format!("; {} broke the level", per_s(load)),
                (None, _) => "; no load broke the level".to_owned(),
            };
            let load = count(knee.per_s.round() as u64);
            row(out, "capacity", &format!("{load} {what}/s{nodes}{above}"));
        }
        None => row(out, "capacity", "not known: no load held the level"),
    }
    if let Some(note) = &findings.search_note {
        row(out, "", note);
    }
    if let (Some(packets), Some(ratio)) = (findings.packets_per_s, findings.capacity_per_packet) {
        let text = format!(
            "{} × the plain packet rate of all cores in the same minutes, {}",
            number(ratio),
            per_s(packets)
        );
        row(out, "", &text);
    }
    if let Some(closed) = findings.closed_loop_per_s {
        row(out, "", &format!("a closed loop completed {}", per_s(closed)));
    }
}

/// The latency at each load that ran: of those that ran several times, the last.
fn curve(findings: &Findings, out: &mut String) {
    let steps = findings.by_load();
    let ran: Vec<(&Step, &Service)> = steps
        .iter()
        .filter_map(|step| Some((*step, &step.figures.as_ref()?.service)))
        .filter(|(_, service)| service.latency_us.is_some())
        .collect();
    let last = ran.chunk_by(|a, b| a.0.planned_per_s == b.0.planned_per_s);
    let last: Vec<_> = last.filter_map(|same| same.last()).collect();
    let p99 = |service: &Service| service.latency_us.map_or(0.0, |it| it.p99);
    let most = last.iter().map(|(_, service)| p99(service)).fold(0.0, f64::max);
    if last.len() < 2 || most <= 0.0 {
        return;
    }
    row(out, "latency", "p99 by offered load");
    for (_, service) in last {
        let length = (p99(service) / most * BAR as f64).round().max(1.0) as usize;
        let load = format!("{}/s", count(service.offered_per_s.round() as u64));
        out.push_str(&format!("{load:>23} {:>9} {}\n", micros(p99(service)), "█".repeat(length)));
    }
}

fn stages(held: &Held, capacity_per_s: f64, ramp: &str, out: &mut String) {
    out.push('\n');
    out.push_str(&table_head("load"));
    for stage in &held.stages {
        let Stage { name, multiple, service, usage, seconds, seconds_held, .. } = stage;
        let name = match name.as_str() {
            "beyond" => format!("{multiple} ×"),
            name => name.to_owned(),
        };
        let figures = figures_row(service, usage.as_ref());
        let verdict = if stage.broken.is_empty() { "held" } else { "broke" };
        out.push_str(&format!("{name:>7} {figures}  {verdict}, {seconds_held} of {seconds} s\n"));
    }
    out.push('\n');
    let per_s = count(held.per_s.round() as u64);
    let load = match ramp {
        "nodes" => format!("{} nodes with {per_s}/s", count(u64::from(held.nodes))),
        _ => format!("{per_s}/s"),
    };
    let churn = match held.churn_per_s {
        Some(per_s) => format!("{} nodes joined per second, and as many departed", number(per_s)),
        None => "no churn".to_owned(),
    };
    let less = match held.per_s / capacity_per_s {
        share if share < 0.999 => {
            format!(", {share:.2} × the capacity: more did not hold for so long")
        }
        _ => String::new(),
    };
    let label = if held.stages.iter().any(|it| it.name == "hold" && it.broken.is_empty()) {
        "held"
    } else {
        "not held"
    };
    row(out, label, &format!("{load}{less}; {churn}; {}", wrong(held)));
    if held.stages.iter().any(|stage| stage.name == "back") {
        let text = match held.recovery_s {
            Some(0.0) => "at once when the load was back".to_owned(),
            Some(s) => format!("the level held again {s:.1} s after the load was back"),
            None => "not while the load was back: the level did not hold for a second".to_owned(),
        };
        row(out, "recovery", &text);
    }
}

/// The nodes of each stage.
fn live_nodes(held: &Held, out: &mut String) {
    let stages = held.stages.iter().map(|stage| {
        let nodes = count(u64::from(stage.nodes));
        match stage.name.as_str() {
            "beyond" => format!("{nodes} at {} ×", stage.multiple),
            "back" => format!("{nodes} when back"),
            _ => format!("{nodes} while held"),
        }
    });
    row(out, "live nodes", &stages.collect::<Vec<_>>().join(", "));
}

fn wrong(held: &Held) -> String {
    let anomalies = match held.anomalies {
        Some(anomalies) => format!(", {} values were stale or lost", count(anomalies)),
        None => String::new(),
    };
    format!("{} of {} answers were wrong{anomalies}", count(held.incorrect), count(held.completed))
}

fn costs(findings: &Findings, out: &mut String) {
    let costs = &findings.costs;
    let each = [
        (costs.lookup_us, "per lookup"),
        (costs.get_us, "per get"),
        (costs.put_us, "per put"),
        (costs.node_us_per_s, "per second of an idle node"),
    ];
    let known: Vec<String> =
        each.iter().filter_map(|(us, what)| Some(format!("{} {what}", micros((*us)?)))).collect();
    if !known.is_empty() {
        let crowd = costs.idle_nodes.map(|nodes| format!(" among {}", count(u64::from(nodes))));
        let crowd = crowd.unwrap_or_default();
        let text = format!("{}{crowd}; load generator and judge included", known.join(", "));
        row(out, "CPU time", &text);
    }
    if let [_, _, ..] = findings.servers.as_slice() {
        let text = "extrapolated from this server, in proportion to the cores; not measured";
        row(out, "larger", text);
        let what = if findings.has_values { "operations/s" } else { "lookups/s" };
        let nodes = "or nodes, at 1 lookup/s each";
        out.push_str(&format!("{:LABEL$}{:>5} {what:>14}  {nodes}\n", "", "cores"));
        for Server { cores, per_s, nodes } in &findings.servers {
            let nodes = nodes.map_or_else(|| "–".to_owned(), rounded);
            let per_s = rounded(*per_s);
            out.push_str(&format!("{:LABEL$}{cores:>5} {per_s:>14}  {nodes:>10}\n", ""));
        }
    }
    if findings.target.is_some() {
        let at_knee = findings.steps.iter().rev().find(|step| step.held);
        let usage = at_knee.and_then(|step| step.figures.as_ref()?.usage.as_ref());
        if let Some(usage) = usage {
            let text = format!(
                "cores of this machine {} busy at the knee; the load generator took {} of a core",
                percents(&usage.cores),
                number(usage.process_cores)
            );
            row(out, "CPU", &text);
            let goodput =
                at_knee.and_then(|step| Some(step.figures.as_ref()?.service.goodput_per_s));
            if let Some(per_s) = goodput.filter(|per_s| *per_s > 0.0) {
                let us = micros(usage.others_cores * 1e6 / per_s);
                let text = format!(
                    "{us} per operation for all other processes; a server here is one of them"
                );
                row(out, "", &text);
            }
        }
    }
}

/// Two digits that count: an estimate knows no more.
fn rounded(value: f64) -> String {
    let unit = 10f64.powi((value.max(1.0).log10().floor() as i32 - 1).max(0));
    count(((value / unit).round() * unit) as u64)
}

fn row(out: &mut String, label: &str, text: &str) {
    push_wrapped(out, &format!("{label:<LABEL$}{text}"), LABEL, COLUMNS, &JOINTS);
}

fn line(out: &mut String, text: &str) {
    push_wrapped(out, text, 0, COLUMNS, &JOINTS);
}
