//! The table of all faults that were made.

use crate::{fault::Fault, tally::Tally};

/// Broken promises shown of one fault.
pub const SHOWN_MAX: usize = 12;

struct Line {
    name: &'static str,
    rounds: u32,
    failed: u32,
    tally: Tally,
}

/// Faults in the order in which they were made first.
pub struct Table {
    seed: u64,
    lines: Vec<Line>,
    /// Faults whose rounds were made again, and how often.
    second_tries: Vec<(&'static str, u32)>,
}

impl Table {
    /// An empty one; `seed` is told to whoever wants to repeat a failure.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            lines: Vec::new(),
            second_tries: Vec::new(),
        }
    }

    /// Notes that a round was made again; the last one counts.
    pub fn note_second_try(&mut self, fault: &Fault) {
        let mut tries = self.second_tries.iter_mut();
        let known = tries.find(|(name, _)| *name == fault.name);
        if let Some((_, times)) = known {
            *times += 1;
        } else {
            self.second_tries.push((fault.name, 1));
        }
    }

    /// Adds a round.
    pub fn add(&mut self, fault: &Fault, tally: Tally) {
        let failed = u32::from(!tally.is_good());
        let known = self.lines.iter_mut().find(|line| line.name == fault.name);
        if let Some(line) = known {
            line.rounds += 1;
            line.failed += failed;
            line.tally.add(tally);
        } else {
            self.lines.push(Line {
                name: fault.name,
                rounds: 1,
                failed,
                tally,
            });
        }
    }

    /// Whether any round failed.
    pub fn has_failures(&self) -> bool {
        self.lines.iter().any(|line| line.failed > 0)
    }

    /// Prints it, what was broken, and the sum.
    pub fn print(&self) {
        println!(
            "\n{:<26}{:>7}{:>10}{:>8}{:>6}{:>7}{:>9}{:>9}{:>11}",
            "fault",
            "rounds",
            "requests",
            "acked",
            "lost",
            "twice",
            "events",
            "events",
            "recovered"
        );
        println!(
            "{:<26}{:>7}{:>10}{:>8}{:>6}{:>7}{:>9}{:>9}{:>11}",
            "", "", "", "", "", "", "missing", "again", "after s"
        );
        for line in &self.lines {
            line.print();
        }
        println!();
        for line in &self.lines {
            self.explain(line);
        }
        if !self.second_tries.is_empty() {
            let told = self.second_tries.iter();
            let told: Vec<_> = told
                .map(|(name, times)| format!("{name} ({times})"))
                .collect();
            println!("rounds made again: {}", told.join(", "));
        }
        let failed = self.lines.iter().filter(|line| line.failed > 0).count();
        println!("{} passed, {failed} failed", self.lines.len() - failed);
    }

    fn explain(&self, line: &Line) {
        if line.failed == 0 {
            return;
        }
        println!(
            "{}: {} of {} rounds failed; repeat: scripts/faults --seed {} --rounds {} --only {}",
            line.name, line.failed, line.rounds, self.seed, line.rounds, line.name
        );
        for what in line.tally.broken.iter().take(SHOWN_MAX) {
            println!("    {what}");
        }
        println!();
    }
}

impl Line {
    fn print(&self) {
        let Tally {
            requests,
            acknowledged,
            lost,
            twice,
            missing,
            repeated,
            recovery,
            ..
        } = &self.tally;
        let mark = if self.failed > 0 { "  FAILED" } else { "" };
        println!(
            "{:<26}{:>7}{requests:>10}{acknowledged:>8}{lost:>6}{twice:>7}{missing:>9}{repeated:>9}{:>11.1}{mark}",
            self.name,
            self.rounds,
            recovery.as_secs_f64()
        );
    }
}
