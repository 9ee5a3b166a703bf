//! Where a daemon's time goes under full load: its stacks, folded for any viewer of flame graphs, and its share
//! of each part of the program.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    Result,
    child::Child,
    load::{FULL, Job, Until, closed},
    report::Section,
    sample::as_f64,
    stand::Stand,
};

const TIME: Duration = Duration::from_secs(5);
/// Stacks a second, and how much of each is kept for unwinding, in bytes.
const FREQUENCY: &str = "499";
const CALL_GRAPH: &str = "dwarf,16384";
/// Parts that are named in the report.
const NAMED: usize = 8;
/// What a function's name contains, and which part of the program it then belongs to. The innermost function
/// that is known decides, so a system call belongs to whoever made it; what nobody made is the runtime's.
const PARTS: [(&str, &str); 12] = [
    ("mi_", "allocator"),
    ("lapin", "AMQP client"),
    ("amq_protocol", "AMQP client"),
    ("sqlx", "database driver"),
    ("deadpool", "database driver"),
    ("redis", "cache"),
    ("serde", "JSON"),
    ("regex", "router"),
    ("notifyhandler", "relay"),
    ("sockhandler", "sockhandler"),
    ("listenhandler", "router"),
    ("bin_", "handlers"),
];
const REST: &str = "runtime";

/// Records a daemon while `job` keeps it busy, where that is wanted, and notes it in the report.
pub(crate) async fn record(
    stand: &Stand,
    section: &mut Section,
    child: &Child,
    name: &str,
    job: &Job,
) -> Result<()> {
    if !stand.options.flame {
        return Ok(());
    }
    let folder = stand.folder()?;
    let data = folder.join(format!("flame-{name}.data"));
    let mut perf = Command::new("perf")
        .args(["record", "--quiet", "--freq", FREQUENCY])
        .args([
            "--call-graph",
            CALL_GRAPH,
            "--pid",
            &child.pid().to_string(),
        ])
        .arg("--output")
        .arg(&data)
        .args(["--", "sleep", &TIME.as_secs().to_string()])
        .stdout(Stdio::null())
        .spawn()
        .map_err(|fault| format!("perf: {fault}; --flame needs it (Debian: linux-perf)"))?;
    closed(job, &[child], FULL, Until::Elapsed(TIME)).await?;
    let recorded = tokio::task::spawn_blocking(move || perf.wait()).await??;
    if !recorded.success() {
        return Err(format!("perf record: {recorded}; may it be used by this user?").into());
    }
    let stacks = folded(&data)?;
    std::fs::remove_file(&data)?;
    let file = folder.join(format!("flame-{name}.folded"));
    std::fs::write(&file, to_text(&stacks))?;
    let drawn = draw(&file);
    section.note(format!(
        "Where the time goes, {name}: {} ({drawn}).",
        shares(&stacks)
    ));
    Ok(())
}

/// Stacks from the outermost function to the innermost, and how often each was met.
type Stacks = BTreeMap<Vec<String>, usize>;

fn folded(data: &Path) -> Result<Stacks> {
    let script = Command::new("perf")
        .args(["script", "--fields", "comm,ip,sym", "--input"])
        .arg(data)
        .stderr(Stdio::null())
        .output()?;
    if !script.status.success() {
        return Err(format!("perf script: {}", script.status).into());
    }
    let text = String::from_utf8_lossy(&script.stdout);
    let mut stacks = Stacks::new();
    for block in text.split("\n\n") {
        let mut lines = block.lines().filter(|line| !line.trim().is_empty());
        let Some(thread) = lines.next() else { continue };
        let mut stack: Vec<_> = lines.map(function).collect();
        stack.push(thread.trim().to_owned());
        stack.reverse();
        *stacks.entry(stack).or_default() += 1;
    }
    Ok(stacks)
}

/// The name in a line such as `7f00 tokio::park`.
fn function(line: &str) -> String {
    let line = line.trim();
    let name = line.split_once(' ').map_or(line, |(_, name)| name);
    name.replace(';', ":")
}

fn to_text(stacks: &Stacks) -> String {
    let mut text = String::new();
    for (stack, count) in stacks {
        let _ = writeln!(text, "{} {count}", stack.join(";"));
    }
    text
}

fn part_of(stack: &[String]) -> &'static str {
    let known = |function: &String| {
        let part = PARTS.iter().find(|(text, _)| function.contains(text));
        part.map(|(_, part)| *part)
    };
    stack.iter().skip(1).rev().find_map(known).unwrap_or(REST)
}

fn shares(stacks: &Stacks) -> String {
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for (stack, count) in stacks {
        *parts.entry(part_of(stack)).or_default() += count;
    }
    let all: usize = parts.values().sum();
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let share = |(part, count): (&str, usize)| {
        format!("{part} {:.0} %", 100.0 * as_f64(count) / as_f64(all))
    };
    let named: Vec<_> = parts.into_iter().take(NAMED).map(share).collect();
    named.join(", ")
}

/// Draws the stacks where a program for that is installed; where they are.
fn draw(file: &Path) -> String {
    let picture = file.with_extension("svg");
    let drawn = std::fs::File::create(&picture).and_then(|picture| {
        Command::new("inferno-flamegraph")
            .arg(file)
            .stdout(picture)
            .stderr(Stdio::null())
            .status()
    });
    match drawn {
        Ok(status) if status.success() => picture.display().to_string(),
        _ => {
            let _ = std::fs::remove_file(&picture);
            format!(
                "{}; to have it drawn, cargo install inferno",
                file.display()
            )
        }
    }
}
