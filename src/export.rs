//! `tandem export`: all rows of a kind into a file, in columns that an import takes.

use std::{
    io::{self, BufWriter, IsTerminal, StdoutLock, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use bin_common_handler::{
    databasehandler::Dsn,
    files::{self, Draft},
    models::{sock::Method, text::escaped},
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Outcome,
    client::{Ask, Options, fetch, not_understood, with_client},
    customer::{MANAGER, uuid},
    output, settings,
};

const EXAMPLES: &str = "Examples:
  tandem export dids numbers.csv
  tandem export dids --force numbers.csv
  tandem export dids | head
  tandem export dids numbers.csv --customer 5b1a0000-0000-4000-8000-000000000001

The columns are the fields of a number; edit them and import the file with tandem import dids FILE --update.
Cells that a spreadsheet would take for a formula have a ' before them, which the import takes away again.";

#[derive(Args)]
struct Flags {
    /// Where to write; it appears when it is whole [default: standard output]
    file: Option<PathBuf>,
    /// Whose numbers; may be left out where there is one customer only
    #[arg(long, value_name = "ID", value_parser = uuid)]
    customer: Option<Uuid>,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: Options,
}

pub fn command() -> Command {
    let dids = Flags::augment_args(Command::new("dids"))
        .about("Export all caller-ID numbers as CSV")
        .mut_arg("timeout", |flag| flag.default_value("30s"))
        .after_help(EXAMPLES);
    Command::new("export")
        .about("Export all rows of a kind into a file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(dids)
        .after_help("Example:\n  tandem export dids --help")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some(given) = matches.subcommand_matches("dids") else {
        return Err("there are only dids to export".into());
    };
    let flags = Flags::from_arg_matches(given)?;
    match &flags.file {
        None => {
            export(&flags, Shown(stdout().lock()))?;
        }
        Some(path) => {
            let at = |fault: io::Error| format!("{}: {fault}", path.display());
            if let Some(stream) = files::stream(path, &ours()?).map_err(at)? {
                export(&flags, stream)?;
                return Ok(ExitCode::SUCCESS);
            }
            files::ensure_writable(path, &ours()?)?;
            if !flags.force && path.exists() {
                let why = "is there already; choose another name, or add --force to replace it";
                return Err(format!("{}: {why}", path.display()).into());
            }
            let mut draft = Draft::of(path).map_err(at)?;
            let rows = export(&flags, &mut draft)?;
            draft.publish().map_err(at)?;
            let rows = output::grouped(rows);
            output::line(&format!("{rows} numbers are in {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that a tandem with the settings of this place works on.
fn ours() -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let config = settings::without_flags()?;
    let database = match config.database()? {
        Dsn::Sqlite(path) => Some(path),
        Dsn::MySql(_) => None,
    };
    Ok(files::in_use(&config.data_dir(), database.as_deref()))
}

/// Standard output; a terminal obeys nothing of it.
struct Shown(StdoutLock<'static>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.0.is_terminal() {
            return self.0.write(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        self.0
            .write_all(escaped(&text.replace("\r\n", "\n")).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes them all; how many there are.
fn export(flags: &Flags, to: impl Write) -> Result<u64, Box<dyn std::error::Error>> {
    let customer = flags.customer.map(|id| format!("customer_id={id}&"));
    let uri = format!("/v1/dids/export?{}", customer.unwrap_or_default());
    let mut to = BufWriter::new(to);
    let (mut write_fault, mut lines) = (None, Lines::default());
    let done = with_client(&flags.options, MANAGER, async |client| {
        pages(client, &uri, &mut |text| {
            lines.count(text);
            let written = to.write_all(text.as_bytes());
            written.map_err(|fault| write_fault = Some(fault)).is_ok()
        })
        .await
    });
    // As it is: a reader that has seen enough is no failure.
    if let Some(fault) = write_fault {
        return Err(fault.into());
    }
    done?;
    to.flush()?;
    // The first is the header.
    Ok(lines.ended.saturating_sub(1))
}

/// Lines of a table that have come so far; those within a quoted cell are none.
#[derive(Default)]
struct Lines {
    ended: u64,
    is_quoted: bool,
}

impl Lines {
    fn count(&mut self, text: &str) {
        for byte in text.bytes() {
            // A quote within a cell is doubled, which changes nothing.
            self.is_quoted ^= byte == b'"';
            self.ended += u64::from(byte == b'\n' && !self.is_quoted);
        }
    }
}

/// Asks for page after page until the last, or until `write` takes no more.
async fn pages(
    ask: &impl Ask,
    uri: &str,
    write: &mut impl FnMut(&str) -> bool,
) -> Result<(), String> {
    let mut token = String::new();
    loop {
        let page = format!("{uri}page_token={token}");
        let page = fetch(ask, Method::Get, &page, None::<&()>).await?;
        // A bridge joins the pages itself and gives the whole file.
        if let Value::String(whole) = &page {
            write(whole);
            return Ok(());
        }
        let field = |name| page.get(name).and_then(Value::as_str);
        let text = field("text").ok_or_else(|| not_understood("it has no text"))?;
        let next = field("next_page_token").unwrap_or_default();
        if !write(text) || next.is_empty() {
            return Ok(());
        }
        if next == token {
            return Err(not_understood("a page follows itself"));
        }
        next.clone_into(&mut token);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bin_common_handler::models::{
        error::Result as Reply,
        sock::{Request, Response},
    };
    use serde_json::json;

    use super::*;

    /// Answers from a list and remembers what it was asked.
    struct Fake {
        replies: Mutex<Vec<Value>>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Ask for Fake {
        async fn ask(&self, request: &Request) -> Reply<Response> {
            self.asked.lock().unwrap().push(request.uri.clone());
            Ok(Response::ok(&self.replies.lock().unwrap().remove(0)))
        }
    }

    async fn exported(replies: &[Value]) -> (Result<(), String>, String, Vec<String>) {
        let fake = Fake {
            replies: Mutex::new(replies.to_vec()),
            asked: Mutex::default(),
        };
        let mut file = String::new();
        let mut write = |text: &str| {
            file.push_str(text);
            file.len() < 10
        };
        let outcome = pages(&fake, "/v1/dids/export?", &mut write).await;
        (outcome, file, fake.asked.into_inner().unwrap())
    }

    fn page(text: &str, next: &str) -> Value {
        json!({"text": text, "next_page_token": next})
    }

    #[test]
    fn lines_are_counted_across_pages_and_not_within_cells() {
        let mut lines = Lines::default();
        for page in ["number,detail\r\n1,\"a", "\r\nb \"\"c\"\"\"\r\n", "2,\r\n"] {
            lines.count(page);
        }
        assert_eq!(lines.ended, 3);
    }

    #[tokio::test]
    async fn pages_are_joined() {
        let (outcome, file, asked) = exported(&[page("a\n", "T1"), page("b\n", "")]).await;
        outcome.unwrap();
        assert_eq!(file, "a\nb\n");
        assert_eq!(
            asked,
            [
                "/v1/dids/export?page_token=",
                "/v1/dids/export?page_token=T1"
            ]
        );
    }

    #[tokio::test]
    async fn a_whole_file_is_taken_as_it_is() {
        let (outcome, file, asked) = exported(&[json!("a\nb\n")]).await;
        outcome.unwrap();
        assert_eq!((file.as_str(), asked.len()), ("a\nb\n", 1));
    }

    #[tokio::test]
    async fn a_reader_who_left_ends_it() {
        let (outcome, _, asked) = exported(&[page("0123456789", "T1")]).await;
        outcome.unwrap();
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn what_cannot_end_or_is_no_page_is_a_failure() {
        let endless = [page("a", "T1"), page("b", "T1")];
        for replies in [endless.as_slice(), &[json!({"next_page_token": ""})]] {
            let (outcome, _, _) = exported(replies).await;
            assert!(outcome.unwrap_err().contains("not understood"));
        }
    }
}
