//! The report: one table row for each case and number of requests in flight, with its goal.

use std::{fmt::Write as _, time::Duration};

use crate::load::Sample;

/// What a figure should be, and whether it is.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) is_met: bool,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) in_flight: usize,
    pub(crate) sample: Sample,
    /// Things done by one request, e.g. 500 imported rows.
    pub(crate) units: usize,
    /// Rate over the reference's rate, and what the reference is.
    pub(crate) ratio: Option<(f64, &'static str)>,
    pub(crate) goals: Vec<Goal>,
}

impl Row {
    pub(crate) fn new(case: impl Into<String>, in_flight: usize, sample: Sample) -> Self {
        Self {
            case: case.into(),
            in_flight,
            sample,
            units: 1,
            ratio: None,
            goals: Vec::new(),
        }
    }

    pub(crate) fn against(mut self, reference: &Sample, name: &'static str) -> Self {
        self.ratio = Some((self.sample.rate() / reference.rate(), name));
        self
    }

    /// Adds the goal of a ratio of at least `least`.
    pub(crate) fn at_least(mut self, least: f64) -> Self {
        let (ratio, name) = self.ratio.unwrap_or((0.0, ""));
        self.goals.push(Goal {
            text: format!("≥ {least:.2} × {name}"),
            is_met: ratio >= least,
        });
        self
    }

    pub(crate) fn with(mut self, text: String, is_met: bool) -> Self {
        self.goals.push(Goal { text, is_met });
        self
    }

    /// Things done per second.
    pub(crate) fn rate(&self) -> f64 {
        self.sample.rate() * crate::load::as_f64(self.units)
    }
}

/// A figure that is not a rate.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) goal: Option<Goal>,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) place: Vec<(&'static str, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        let mut sample = row.sample.clone();
        eprintln!(
            "{:<48} {:>3} in flight {:>10.0}/s  p50 {} ms  CPU {:.0} µs",
            row.case,
            row.in_flight,
            row.rate(),
            ms(sample.percentile(50)),
            sample.cpu_us()
        );
        if sample.failed() > 0 {
            self.notes.push(format!(
                "{}, {} in flight: {} of {} requests failed and are not counted.",
                row.case,
                row.in_flight,
                sample.failed(),
                sample.failed() + sample.replies()
            ));
        }
        self.rows.push(row);
    }

    pub(crate) fn figure(&mut self, name: &'static str, value: String, goal: Option<Goal>) {
        eprintln!("{name}: {value}");
        self.figures.push(Figure { name, value, goal });
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::from("# Throughput of outdial-manager\n\n");
        for (name, value) in &self.place {
            let _ = writeln!(text, "- {name}: {value}");
        }
        text.push_str(
            "\n| case | in flight | per second | p50 ms | p99 ms | CPU µs each | RSS MB | ratio | goal |\n\
             |---|--:|--:|--:|--:|--:|--:|---|---|\n",
        );
        for row in &self.rows {
            let _ = writeln!(text, "{}", line(row));
        }
        text.push_str("\n| the process | figure | goal |\n|---|---|---|\n");
        for Figure { name, value, goal } in &self.figures {
            let goal = goal.as_ref().map_or_else(String::new, shown);
            let _ = writeln!(text, "| {name} | {value} | {goal} |");
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }
}

fn line(row: &Row) -> String {
    let mut sample = row.sample.clone();
    let ratio = row
        .ratio
        .map_or_else(String::new, |(ratio, name)| format!("{ratio:.2} × {name}"));
    let goals: Vec<_> = row.goals.iter().map(shown).collect();
    format!(
        "| {} | {} | {:.0} | {} | {} | {:.1} | {:.1} | {ratio} | {} |",
        row.case,
        row.in_flight,
        row.rate(),
        ms(sample.percentile(50)),
        ms(sample.percentile(99)),
        sample.cpu_us() / crate::load::as_f64(row.units),
        mb(sample.rss_max),
        goals.join("; ")
    )
}

fn shown(goal: &Goal) -> String {
    format!("{} {}", goal.text, if goal.is_met { '✓' } else { '✗' })
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// Bytes in millions.
pub(crate) fn mb(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0 / 1e6
}
