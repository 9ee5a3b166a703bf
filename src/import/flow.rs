//! From the file to the manager, whatever the rows are.

use std::{
    fs::File,
    io::{BufReader, stdin},
    os::fd::AsFd,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use bin_common_handler::daemon::{block_on, fail};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;

use super::{
    batch::Batch,
    report::{Report, What},
    send::{Import, Stopped},
};
use crate::{
    Outcome,
    client::{Ask, Client, Options},
    output,
};

/// What stands for standard input in the place of a file.
const STANDARD_INPUT: &str = "-";

/// One import.
pub struct Flow<'f> {
    /// What the rows are.
    pub what: What,
    /// Who takes them.
    pub manager: &'static str,
    /// By which route.
    pub uri: String,
    /// The way there.
    pub options: &'f Options,
    /// Where they are.
    pub file: &'f Path,
    /// Rows of one request.
    pub rows_max: usize,
    /// Requests at a time.
    pub concurrency: usize,
    /// Names this import, so that a request that is repeated is done once.
    pub run: String,
    /// Tell the outcome to a machine.
    pub json: bool,
    /// How to go on with an import that was given up.
    pub to_go_on: String,
    /// What is asked once every row was taken: where, and with which body.
    pub finish: Option<(&'static str, Value)>,
}

/// Reads a file into batches of so many rows.
pub type Read = fn(BufReader<File>, usize, &Report, &Sender<Batch>) -> Result<(), String>;

impl Flow<'_> {
    /// Imports the file and tells what became of it.
    ///
    /// # Errors
    /// When it cannot begin.
    pub fn run(&self, read: Read) -> Outcome {
        let file = open(self.file)?;
        let client = Client::open(self.options, self.manager)?;
        let report = Report::new(self.what, file.metadata()?.len(), self.json)?;
        let report = Arc::new(report);
        let mut ended = Ok(());
        block_on(async {
            ended = self.import(file, read, &client, &report).await;
            ExitCode::SUCCESS
        });
        let (summary, is_clean) = report.finish(self.json);
        output::line(&summary)?;
        match ended {
            Err(GivenUp::File(fault)) => Ok(fail(&self.file_is_wrong(&fault, report.has_sent()))),
            Err(GivenUp::Sending(Stopped { why, is_final })) => {
                let advice = if is_final {
                    String::new()
                } else {
                    format!("\nto go on, {}", self.to_go_on)
                };
                let address = &self.options.address;
                Ok(fail(&format!("given up: {address}: {why}{advice}")))
            }
            Ok(()) if is_clean => Ok(ExitCode::SUCCESS),
            Ok(()) => Ok(ExitCode::FAILURE),
        }
    }

    /// To repeat the command would change nothing: the file has to be changed.
    fn file_is_wrong(&self, fault: &str, has_sent: bool) -> String {
        let so_far = if has_sent {
            "what stands before it was imported"
        } else {
            "nothing was imported"
        };
        format!("{}: {fault}\n{so_far}", shown(self.file))
    }

    /// Reads on a thread of its own and sends here; between them a queue as long as there are senders, so
    /// that memory does not grow with the file.
    async fn import(
        &self,
        file: File,
        read: Read,
        client: &impl Ask,
        report: &Arc<Report>,
    ) -> Result<(), GivenUp> {
        let (out, batches) = mpsc::channel(self.concurrency);
        let (told, rows_max) = (Arc::clone(report), self.rows_max);
        let reader =
            tokio::task::spawn_blocking(move || read(BufReader::new(file), rows_max, &told, &out));
        let import = Import {
            ask: client,
            uri: self.uri.clone(),
            run: self.run.clone(),
            report,
        };
        let (stop, fault) = (CancellationToken::new(), Mutex::new(None));
        // After a failure no further batch is begun, and those on their way are finished.
        stream::unfold(batches, async |mut batches| {
            batches.recv().await.map(|batch| (batch, batches))
        })
        .take_until(stop.cancelled())
        .for_each_concurrent(self.concurrency, async |batch| {
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
            return Err(GivenUp::Sending(why));
        }
        let read = reader.await.map_err(|fault| fault.to_string());
        read.flatten().map_err(GivenUp::File)?;
        match &self.finish {
            Some((uri, body)) if report.has_sent() => {
                import.finish(uri, body).await.map_err(GivenUp::Sending)
            }
            // What is there is not taken for renewed.
            Some(_) if report.is_empty() => Err(GivenUp::File("it has no rows".to_owned())),
            _ => Ok(()),
        }
    }
}

/// Why an import ended before the file did.
enum GivenUp {
    /// The file is no table that can be imported.
    File(String),
    /// The manager was not reached, or refused.
    Sending(Stopped),
}

fn open(path: &Path) -> Result<File, String> {
    let failed = |fault: std::io::Error| format!("{}: {fault}", shown(path));
    let file = if path == Path::new(STANDARD_INPUT) {
        stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(path)
    };
    let file = file.map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(format!("{} is a folder", shown(path)));
    }
    Ok(file)
}

/// The file as people are told of it.
fn shown(path: &Path) -> String {
    if path == Path::new(STANDARD_INPUT) {
        return "standard input".to_owned();
    }
    path.display().to_string()
}
