//! The report: a section for each manager; in it one table row for each case and load, with its goal.

use std::{fmt::Write as _, time::Duration};

use crate::{
    Result,
    load::Drive,
    sample::{Sample, as_f64},
};

/// What a figure should be, and whether it is.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) is_met: bool,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    case: String,
    drive: Drive,
    sample: Sample,
    /// Things done by one request, e.g. 500 imported rows.
    units: usize,
    /// Rate over the reference's rate, and what the reference is.
    ratio: Option<(f64, &'static str)>,
    goals: Vec<Goal>,
}

impl Row {
    pub(crate) fn new(case: impl Into<String>, in_flight: usize, sample: Sample) -> Self {
        Self::driven(case, Drive::InFlight(in_flight), sample)
    }

    pub(crate) fn driven(case: impl Into<String>, drive: Drive, sample: Sample) -> Self {
        Self {
            case: case.into(),
            drive,
            sample,
            units: 1,
            ratio: None,
            goals: Vec::new(),
        }
    }

    /// One request did so many things.
    pub(crate) fn of_units(self, units: usize) -> Self {
        Self { units, ..self }
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

    /// Adds the goal that 99 of 100 are answered within `most`.
    pub(crate) fn mostly_within(mut self, most: Duration) -> Self {
        let is_met = self.sample.percentile(99) < most;
        self.with(format!("p99 < {} ms", most.as_millis()), is_met)
    }

    /// Adds the goal that every request succeeded.
    pub(crate) fn without_errors(self) -> Self {
        let failed = self.sample.failed();
        self.with(format!("no errors (is {failed})"), failed == 0)
    }

    pub(crate) fn with(mut self, text: String, is_met: bool) -> Self {
        self.goals.push(Goal { text, is_met });
        self
    }

    /// Things done per second.
    pub(crate) fn rate(&self) -> f64 {
        self.sample.rate() * as_f64(self.units)
    }
}

/// A figure that is not a rate.
#[derive(Debug, Clone)]
struct Figure {
    name: String,
    value: String,
    goal: Option<Goal>,
}

/// What was measured of one manager.
#[derive(Debug)]
pub(crate) struct Section {
    title: &'static str,
    rows: Vec<Row>,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(title: &'static str) -> Self {
        Self {
            title,
            rows: Vec::new(),
            figures: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        let mut sample = row.sample.clone();
        eprintln!(
            "{:<56} {:>7} {:>8.0}/s  p50 {} ms  p99 {} ms  CPU {:.0} µs",
            row.case,
            row.drive.to_string(),
            row.rate(),
            ms(sample.percentile(50)),
            ms(sample.percentile(99)),
            sample.cpu_us() / as_f64(row.units)
        );
        if sample.failed() > 0 {
            self.note(format!(
                "{}, {}: {} of {} requests failed and are not counted; the first: {}",
                row.case,
                row.drive,
                sample.failed(),
                sample.failed() + sample.replies(),
                sample.first_failure()
            ));
        }
        self.rows.push(row);
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: String, goal: Option<Goal>) {
        let name = name.into();
        eprintln!("{name}: {value}");
        self.figures.push(Figure { name, value, goal });
    }

    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    fn write(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n## {}\n\n\
             | case | in flight, or a second | per second | p50 ms | p99 ms | CPU µs each | RSS MB | ratio | goal |\n\
             |---|--:|--:|--:|--:|--:|--:|---|---|\n",
            self.title
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
    }
}

/// Where it was measured, and everything that was.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) place: Vec<(&'static str, String)>,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    /// Adds a section; one that a fault ended says so.
    pub(crate) fn take(&mut self, mut section: Section, measured: Result<()>) -> Result<()> {
        if let Err(fault) = &measured {
            section.note(format!("Not everything was measured: {fault}"));
        }
        self.sections.push(section);
        measured
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::from("# Throughput\n\n");
        for (name, value) in &self.place {
            let _ = writeln!(text, "- {name}: {value}");
        }
        for section in &self.sections {
            section.write(&mut text);
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
        row.drive,
        row.rate(),
        ms(sample.percentile(50)),
        ms(sample.percentile(99)),
        sample.cpu_us() / as_f64(row.units),
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
