//! What became of the rows: counts, the first bad ones, and how far the import is.

use std::{
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::send::Sent;
use crate::output::{self, grouped};

/// Bad rows that are told one by one; the rest is counted.
const TOLD_MAX: u64 = 1_000;
/// Where no bar can be drawn, a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR: &str = "{wide_bar} {percent:>3}%  {msg}  {eta} left";

/// What is imported: decides the words of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Targets of an outdial, told by the lines of the file.
    Targets,
    /// Caller-ID numbers, told by the rows of a spreadsheet.
    Dids,
    /// Numbers of a do-not-call list, told by the lines of the file.
    Dnc,
}

/// Shared by the reader and the senders.
pub struct Report {
    began: Instant,
    what: What,
    how: How,
    total_bytes: u64,
    counts: Mutex<Counts>,
    ignored: Mutex<Vec<String>>,
}

enum How {
    Bar(ProgressBar),
    Lines {
        as_json: bool,
    },
    #[cfg(test)]
    Silent(Mutex<Vec<(u64, String)>>),
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    sent: Sent,
    bad: u64,
    bytes: u64,
    last_line: Duration,
}

impl Report {
    /// For a file of `total_bytes` that holds `what`; 0 where nobody knows, as with a pipe.
    ///
    /// # Errors
    /// Never in practice: when the bar's template is wrong.
    pub fn new(
        what: What,
        total_bytes: u64,
        as_json: bool,
    ) -> Result<Self, indicatif::style::TemplateError> {
        if as_json || total_bytes == 0 || !std::io::stderr().is_terminal() {
            return Ok(Self::with(what, How::Lines { as_json }, total_bytes));
        }
        let bar = ProgressBar::new(total_bytes).with_style(ProgressStyle::with_template(BAR)?);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self::with(what, How::Bar(bar), total_bytes))
    }

    fn with(what: What, how: How, total_bytes: u64) -> Self {
        Self {
            began: Instant::now(),
            what,
            how,
            total_bytes,
            counts: Mutex::default(),
            ignored: Mutex::default(),
        }
    }

    /// What its positions count.
    pub const fn unit(&self) -> &'static str {
        match self.what {
            What::Targets | What::Dnc => "line",
            What::Dids => "row",
        }
    }

    /// A row that is not imported, and why.
    pub fn bad(&self, at: u64, message: &str) {
        let bad = {
            let mut counts = self.counts();
            counts.bad += 1;
            counts.bad
        };
        #[cfg(test)]
        if let How::Silent(told) = &self.how {
            told.lock().unwrap().push((at, message.to_owned()));
        }
        if bad > TOLD_MAX {
            return;
        }
        match self.how {
            How::Lines { as_json: true } => {
                output::say(&json!({ self.unit(): at, "message": message }).to_string());
            }
            _ => self.note(&format!("{} {at}: {message}", self.unit())),
        }
        if bad == TOLD_MAX {
            self.note("further bad rows are only counted");
        }
    }

    /// A batch has been dealt with, up to `bytes` into the file.
    pub fn done(&self, sent: Sent, bytes: u64) {
        let counts = {
            let mut counts = self.counts();
            counts.sent.add(sent);
            counts.bytes = counts.bytes.max(bytes);
            *counts
        };
        let message = format!(
            "{} rows, {:.0}/s",
            grouped(counts.rows()),
            self.rate(&counts)
        );
        match &self.how {
            How::Bar(bar) => {
                bar.set_position(counts.bytes);
                bar.set_message(message);
            }
            How::Lines { as_json: false } if self.is_line_due() => {
                eprintln!("{}", self.progress(&counts, &message));
            }
            _ => {}
        }
    }

    /// Columns of the file that were not looked at.
    pub fn ignored(&self, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        self.note(&format!("columns that are ignored: {}", names.join(", ")));
        *self.ignored.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Whether anything was imported.
    pub fn has_sent(&self) -> bool {
        let counts = self.counts();
        counts.rows() > counts.bad
    }

    /// Whether the file had no rows at all.
    pub fn is_empty(&self) -> bool {
        self.counts().rows() == 0
    }

    /// Something for people, above the bar.
    pub fn note(&self, text: &str) {
        match &self.how {
            How::Bar(bar) => bar.suspend(|| output::say(text)),
            How::Lines { as_json: false } => output::say(text),
            _ => {}
        }
    }

    /// Takes the bar away; the summary, and whether every row was good.
    pub fn finish(&self, as_json: bool) -> (String, bool) {
        if let How::Bar(bar) = &self.how {
            bar.finish_and_clear();
        }
        let counts = *self.counts();
        let (seconds, rate) = (self.began.elapsed().as_secs_f64(), self.rate(&counts));
        let summary = if as_json {
            let mut summary = self.figures(&counts);
            let ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
            if !ignored.is_empty() {
                summary.insert("ignored".to_owned(), json!(*ignored));
            }
            summary.extend([
                ("seconds".to_owned(), json!(seconds)),
                ("rows_per_second".to_owned(), json!(rate)),
            ]);
            Value::Object(summary).to_string()
        } else {
            let words = self.words(&counts);
            format!("{words}; {seconds:.1} s, {rate:.0} rows/s")
        };
        (summary, counts.bad == 0)
    }

    /// For machines.
    fn figures(&self, counts: &Counts) -> Map<String, Value> {
        let Sent {
            created,
            updated,
            skipped,
            duplicates,
        } = counts.sent;
        let mut figures = vec![
            ("created", created),
            ("skipped", skipped),
            ("bad", counts.bad),
        ];
        match self.what {
            What::Targets => {}
            What::Dids => figures.extend([("updated", updated), ("duplicates", duplicates)]),
            What::Dnc => figures.push(("duplicates", duplicates)),
        }
        let figures = figures.into_iter();
        figures
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect()
    }

    /// For people.
    fn words(&self, counts: &Counts) -> String {
        let [created, updated, skipped, duplicates, bad] = [
            counts.sent.created,
            counts.sent.updated,
            counts.sent.skipped,
            counts.sent.duplicates,
            counts.bad,
        ]
        .map(grouped);
        match self.what {
            What::Targets => {
                format!("{created} created, {skipped} skipped (key seen before), {bad} bad")
            }
            What::Dnc => {
                format!("{created} numbers, {duplicates} duplicates, {skipped} blank, {bad} bad")
            }
            What::Dids => format!(
                "{created} created, {updated} updated, {duplicates} duplicates, {skipped} blank, {bad} bad"
            ),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rate(&self, counts: &Counts) -> f64 {
        as_f64(counts.rows()) / self.began.elapsed().as_secs_f64().max(0.001)
    }

    /// How far it is, where the end is known.
    fn progress(&self, counts: &Counts, message: &str) -> String {
        if self.total_bytes == 0 {
            return message.to_owned();
        }
        let percent = counts.bytes.saturating_mul(100) / self.total_bytes;
        let done = as_f64(counts.bytes) / as_f64(self.total_bytes);
        let seconds = self.began.elapsed().as_secs_f64() * (1.0 / done.max(0.000_1) - 1.0);
        format!("{percent}%  {message}  {:.0} s left", seconds.max(0.0))
    }

    fn is_line_due(&self) -> bool {
        let now = self.began.elapsed();
        let mut counts = self.counts();
        let is_due = now.saturating_sub(counts.last_line) >= LINE_EVERY;
        if is_due {
            counts.last_line = now;
        }
        is_due
    }
}

impl Counts {
    const fn rows(&self) -> u64 {
        let Sent {
            created,
            updated,
            skipped,
            duplicates,
        } = self.sent;
        created + updated + skipped + duplicates + self.bad
    }
}

#[expect(clippy::cast_precision_loss, reason = "only shown, rounded")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
impl Report {
    /// Prints nothing and remembers the bad rows.
    pub fn silent() -> Self {
        Self::silent_about(What::Targets)
    }

    /// The same, of something else.
    pub fn silent_about(what: What) -> Self {
        Self::with(what, How::Silent(Mutex::default()), 0)
    }

    /// What the manager did.
    pub fn sent(&self) -> Sent {
        self.counts().sent
    }

    /// The bad rows.
    pub fn told(&self) -> Vec<(u64, String)> {
        match &self.how {
            How::Silent(told) => told.lock().unwrap().clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_adds_up() {
        let report = Report::silent();
        report.done(
            Sent {
                created: 1_498,
                skipped: 2,
                ..Sent::default()
            },
            10,
        );
        report.bad(3, "x");
        let (text, is_clean) = report.finish(false);
        assert!(
            text.starts_with("1,498 created, 2 skipped (key seen before), 1 bad;"),
            "{text}"
        );
        assert!(!is_clean);
        let (json, _) = report.finish(true);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["created"], 1_498);
        assert_eq!(json["bad"], 1);
    }

    #[test]
    fn what_has_no_known_end_is_told_without_one() {
        let counts = Counts {
            bytes: 50,
            ..Counts::default()
        };
        for (total, begins) in [(0, "7 rows"), (200, "25%  7 rows")] {
            let report = Report::with(What::Dids, How::Silent(Mutex::default()), total);
            let said = report.progress(&counts, "7 rows");
            assert!(said.starts_with(begins), "{said}");
            assert_eq!(said.contains("left"), total > 0, "{said}");
        }
    }

    #[test]
    fn numbers_are_told_apart_by_what_became_of_them() {
        let report = Report::silent_about(What::Dids);
        let sent = Sent {
            created: 5_929,
            updated: 1,
            skipped: 2,
            duplicates: 78_396,
        };
        report.done(sent, 10);
        let (text, is_clean) = report.finish(false);
        let expected = "5,929 created, 1 updated, 78,396 duplicates, 2 blank, 0 bad;";
        assert!(text.starts_with(expected), "{text}");
        assert!(is_clean);
        let json: Value = serde_json::from_str(&report.finish(true).0).unwrap();
        assert_eq!(
            (&json["updated"], &json["duplicates"]),
            (&json!(1), &json!(78_396))
        );
    }
}
