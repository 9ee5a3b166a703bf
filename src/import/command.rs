//! The flags of `tandem import`.

use std::path::PathBuf;

use bin_common_handler::ids;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{flow::Flow, report::What, table};
use crate::{
    Outcome,
    client::Options,
    customer::{MANAGER as DID_MANAGER, uuid},
};

const OUTDIAL_MANAGER: &str = "outdial-manager";
const CALL_MANAGER: &str = "call-manager";
/// Numbers of one request: as many as the manager takes.
const DIDS_PER_REQUEST: usize = 1_000;

const TARGETS: &str = "Examples:
  tandem import targets --outdial 5b1a0000-0000-4000-8000-000000000001 people.csv
  tandem import targets --outdial 5b1a0000-0000-4000-8000-000000000001 people.csv \\
                        --address amqp://guest:guest@127.0.0.1:5672 --batch 1000 --concurrency 8

The file is CSV or a JSON array. One destination is enough:

  key,name,destination_0,destination_1
  1001,Ann,+14155550123,sip:ann@example.com
  1002,\"Doe, Bob\",tel:+1 (415) 555-0124,

destination_0 to destination_4 hold tel:NUMBER, sip:USER@DOMAIN, or just a phone number; name, detail and
data hold any text. destination_0 may also be called destination, phone, phone number, telephone or number.
With a key, a row that was imported before is skipped, so a file may be imported again;
without, it is imported once more. Bad rows are told with their line, and the rest is imported.

{FILES}

Exits with 1 when a row was bad or the import was given up. To go on with one that was, repeat it with the
--run that it names, the same file and the same --batch, within a day.";

const DIDS: &str = "Examples:
  tandem import dids numbers.csv
  tandem import dids numbers.csv --pool 5b1a0000-0000-4000-8000-000000000001
  tandem import dids edited.csv --update --address amqp://guest:guest@127.0.0.1:5672
  tandem export dids numbers.csv

The file is CSV or a JSON array. One column with phone numbers is enough, with or without a name:

  number,daily_cap,carrier,description,tags
  (415) 555-0123,75,acme,\"front desk, west\",west;new
  +14155550124,,,,

The number's column may be called number, phone, phone number, did, did number, cid, caller id, outbound cid,
tn, msisdn, ani, telephone or full number; the others have the names of the fields of a number, as tandem
export dids writes them; active (Y or N) is a status, and capacity, daily limit, max calls and calls per day
are daily_cap. What is blank has its default. A number that is there already is a duplicate and stays as it is, or with --update takes the row's
fields. So a file may be imported again, also one that was given up. Bad rows are told as a spreadsheet
counts them, and the rest is imported.

{FILES}

Exits with 1 when a row was bad or the import was given up.";

const DNC: &str = "Examples:
  tandem import dnc national.csv --list federal
  tandem import dnc florida.csv --list state --state FL

The file is CSV or a JSON array. One column with phone numbers is enough. The list that it makes takes the place
of the one before it when all of the file has been read, not earlier; so a file must be whole. The law asks for
a copy of the national list that is at most 31 days old.

{FILES}

Exits with 1 when a row was bad or the import was given up. To go on with one that was, repeat it with the
--run that it names, the same file and the same --batch, within a day.";

/// What all kinds of files may be.
const FILES: &str = "Files: UTF-8, UTF-16 or Windows-1252; commas, semicolons, tabs or bars, or as a first line sep=; says. Names
of columns are compared without case, spaces, _, - and dots. Titles above the header are passed over. Columns
with other names are ignored, and told. Without a header, or alone in its file, the one column that looks like phone numbers is
taken; where two do, or two columns have names for the same, nothing is imported. A number without + is North
American: ten digits, or 1 and ten; others are written in E.164, with + and the country code.";

#[derive(Args)]
struct Targets {
    /// The outdial that gets the targets
    #[arg(long, value_name = "ID", value_parser = uuid)]
    outdial: Uuid,
    /// The CSV or JSON file, or - for standard input
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

#[derive(Args)]
struct Dids {
    /// The CSV or JSON file, or - for standard input
    file: PathBuf,
    /// Whose numbers they are; may be left out where there is one customer only
    #[arg(long, value_name = "ID", value_parser = uuid)]
    customer: Option<Uuid>,
    /// Put them all into this pool, also those that were there
    #[arg(long, value_name = "ID", value_parser = uuid)]
    pool: Option<Uuid>,
    /// Numbers that are there take the row's fields
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    options: Options,
    /// Print the summary, and each bad row, as a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Dnc {
    /// The CSV or JSON file, or - for standard input
    file: PathBuf,
    /// Whose list it is
    #[arg(long, value_name = "LIST", value_parser = ["federal", "state", "internal", "litigation", "custom"])]
    list: String,
    /// Which state's, where it is a state's
    #[arg(long, value_name = "CODE", default_value = "", value_parser = state)]
    state: String,
    /// Whose exchange it is; may be left out where the key belongs to one customer
    #[arg(long, value_name = "ID", value_parser = uuid)]
    customer: Option<Uuid>,
    #[command(flatten)]
    options: Options,
    /// Rows in one request
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
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

pub fn command() -> Command {
    let dnc = Dnc::augment_args(Command::new("dnc"))
        .about("Import a do-not-call list from a CSV or JSON file")
        .mut_arg("timeout", |flag| flag.default_value("30s"))
        .after_help(DNC.replace("{FILES}", FILES));
    let targets = Targets::augment_args(Command::new("targets"))
        .about("Import the targets of an outdial from a CSV file")
        .mut_arg("timeout", |flag| flag.default_value("30s"))
        .after_help(TARGETS.replace("{FILES}", FILES));
    let dids = Dids::augment_args(Command::new("dids"))
        .about("Import caller-ID numbers from a CSV or JSON file")
        .mut_arg("timeout", |flag| flag.default_value("30s"))
        .after_help(DIDS.replace("{FILES}", FILES));
    Command::new("import")
        .about("Import many rows from a file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(targets)
        .subcommand(dids)
        .subcommand(dnc)
        .after_help("Examples:\n  tandem import targets --help\n  tandem import dids --help\n  tandem import dnc --help")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    match matches.subcommand() {
        Some(("targets", given)) => import_targets(&Targets::from_arg_matches(given)?),
        Some(("dids", given)) => import_dids(&Dids::from_arg_matches(given)?),
        Some(("dnc", given)) => import_dnc(&Dnc::from_arg_matches(given)?),
        _ => Err("there are only targets, dids and dnc to import".into()),
    }
}

fn import_targets(flags: &Targets) -> Outcome {
    let run = flags.run.unwrap_or_else(ids::next);
    let flow = Flow {
        what: What::Targets,
        manager: OUTDIAL_MANAGER,
        uri: format!("/v1/outdials/{}/targets/bulk", flags.outdial),
        options: &flags.options,
        file: &flags.file,
        rows_max: usize::from(flags.batch),
        concurrency: usize::from(flags.concurrency),
        run: run.to_string(),
        json: flags.json,
        to_go_on: format!("repeat the command with --run {run}"),
        finish: None,
    };
    flow.run(table::targets)
}

fn import_dids(flags: &Dids) -> Outcome {
    let flow = Flow {
        what: What::Dids,
        manager: DID_MANAGER,
        uri: dids_uri(flags),
        options: &flags.options,
        file: &flags.file,
        rows_max: DIDS_PER_REQUEST,
        // The manager takes one batch of a customer at a time; and the first of equal rows is to win.
        concurrency: 1,
        run: ids::next().to_string(),
        json: flags.json,
        to_go_on: "repeat the command: numbers that are there count as duplicates".to_owned(),
        finish: None,
    };
    flow.run(table::dids)
}

fn import_dnc(flags: &Dnc) -> Outcome {
    let run = flags.run.unwrap_or_else(ids::next);
    let flow = Flow {
        what: What::Dnc,
        manager: CALL_MANAGER,
        uri: dnc_uri(flags, run),
        options: &flags.options,
        file: &flags.file,
        rows_max: usize::from(flags.batch),
        concurrency: usize::from(flags.concurrency),
        run: run.to_string(),
        json: flags.json,
        to_go_on: format!("repeat the command with --run {run}"),
        finish: Some(("/v1/dnc_lists", finished_dnc(flags, run))),
    };
    flow.run(table::dnc)
}

/// What puts the import into the place of the list.
fn finished_dnc(flags: &Dnc, run: Uuid) -> Value {
    json!({
        "customer_id": flags.customer, "list": flags.list, "state": flags.state, "import": run,
    })
}

/// Two letters, or nothing.
fn state(text: &str) -> Result<String, String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code || text.is_empty() {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("write it as FL".to_owned())
    }
}

fn dnc_uri(flags: &Dnc, run: Uuid) -> String {
    let customer = flags.customer.map(|id| format!("&customer_id={id}"));
    format!(
        "/v1/dnc_entries/bulk?list={}&state={}&import={run}{}",
        flags.list,
        flags.state,
        customer.unwrap_or_default()
    )
}

fn dids_uri(flags: &Dids) -> String {
    let customer = flags.customer.map(|id| format!("&customer_id={id}"));
    let pool = flags.pool.map(|id| format!("&didpool_id={id}"));
    format!(
        "/v1/dids/bulk?update={}{}{}",
        flags.update,
        customer.unwrap_or_default(),
        pool.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(args: &[&str]) -> String {
        let args = [&["import", "dids", "a.csv"], args].concat();
        let matches = command().try_get_matches_from(args).unwrap();
        let dids = matches.subcommand_matches("dids").unwrap();
        dids_uri(&Dids::from_arg_matches(dids).unwrap())
    }

    #[test]
    fn flags_of_an_import_of_numbers_are_the_managers_parameters() {
        assert_eq!(uri(&[]), "/v1/dids/bulk?update=false");
        let id = "5b1a0000-0000-4000-8000-000000000001";
        assert_eq!(
            uri(&["--update", "--customer", id, "--pool", id]),
            format!("/v1/dids/bulk?update=true&customer_id={id}&didpool_id={id}")
        );
    }

    #[test]
    fn a_list_is_kept_apart_until_its_import_is_finished() {
        let args = ["import", "dnc", "a.csv", "--list", "state", "--state", "fl"];
        let matches = command().try_get_matches_from(args).unwrap();
        let flags = Dnc::from_arg_matches(matches.subcommand_matches("dnc").unwrap()).unwrap();
        let run = Uuid::from_u128(5);
        assert_eq!(
            dnc_uri(&flags, run),
            format!("/v1/dnc_entries/bulk?list=state&state=FL&import={run}")
        );
        assert_eq!(finished_dnc(&flags, run)["import"], json!(run));
    }
}
