//! `tandem customer`: who the numbers and keys of an installation belong to.

use std::{process::ExitCode, time::Duration};

use bin_common_handler::{
    config::parse_duration,
    models::{identity::parse_uuid, sock::Method},
};
use bin_did_manager::models::customer::Customer;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Outcome,
    client::{Ask, Options, fetch, get, not_understood, rows, with_client},
    output,
};

/// The manager that knows customers and their keys.
pub const MANAGER: &str = "did-manager";

const EXAMPLES: &str = "Examples:
  tandem customer create --name Acme --timezone America/New_York
  tandem customer create --name Acme --timezone America/Chicago --daily-cap 100 --hourly-cap 20 --cooldown 2m \\
                         --number-format 10 --dial-prefix 9 --dial-prefix 91 --filler-campaign TEST
  tandem customer list
  tandem customer show

Everything else is changed with a request, for example:
  tandem request did PUT /v1/customers/ID '{\"did_daily_cap\": 60, \"status\": \"suspended\"}'";

#[derive(Subcommand)]
enum What {
    /// Make a customer and say what to do next
    Create(Create),
    /// List the customers
    List(Asking),
    /// Show a customer with all its fields
    Show {
        /// Its id; may be left out where there is one customer only
        #[arg(value_parser = uuid)]
        id: Option<Uuid>,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Flags of every command about customers and keys.
#[derive(Args)]
pub struct Asking {
    /// Whom to ask, and how.
    #[command(flatten)]
    pub options: Options,
    /// Print the reply as one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
struct Create {
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    asking: Asking,
}

/// What is left out has the manager's default.
#[derive(Args, Serialize)]
struct Fields {
    /// A name for people
    #[arg(long)]
    name: String,
    /// The zone of its days and hours [default: UTC]
    #[arg(long, value_name = "ZONE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    /// When its day begins, and the counts of a day start again [default: 00:00]
    #[arg(long, value_name = "HH:MM")]
    #[serde(skip_serializing_if = "Option::is_none")]
    day_start: Option<String>,
    /// Calls a day of each number; 0 = no cap [default: 75]
    #[arg(long, value_name = "CALLS")]
    #[serde(rename = "did_daily_cap", skip_serializing_if = "Option::is_none")]
    daily_cap: Option<u32>,
    /// Calls an hour of each number; 0 = no cap [default: 15]
    #[arg(long, value_name = "CALLS")]
    #[serde(rename = "did_hourly_cap", skip_serializing_if = "Option::is_none")]
    hourly_cap: Option<u32>,
    /// Rest between two calls of a number, e.g. 5m; 0 = none [default: 4m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    #[serde(
        rename = "did_cooldown_seconds",
        serialize_with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    cooldown: Option<Duration>,
    /// How answers write numbers: e164, 11 or 10 digits [default: e164]
    #[arg(long, value_name = "FORMAT", value_parser = ["e164", "11", "10"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    number_format: Option<String>,
    /// What its dialers put before a number, e.g. 9; may be repeated
    #[arg(long, value_name = "DIGITS")]
    #[serde(rename = "dial_prefixes")]
    dial_prefix: Vec<String>,
    /// A campaign id that means "no campaign", beside DEFAULT and UNKNOWN; may be repeated
    #[arg(long, value_name = "CAMPAIGN")]
    #[serde(rename = "filler_campaigns")]
    filler_campaign: Vec<String>,
}

/// Reads an id.
///
/// # Errors
/// When it is none.
pub fn uuid(text: &str) -> Result<Uuid, String> {
    parse_uuid(text).ok_or_else(|| "not a UUID".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a time such as 5m, 90s or 0".to_owned())
}

fn seconds<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(to)
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("customer"))
        .about("Make, list and show customers: the tenants that numbers, users and keys belong to")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    match What::from_arg_matches(matches)? {
        What::Create(Create { fields, asking }) => create(&fields, &asking),
        What::List(asking) => list(&asking),
        What::Show { id, asking } => show(id, &asking),
    }
}

fn create(fields: &Fields, asking: &Asking) -> Outcome {
    let made = with_client(&asking.options, MANAGER, async |client| {
        fetch(client, Method::Post, "/v1/customers", Some(fields)).await
    })?;
    if asking.json {
        output::line(&made.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let customer: Customer = serde_json::from_value(made).map_err(not_understood)?;
    output::line(&next_steps(&customer))?;
    warn(&customer);
    Ok(ExitCode::SUCCESS)
}

/// Says what of its limits cannot be reached.
fn warn(customer: &Customer) {
    for warning in customer.limits().contradictions() {
        eprintln!("{}: {warning}", output::printable(&customer.name));
    }
}

fn next_steps(customer: &Customer) -> String {
    let (id, name) = (customer.id, output::printable(&customer.name));
    format!(
        "{id}  {name}, {}\n\n\
         Next, a key for its dialer, and its numbers:\n  \
         tandem key create --customer {id} --name 'dialer 1'\n  \
         tandem import dids --customer {id} numbers.csv",
        habits(customer)
    )
}

/// What its numbers do unless they say otherwise themselves.
fn habits(customer: &Customer) -> String {
    let cap = |cap: i32, per: &str| match cap {
        0 => format!("any number of calls {per}"),
        cap => format!("{cap} calls {per}"),
    };
    format!(
        "{}: each number {}, {}, {} s of rest",
        customer.timezone,
        cap(customer.did_daily_cap, "a day"),
        cap(customer.did_hourly_cap, "an hour"),
        customer.did_cooldown_seconds
    )
}

fn list(asking: &Asking) -> Outcome {
    let found = with_client(&asking.options, MANAGER, async |client| {
        rows(client, "/v1/customers?deleted=false").await
    })?;
    if asking.json {
        output::line(&Value::Array(found).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let customers: Vec<Customer> =
        serde_json::from_value(Value::Array(found)).map_err(not_understood)?;
    if customers.is_empty() {
        eprintln!("there is no customer yet; make one with tandem customer create");
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "ID",
        "NAME",
        "STATUS",
        "TIMEZONE",
        "CALLS/DAY",
        "CALLS/HOUR",
        "REST",
        "MADE",
    ];
    let lines = customers.iter().map(|customer| {
        vec![
            customer.id.to_string(),
            customer.name.clone(),
            customer.status.to_string(),
            customer.timezone.clone(),
            customer.did_daily_cap.to_string(),
            customer.did_hourly_cap.to_string(),
            format!("{}s", customer.did_cooldown_seconds),
            output::minute(customer.tm_create),
        ]
    });
    output::line(&output::table(&header, lines.collect()))?;
    customers.iter().for_each(warn);
    Ok(ExitCode::SUCCESS)
}

fn show(id: Option<Uuid>, asking: &Asking) -> Outcome {
    let found = with_client(&asking.options, MANAGER, async |client| {
        one(client, id).await
    })?;
    if asking.json {
        output::line(&found.to_string())?;
    } else {
        let fields = found.as_object().into_iter().flatten();
        let lines = fields.map(|(name, value)| vec![name.clone(), output::cell(value)]);
        output::line(&output::table(&["FIELD", "VALUE"], lines.collect()))?;
        if let Ok(customer) = serde_json::from_value(found) {
            warn(&customer);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(ask: &impl Ask, id: Option<Uuid>) -> Result<Value, String> {
    if let Some(id) = id {
        return get(ask, &format!("/v1/customers/{id}")).await;
    }
    let mut found = rows(ask, "/v1/customers?deleted=false").await?;
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) => Err("there is no customer yet; make one with tandem customer create".to_owned()),
        _ => Err(
            "there are several customers; name one: tandem customer list shows their ids"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bin_common_handler::models::{
        error::Result as Reply,
        sock::{Request, Response},
    };
    use serde_json::json;

    use super::*;

    /// Has two customers.
    struct Two;

    #[async_trait]
    impl Ask for Two {
        async fn ask(&self, _: &Request) -> Reply<Response> {
            Ok(Response::ok(&json!([{"id": "1"}, {"id": "2"}])))
        }
    }

    #[tokio::test]
    async fn which_customer_has_to_be_said_and_where_ids_are_is_told() {
        let shown = one(&Two, None).await.unwrap_err();
        assert!(shown.contains("tandem customer list"), "{shown}");
    }

    fn fields(args: &[&str]) -> Value {
        let args = [&["customer", "create"], args].concat();
        let matches = command().try_get_matches_from(args).unwrap();
        match What::from_arg_matches(&matches).unwrap() {
            What::Create(create) => serde_json::to_value(create.fields).unwrap(),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn flags_are_the_managers_fields_and_what_is_left_out_is_not_sent() {
        let few = json!({"name": "Acme", "dial_prefixes": [], "filler_campaigns": []});
        assert_eq!(fields(&["--name", "Acme"]), few);
        let all = [
            "--name",
            "Acme",
            "--timezone",
            "America/New_York",
            "--day-start",
            "06:00",
            "--daily-cap",
            "100",
            "--hourly-cap",
            "0",
            "--cooldown",
            "2m",
            "--number-format",
            "10",
            "--dial-prefix",
            "9",
            "--dial-prefix",
            "91",
            "--filler-campaign",
            "TEST",
        ];
        let expected = json!({
            "name": "Acme", "timezone": "America/New_York", "day_start": "06:00", "did_daily_cap": 100,
            "did_hourly_cap": 0, "did_cooldown_seconds": 120, "number_format": "10",
            "dial_prefixes": ["9", "91"], "filler_campaigns": ["TEST"],
        });
        assert_eq!(fields(&all), expected);
    }

    #[test]
    fn every_field_is_one_that_a_caller_may_set() {
        use bin_common_handler::resource::Resource;
        let sent = fields(&[
            "--name",
            "a",
            "--timezone",
            "UTC",
            "--day-start",
            "00:00",
            "--daily-cap",
            "1",
            "--hourly-cap",
            "1",
            "--cooldown",
            "1s",
            "--number-format",
            "11",
        ]);
        for name in sent.as_object().unwrap().keys() {
            assert!(Customer::FIELDS.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn a_new_customer_hears_what_to_do_next() {
        let customer = Customer {
            id: Uuid::from_u128(7),
            name: "Acme".to_owned(),
            did_hourly_cap: 0,
            ..Customer::default()
        };
        let said = next_steps(&customer);
        let id = customer.id;
        assert!(said.starts_with(&format!("{id}  Acme, UTC: each number 75 calls a day, any number of calls an hour, 240 s of rest")), "{said}");
        assert!(
            said.contains(&format!("tandem key create --customer {id}")),
            "{said}"
        );
    }
}
