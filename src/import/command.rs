//! The flags of `tandem import`, and the flow from the file to the manager.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use bin_common_handler::{
    daemon::{block_on, fail},
    ids,
    models::identity::parse_uuid,
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{batch, report::Report, send::Import};
use crate::{
    Outcome,
    client::{Ask, Client, Options},
    output,
};

const MANAGER: &str = "outdial-manager";

const EXAMPLES: &str = "Examples:
  tandem import targets --outdial 5b1a0000-0000-4000-8000-000000000001 people.csv
  tandem import targets --outdial 5b1a0000-0000-4000-8000-000000000001 people.csv \\
                        --address amqp://guest:guest@127.0.0.1:5672 --batch 1000 --concurrency 8

The file is CSV in UTF-8; its first row names the columns, of which one destination is enough:

  key,name,destination_0,destination_1
  1001,Ann,+14155550123,sip:ann@example.com
  1002,\"Doe, Bob\",tel:+1 (415) 555-0124,

destination_0 to destination_4 hold tel:NUMBER, sip:USER@DOMAIN, or just a phone number; name, detail and
data hold any text. With a key, a row that was imported before is skipped, so a file may be imported again;
without, it is imported once more. Bad rows are told with their line, and the rest is imported.

Exits with 1 when a row was bad or the import was given up. To go on with one that was, repeat it with the
--run that it names, the same file and the same --batch, within a day.";

#[derive(Args)]
struct Flags {
    /// The outdial that gets the targets
    #[arg(long, value_name = "ID", value_parser = uuid)]
    outdial: Uuid,
    /// The CSV file
    file: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Rows in one request; no more than a bridge passes on in one piece
    #[arg(long, value_name = "ROWS", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: u16,
    /// Requests at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Go on with an import that was given up
    #[arg(long, value_name = "ID")]
    run: Option<Uuid>,
    /// Print the summary, and each bad row, as a line of JSON
    #[arg(long)]
    json: bool,
}

fn uuid(text: &str) -> Result<Uuid, String> {
    parse_uuid(text).ok_or_else(|| "not a UUID".to_owned())
}

pub fn command() -> Command {
    let targets = Flags::augment_args(Command::new("targets"))
        .about("Import the targets of an outdial from a CSV file")
        .mut_arg("timeout", |flag| flag.default_value("30s"))
        .after_help(EXAMPLES);
    Command::new("import")
        .about("Import many rows from a file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(targets)
        .after_help("Example:\n  tandem import targets --help")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some(targets) = matches.subcommand_matches("targets") else {
        return Err("there are only targets to import".into());
    };
    let flags = Flags::from_arg_matches(targets)?;
    let file = open(&flags.file)?;
    let client = Client::open(&flags.options, MANAGER)?;
    let report = Arc::new(Report::new(file.metadata()?.len(), flags.json)?);
    let run = flags.run.unwrap_or_else(ids::next);
    let mut given_up = None;
    block_on(async {
        given_up = import(file, &flags, &client, run, &report).await.err();
        ExitCode::SUCCESS
    });
    let (summary, is_clean) = report.finish(flags.json);
    output::line(&summary)?;
    match given_up {
        Some(fault) => Ok(fail(&format!(
            "given up: {}: {fault}\nto go on, repeat the command with --run {run}",
            flags.options.address
        ))),
        None if is_clean => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

fn open(path: &Path) -> Result<File, String> {
    let failed = |fault: std::io::Error| format!("{}: {fault}", path.display());
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(format!("{} is a folder", path.display()));
    }
    Ok(file)
}

/// Reads on a thread of its own and sends here; between them a queue as long as there are senders, so that
/// memory does not grow with the file.
async fn import(
    file: File,
    flags: &Flags,
    client: &impl Ask,
    run: Uuid,
    report: &Arc<Report>,
) -> Result<(), String> {
    let concurrency = usize::from(flags.concurrency);
    let (out, batches) = mpsc::channel(concurrency);
    let (told, rows_max) = (Arc::clone(report), usize::from(flags.batch));
    let reader = tokio::task::spawn_blocking(move || {
        batch::read(BufReader::new(file), rows_max, &told, &out)
    });
    let import = Import {
        ask: client,
        outdial: flags.outdial,
        run: run.to_string(),
        report,
    };
    let (stop, fault) = (CancellationToken::new(), Mutex::new(None));
    // After a failure no further batch is begun, and those on their way are finished.
    stream::unfold(batches, async |mut batches| {
        batches.recv().await.map(|batch| (batch, batches))
    })
    .take_until(stop.cancelled())
    .for_each_concurrent(concurrency, async |batch| {
        if let Err(why) = import.send(batch).await {
            fault
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(why);
            stop.cancel();
        }
    })
    .await;
    if let Some(why) = fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(why);
    }
    reader.await.map_err(|fault| fault.to_string())?
}
