//! The flags of `tandem request`, and a single request.

use std::{
    io::{Read, stdin},
    process::ExitCode,
};

use bin_common_handler::{
    daemon::{block_on, fail},
    models::{
        bad_json,
        identity::parse_uuid,
        sock::{Method, Request, Response},
    },
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::value::RawValue;
use tandem::managers;
use uuid::Uuid;

use super::{
    field::{self, FieldPath},
    repeat,
};
use crate::{
    Outcome,
    client::{
        Address, Ask, Client, Options, manager_name, path, status_line, status_line_without_flag,
    },
    output,
};

const EXAMPLES: &str = "Examples:
  tandem request outdial GET '/v1/outdials?page_size=10'
  tandem request outdial POST /v1/outdials '{\"name\":\"spring\"}' --idempotency-key spring-1
  id=$(tandem request outdial POST /v1/outdials '{\"name\":\"spring\"}' --field id)
  tandem request outdial POST /v1/outdials @outdial.json --address amqp://guest:guest@127.0.0.1:5672
  echo '{\"deleted\":false}' | tandem request outdial GET /v1/outdials -
  tandem request outdial GET /v1/outdials --repeat 10000 --concurrency 32

Exits with 1 when the status is 400 or more, when no reply came, or when it has no such field.";

#[derive(Args)]
pub struct Flags {
    /// Whom to ask, e.g. outdial
    #[arg(value_parser = manager_name)]
    manager: String,
    /// GET, POST, PUT or DELETE
    #[arg(value_parser = method)]
    method: Method,
    /// Path and query, e.g. /v1/outdials?page_size=10
    #[arg(value_parser = path)]
    uri: String,
    /// The body: JSON, @FILE, or - for standard input
    #[arg(value_name = "JSON|@FILE|-")]
    body: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Confine the request to this customer (only over a broker)
    #[arg(long, value_name = "UUID", value_parser = customer)]
    customer: Option<Uuid>,
    /// Do an effect once under this key, however often it is asked for
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Ask so often, and print the figures instead of the replies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    repeat: Option<u32>,
    /// With --repeat: requests at a time
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// Print the whole reply, or the figures, as one line of JSON
    #[arg(long)]
    json: bool,
    /// Print this field of the reply alone: a text without quotes, anything else as JSON; e.g. id, endpoint.url, or 0.id of a list
    #[arg(long, value_name = "NAME", value_parser = field::parse, conflicts_with_all = ["json", "repeat"])]
    field: Option<FieldPath>,
}

pub fn command() -> Command {
    Flags::augment_args(Command::new("request"))
        .about("Ask a manager, over the broker or through a bridge")
        .after_help(EXAMPLES)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let flags = Flags::from_arg_matches(matches)?;
    known(&flags)?;
    let request = request(&flags)?;
    let client = Client::open(&flags.options, &flags.manager)?;
    let address = &flags.options.address;
    let mut outcome: Outcome = Ok(ExitCode::FAILURE);
    block_on(async {
        outcome = match flags.repeat {
            Some(times) => {
                repeat::run(&client, &request, times, flags.concurrency, flags.json).await
            }
            None => match client.ask(&request).await {
                Ok(response) => show(&response, &flags),
                Err(fault) => Ok(fail(&format!("{address}: {fault}"))),
            },
        };
        ExitCode::SUCCESS
    });
    outcome
}

/// A bridge goes by the path alone, so a mistyped manager would go unnoticed there. Over a broker any service may be
/// asked.
fn known(flags: &Flags) -> Result<(), String> {
    let short = |name: &str| name.trim_end_matches("-manager").to_owned();
    let mut names = managers::ALL.iter().map(|manager| manager.name);
    if !is_bridge(flags) || names.any(|name| name == flags.manager) {
        return Ok(());
    }
    let names: Vec<String> = managers::ALL
        .iter()
        .map(|manager| short(manager.name))
        .collect();
    Err(format!(
        "no manager '{}'; there are {}",
        short(&flags.manager),
        names.join(", ")
    ))
}

fn is_bridge(flags: &Flags) -> bool {
    matches!(flags.options.address, Address::Http(_))
}

fn method(text: &str) -> Result<Method, String> {
    Method::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| "it must be GET, POST, PUT or DELETE".to_owned())
}

fn customer(text: &str) -> Result<Uuid, String> {
    parse_uuid(text).ok_or_else(|| "not a UUID".to_owned())
}

fn request(flags: &Flags) -> Result<Request, Box<dyn std::error::Error>> {
    let mut request = Request::new(flags.method, &flags.uri, "tandem");
    if let Some(body) = &flags.body {
        request = request.json(&body_of(body)?)?;
    }
    if flags.customer.is_some() && is_bridge(flags) {
        return Err(
            "--customer works over a broker only; a bridge knows its caller by the key, and its own key names \
             the customer by customer_id in the query or body"
                .into(),
        );
    }
    request.customer_id = flags.customer;
    request.idempotency_key.clone_from(&flags.idempotency_key);
    Ok(request)
}

fn body_of(given: &str) -> Result<Box<RawValue>, String> {
    let text = match given.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|fault| format!("{file}: {fault}"))?,
        None if given == "-" => {
            let mut text = String::new();
            let read = stdin().lock().read_to_string(&mut text);
            read.map_err(|fault| format!("standard input: {fault}"))?;
            text
        }
        None => given.to_owned(),
    };
    bad_json::from_str(&text).map_err(|bad| format!("the body is not right: {bad}"))
}

fn show(response: &Response, flags: &Flags) -> Outcome {
    let is_refused = response.status_code >= 400;
    if let Some(field) = &flags.field {
        if !is_refused {
            output::line(&field.find(response.body())?)?;
        } else if response.data.is_some() {
            // Whoever reads the output wants the field, and nothing else.
            output::say(&output::pretty(response.body()));
        }
    } else if flags.json {
        output::line(&serde_json::to_string(response)?)?;
    } else if response.data.is_some() {
        output::line(&output::pretty(response.body()))?;
    }
    if !is_refused {
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&if is_bridge(flags) {
        status_line_without_flag(response)
    } else {
        status_line(response)
    });
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_keeps_its_text_and_must_be_json() {
        assert_eq!(body_of(r#"{"b":1.10}"#).unwrap().get(), r#"{"b":1.10}"#);
        assert!(body_of("{").unwrap_err().contains("not JSON"));
        assert!(
            body_of("@no-such-file")
                .unwrap_err()
                .contains("no-such-file")
        );
    }
}
