//! The figures beside their bars: a table for people, and a line for scripts.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::figures::{Figures, Verified};

/// The reviews after which memory may not grow any more; fewer say little.
const SETTLED: usize = 200_000;
/// With more of the time lost to other processes, latencies are theirs.
const DISTURBED: f64 = 0.05;

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
enum Bar {
    /// First bar and aim.
    AtLeast(f64, f64),
    AtMost(f64, f64),
    /// The same for what only a run that nobody disturbed can show.
    QuietAtMost(f64, f64),
    /// The same for what is counted and does not vary: missing it always fails.
    CountAtMost(f64, f64),
    None,
}

/// One line of the table.
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    bar: Bar,
}

/// How a figure stands to its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    /// Too much of the time went to other processes to tell.
    Disturbed,
}

impl Row {
    fn new(what: impl Into<String>, value: f64, unit: &'static str, bar: Bar) -> Self {
        Self { what: what.into(), value, unit, bar }
    }

    /// None where there is no bar.
    fn verdict(&self, waited: f64) -> Option<Verdict> {
        let met = match self.bar {
            Bar::AtLeast(bar, _) => self.value >= bar,
            Bar::QuietAtMost(..) if waited > DISTURBED => return Some(Verdict::Disturbed),
            Bar::AtMost(bar, _) | Bar::QuietAtMost(bar, _) | Bar::CountAtMost(bar, _) => self.value <= bar,
            Bar::None => return None,
        };
        Some(if met { Verdict::Ok } else { Verdict::Missed })
    }

    fn print(&self, waited: f64) {
        let number = |value: f64| if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") };
        let value = format!("{:.2} {}", self.value, self.unit);
        let (bar, aim) = match self.bar {
            Bar::AtLeast(bar, aim) => (format!(">= {}", number(bar)), number(aim)),
            Bar::AtMost(bar, aim) | Bar::QuietAtMost(bar, aim) | Bar::CountAtMost(bar, aim) => {
                (format!("<= {}", number(bar)), number(aim))
            }
            Bar::None => (String::new(), String::new()),
        };
        let verdict = match self.verdict(waited) {
            None => "",
            Some(Verdict::Ok) => "ok",
            Some(Verdict::Missed) => "MISSED",
            Some(Verdict::Disturbed) => "disturbed",
        };
        println!("{:<58}{value:>14}{bar:>10}{aim:>8}  {verdict}", self.what);
    }
}

/// The last line of the output.
#[derive(Debug, Serialize)]
struct Line<'f> {
    constant_share: f64,
    daemonset_share: f64,
    unchanged_share: f64,
    small_share: f64,
    naive_ratio: f64,
    allocations: usize,
    decision_us: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
    cpu_us: f64,
    constant_cpu_us: f64,
    added_p50_us: f64,
    added_p99_us: f64,
    p99_us: f64,
    handshake_ratio: f64,
    handshakes: f64,
    verify_cpu_ratio: f64,
    verify_p50_ratio: f64,
    verify_p99_ratio: f64,
    verify_allocations: usize,
    rss_mb: f64,
    rss_reviews: usize,
    ready_ms: f64,
    ready_max_ms: f64,
    /// The part of the time that other processes took: far from 0, latencies say little.
    waited: f64,
    replies: usize,
    typical_sha256: &'f str,
}

/// Prints both; the exit code says whether they are good enough.
pub(crate) fn print(figures: &Figures, gate: bool) -> serde_json::Result<ExitCode> {
    let rows = rows(figures);
    println!("{:<58}{:>14}{:>10}{:>8}", "", "", "bar", "aim");
    for row in &rows {
        row.print(figures.waited);
    }
    let waited = figures.waited * 100.0;
    println!("{} replies, all as they must be; {waited:.0} % of the time lost to other processes", figures.replies);
    println!("{}", serde_json::to_string(&line(figures))?);
    let fails = |row: &Row| {
        row.verdict(figures.waited).is_some_and(|verdict| verdict != Verdict::Ok)
            && (gate || matches!(row.bar, Bar::CountAtMost(..)))
    };
    Ok(if rows.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rows(figures: &Figures) -> Vec<Row> {
    let Figures { typical, daemonset, unchanged, small, memory, alone, .. } = figures;
    let mut rows = vec![
        Row::new("share of the constant answer, typical", typical.ratio, "", Bar::AtLeast(0.42, 0.50)),
        Row::new("  DaemonSet", daemonset.ratio, "", Bar::AtLeast(0.30, 0.40)),
        Row::new("  nothing to rewrite", unchanged.ratio, "", Bar::AtLeast(0.50, 0.60)),
        Row::new("  small", small.ratio, "", Bar::None),
        Row::new("CPU of the constant answer, typical", micros(typical.other), "us", Bar::None),
        Row::new("  ours", micros(typical.ours), "us", Bar::None),
        Row::new("  naive kube-rs handler", micros(figures.naive.other), "us", Bar::None),
        Row::new("naive / ours", figures.naive.ratio, "x", Bar::AtLeast(6.0, 8.0)),
    ];
    for (name, cost) in &figures.decisions {
        let (time, count) = match *name {
            "typical" => (Bar::AtMost(20.0, 14.0), Bar::CountAtMost(50.0, 35.0)),
            _ => (Bar::None, Bar::None),
        };
        rows.push(Row::new(format!("decision alone, {name}"), micros(cost.time), "us", time));
        let what = format!("  allocations ({} of them grow one)", cost.reallocations);
        rows.push(Row::new(what, (cost.allocations + cost.reallocations) as f64, "", count));
    }
    if let Some(instructions) = figures.instructions {
        rows.push(Row::new("  instructions, typical", instructions as f64, "", Bar::None));
    }
    rows.extend([
        Row::new("latency of the constant answer, one in flight, p50", micros(alone.constant_p50), "us", Bar::None),
        Row::new("  added, p50", alone.p50 * 1e6, "us", Bar::QuietAtMost(40.0, 30.0)),
        Row::new("  added, p99", alone.p99 * 1e6, "us", Bar::QuietAtMost(80.0, 60.0)),
        Row::new("latency on ten connections, p99", micros(figures.p99) / 1e3, "ms", Bar::QuietAtMost(1.0, 1.0)),
        Row::new("full handshakes a second and core", 1.0 / figures.handshakes.ours.as_secs_f64(), "", Bar::None),
        Row::new("  beside the constant answer's", figures.handshakes.ratio, "", Bar::AtLeast(0.85, 0.95)),
        Row::new("memory, warm", megabytes(memory.warm), "MB", Bar::None),
        Row::new(format!("  after {} reviews", memory.reviews / 2), megabytes(memory.half), "MB", Bar::None),
        Row::new(format!("  after {} reviews", memory.reviews), megabytes(memory.end), "MB", Bar::AtMost(20.0, 14.0)),
    ]);
    if memory.reviews >= SETTLED {
        let grown = megabytes(memory.end) - megabytes(memory.half);
        rows.push(Row::new("  growth in the second half", grown, "MB", Bar::AtMost(0.25, 0.0)));
    }
    let Verified { cpu, p50, p99, allocations, .. } = figures.verified;
    rows.extend([
        Row::new("CPU with `verify`, answers known, typical", micros(cpu.ours), "us", Bar::None),
        Row::new("  beside the same without", 1.0 / cpu.ratio, "x", Bar::QuietAtMost(1.15, 1.05)),
        Row::new("  latency beside without, one in flight, p50", p50, "x", Bar::QuietAtMost(1.10, 1.05)),
        Row::new("  p99", p99, "x", Bar::QuietAtMost(1.10, 1.05)),
        Row::new("  allocations beyond those without", allocations as f64, "", Bar::CountAtMost(30.0, 20.0)),
    ]);
    rows.extend([
        Row::new("exec to the first answer, median", micros(figures.ready.0) / 1e3, "ms", Bar::AtMost(60.0, 20.0)),
        Row::new("  longest", micros(figures.ready.1) / 1e3, "ms", Bar::None),
    ]);
    rows
}

fn line(figures: &Figures) -> Line<'_> {
    let [_, (_, decision), _] = figures.decisions;
    Line {
        constant_share: rounded(figures.typical.ratio),
        daemonset_share: rounded(figures.daemonset.ratio),
        unchanged_share: rounded(figures.unchanged.ratio),
        small_share: rounded(figures.small.ratio),
        naive_ratio: rounded(figures.naive.ratio),
        allocations: decision.allocations + decision.reallocations,
        decision_us: rounded(micros(decision.time)),
        instructions: figures.instructions,
        cpu_us: rounded(micros(figures.typical.ours)),
        constant_cpu_us: rounded(micros(figures.typical.other)),
        added_p50_us: rounded(figures.alone.p50 * 1e6),
        added_p99_us: rounded(figures.alone.p99 * 1e6),
        p99_us: rounded(micros(figures.p99)),
        handshake_ratio: rounded(figures.handshakes.ratio),
        handshakes: (1.0 / figures.handshakes.ours.as_secs_f64()).round(),
        verify_cpu_ratio: rounded(1.0 / figures.verified.cpu.ratio),
        verify_p50_ratio: rounded(figures.verified.p50),
        verify_p99_ratio: rounded(figures.verified.p99),
        verify_allocations: figures.verified.allocations,
        rss_mb: rounded(megabytes(figures.memory.end)),
        rss_reviews: figures.memory.reviews,
        ready_ms: rounded(micros(figures.ready.0) / 1e3),
        ready_max_ms: rounded(micros(figures.ready.1) / 1e3),
        waited: rounded(figures.waited),
        replies: figures.replies,
        typical_sha256: &figures.typical_sha256,
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Two digits are more than the noise leaves.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
