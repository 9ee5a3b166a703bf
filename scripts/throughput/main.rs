//! Throughput of the managers' daemons on real services, each figure beside a reference that was measured in
//! the same run.
//!
//! `scripts/bench` builds what is measured and runs this program.

mod broker;
mod chat;
mod child;
mod conversations;
mod daemon;
mod database;
mod did;
mod exchange;
mod flame;
mod http;
mod line;
mod load;
mod machine;
mod metrics;
mod outdial;
mod overload;
mod report;
mod roles;
mod sample;
mod stand;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use bin_common_handler::ids;
use clap::{Parser, ValueEnum};

use crate::{
    database::Database,
    report::{Report, Section},
    stand::Stand,
};

/// Whatever kept us from measuring.
type Fault = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Fault>;

/// Measures the managers' daemons and prints a report in Markdown.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Shorter measurements and smaller tables
    #[arg(long)]
    quick: bool,
    /// Measure this manager alone, or how much too much is borne
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// The folder with the programs to measure [default: the one with the tests' own build]
    #[arg(long, value_name = "FOLDER", default_value_os_t = own_build(), hide_default_value = true)]
    programs: PathBuf,
    /// Where the report is written besides standard output
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-report.md"))]
    report: PathBuf,
    /// Record where the daemons' time goes under full load; needs perf
    #[arg(long)]
    flame: bool,
    /// Given by `cargo bench`; without it, as in `cargo test --benches`, nothing is measured
    #[arg(long)]
    bench: bool,
    /// Serves as a reference instead; started by the program itself
    #[arg(long, hide = true)]
    role: Option<Role>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Outdial,
    Did,
    Exchange,
    Conversations,
    Chat,
    Overload,
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

fn own_build() -> PathBuf {
    let tandem = Path::new(env!("CARGO_BIN_EXE_tandem"));
    tandem.parent().unwrap_or(tandem).to_owned()
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

/// The databases of a run.
#[derive(Debug, Clone)]
struct Databases {
    outdial: Database,
    transaction: Database,
    did: Database,
    exchange: Database,
    exchange_transaction: Database,
    /// Of did-manager, call-manager and chat-manager.
    conversations: [Database; 3],
    conversations_transaction: Database,
    /// Of did-manager and chat-manager.
    chat: [Database; 2],
    overload: Database,
    overload_did: Database,
}

impl Databases {
    fn new() -> Self {
        let run = ids::next().simple();
        let named = |what| Database::named(&format!("tandem_bench_{run}_{what}"));
        Self {
            outdial: named("outdial"),
            transaction: named("ref"),
            did: named("did"),
            exchange: named("exchange"),
            exchange_transaction: named("exchange_ref"),
            conversations: ["cdid", "ccall", "cchat"].map(named),
            conversations_transaction: named("conversations_ref"),
            chat: ["sdid", "schat"].map(named),
            overload: named("overload"),
            overload_did: named("overload_did"),
        }
    }
}

#[tokio::main]
async fn run(options: Options) -> Result<()> {
    let databases = Databases::new();
    let measured = guarded(options, databases.clone()).await;
    let Databases {
        outdial,
        transaction,
        did,
        exchange,
        exchange_transaction,
        conversations: [conversations_did, conversations_call, conversations_chat],
        conversations_transaction,
        chat: [sockets_did, sockets_chat],
        overload,
        overload_did,
    } = &databases;
    for database in [
        outdial,
        transaction,
        did,
        exchange,
        exchange_transaction,
        conversations_did,
        conversations_call,
        conversations_chat,
        conversations_transaction,
        sockets_did,
        sockets_chat,
        overload,
        overload_did,
    ] {
        if let Err(fault) = database.drop().await {
            eprintln!("the database {} was not dropped: {fault}", database.name());
        }
    }
    measured
}

/// Ends with a signal or a panic too, with every child killed, so that the databases can be dropped.
async fn guarded(options: Options, databases: Databases) -> Result<()> {
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

/// Measures one manager after the other; what was measured before a fault is reported all the same.
async fn measure(options: Options, databases: Databases) -> Result<()> {
    let stand = Stand::new(options).await?;
    let mut report = Report {
        place: machine::describe(&Database::server()?, &stand.broker).await,
        ..Report::default()
    };
    let mut done = Ok(());
    if stand.wants(Only::Outdial) {
        let mut section = Section::new("outdial-manager");
        let measured = outdial::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    if stand.wants(Only::Did) {
        let mut section = Section::new("did-manager");
        let measured = did::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    if stand.wants(Only::Exchange) {
        let mut section = Section::new("call-manager");
        let measured = exchange::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    if stand.wants(Only::Conversations) {
        let mut section = Section::new("conversations");
        let measured = conversations::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    if stand.wants(Only::Chat) {
        let mut section = Section::new("live chat");
        let measured = chat::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    if stand.wants(Only::Overload) {
        let mut section = Section::new("overload");
        let measured = overload::measure(&stand, &mut section, &databases).await;
        done = done.and(report.take(section, measured));
    }
    report.place.push(("load after", machine::load()));
    let text = report.to_markdown();
    stand.folder()?;
    std::fs::write(&stand.options.report, &text)?;
    println!("{text}");
    done
}
