//! Throughput of the outdial-manager daemon on real services, each figure beside a reference that was
//! measured in the same run: a bare echo, and an echo that runs the transaction of a create.
//!
//! `scripts/bench` builds what is measured and runs this program.

mod available;
mod broker;
mod cases;
mod child;
mod database;
mod load;
mod machine;
mod report;
mod roles;
mod setup;

use std::{path::PathBuf, process::ExitCode};

use bin_common_handler::ids;
use clap::{Parser, ValueEnum};

use crate::{database::Database, setup::Setup};

/// Whatever kept us from measuring.
type Fault = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Fault>;

/// Measures the outdial-manager daemon and prints a report in Markdown.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Shorter measurements and smaller tables
    #[arg(long)]
    quick: bool,
    /// The daemon to measure
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_outdial-manager"))]
    daemon: PathBuf,
    /// Where the report is written besides standard output
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench-report.md"))]
    report: PathBuf,
    /// Given by `cargo bench`; without it, as in `cargo test --benches`, nothing is measured
    #[arg(long)]
    bench: bool,
    /// Serves as a reference instead; started by the program itself
    #[arg(long, hide = true)]
    role: Option<Role>,
}

/// What a child of this program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Answers at once.
    Echo,
    /// Runs the transaction of a create, then answers.
    Transaction,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Transaction => "transaction",
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.role {
        Some(role) => roles::run(role),
        None if options.bench => run(options),
        None => {
            eprintln!("nothing is measured without --bench");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: Options) -> Result<()> {
    let name = format!("tandem_bench_{}", ids::next().simple());
    let databases = [
        Database::named(&name),
        Database::named(&format!("{name}_ref")),
    ];
    let measured = guarded(options, databases.clone()).await;
    for database in &databases {
        if let Err(fault) = database.drop().await {
            eprintln!("the database {} was not dropped: {fault}", database.name());
        }
    }
    measured
}

/// Ends with a signal or a panic too, with every child killed, so that the databases can be dropped.
async fn guarded(options: Options, databases: [Database; 2]) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut term) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let mut work = tokio::task::JoinSet::new();
    work.spawn(measure(options, databases));
    let ended = tokio::select! {
        ended = work.join_next() => ended,
        _ = interrupt.recv() => None,
        _ = term.recv() => None,
    };
    work.shutdown().await;
    ended.ok_or("interrupted")??
}

async fn measure(options: Options, [database, reference]: [Database; 2]) -> Result<()> {
    let mut setup = Setup::new(options, database, reference).await?;
    let report = cases::all(&mut setup).await?;
    let text = report.to_markdown();
    if let Some(folder) = setup.options.report.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&setup.options.report, &text)?;
    println!("{text}");
    Ok(())
}
