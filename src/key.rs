//! `tandem key`: the access keys that dialers and people show at the bridge.

use std::process::ExitCode;

use bin_common_handler::models::{identity::parse_uuid, role::Role, sock::Method, time::Timestamp};
use bin_did_manager::models::accesskey::Accesskey;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tandem::managers::SCOPES;
use uuid::Uuid;

use crate::{
    Outcome,
    client::{Address, fetch, not_understood, rows, with_client},
    customer::{Asking, MANAGER, uuid},
    output,
};

const KEYS: &str = "/v1/accesskeys";
/// The bridge's address where we know none, because we came over the broker.
const BRIDGE: &str = "http://127.0.0.1:8080";

const EXAMPLES: &str = "Examples:
  tandem key create --name 'dialer 1'
  tandem key create --name 'Ann' --role agent --user 5b1a0000-0000-4000-8000-000000000004
  tandem key create --name 'reports' --scope did:read --scope audit:read --expires 90d
  tandem key create --name 'dialer 2' --number-format 10 --customer 5b1a0000-0000-4000-8000-000000000001
  tandem key create --name 'Leads Inc' --account 5b1a0000-0000-4000-8000-000000000003 --scope exchange:sell
  tandem key list
  tandem key revoke 5b1a0000-0000-4000-8000-000000000002

A key is shown once, when it is made, and kept nowhere: whoever loses it revokes it and makes another.
--json prints it in the field token.

A key with --account is bound to that account of the exchange: with exchange:buy a buyer sees its own profiles, bids and
calls, with exchange:sell a seller its own campaigns and calls, and nobody what is another's. It ends with the account.";

#[derive(Subcommand)]
enum What {
    /// Make a key, and show it this once
    Create(Create),
    /// List the keys
    List {
        /// Only this customer's
        #[arg(long, value_name = "ID", value_parser = uuid)]
        customer: Option<Uuid>,
        #[command(flatten)]
        asking: Asking,
    },
    /// Revoke a key: who shows it is refused from then on
    Revoke {
        /// Its id, as tandem key list shows it
        #[arg(value_parser = id)]
        id: Uuid,
        #[command(flatten)]
        asking: Asking,
    },
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
    /// Whose key it is; may be left out where there is one customer only
    #[arg(long, value_name = "ID", value_parser = uuid)]
    #[serde(rename = "customer_id", skip_serializing_if = "Option::is_none")]
    customer: Option<Uuid>,
    /// A name for people, e.g. of the dialer that has it
    #[arg(long)]
    name: String,
    /// What it may do; may be repeated [default: did:next did:report; with --role what that role may use]
    #[arg(long, value_name = "SCOPE", value_parser = clap::builder::PossibleValuesParser::new(scopes()))]
    #[serde(rename = "scopes", skip_serializing_if = "Vec::is_empty")]
    scope: Vec<String>,
    /// The account of the exchange that it is bound to, with the scope exchange:buy or exchange:sell
    #[arg(long, value_name = "ID", value_parser = uuid)]
    #[serde(rename = "account_id", skip_serializing_if = "Option::is_none")]
    account: Option<Uuid>,
    /// When it ends: 90d, 2027-01-31, or 2027-01-31T18:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// How its answers write numbers: e164, 11 or 10 digits [default: as the customer has it]
    #[arg(long, value_name = "FORMAT", value_parser = ["e164", "11", "10"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    number_format: Option<String>,
    /// What its bearer is, beside its scopes; docs/roles.md says what each may do [default: whatever its scopes allow]
    #[arg(long, value_parser = Role::ALL.map(Role::as_str))]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The user that it stands for; an agent's key needs one
    #[arg(long, value_name = "ID", value_parser = uuid, required_if_eq("role", "agent"))]
    #[serde(rename = "user_id", skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
}

/// Those of any key, and those of keys that are bound to an account.
fn scopes() -> impl Iterator<Item = &'static String> {
    SCOPES.known().iter().chain(SCOPES.bound())
}

/// Checks what the manager would refuse in words that do not name the flag.
fn ensure_bound(fields: &Fields) -> Result<(), String> {
    let mut given = fields.scope.iter();
    let needs = given.find(|scope| SCOPES.bound().contains(scope) && fields.account.is_none());
    needs.map_or(Ok(()), |scope| {
        Err(format!(
            "{scope} is for a key that is bound to an account: name it with --account ID"
        ))
    })
}

/// A key with its token.
#[derive(Deserialize)]
struct Made {
    #[serde(flatten)]
    key: Accesskey,
    token: String,
}

/// A key itself is no id; people have it at hand and should not put it on a command line.
fn id(text: &str) -> Result<Uuid, String> {
    parse_uuid(text).ok_or_else(|| "give its id, which tandem key list shows".to_owned())
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("key"))
        .about("Make, list and revoke the access keys of customers")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    match What::from_arg_matches(matches)? {
        What::Create(Create { fields, asking }) => create(&fields, &asking),
        What::List { customer, asking } => list(customer, &asking),
        What::Revoke { id, asking } => revoke(id, &asking),
    }
}

fn create(fields: &Fields, asking: &Asking) -> Outcome {
    ensure_bound(fields)?;
    let made = with_client(&asking.options, MANAGER, async |client| {
        fetch(client, Method::Post, KEYS, Some(fields)).await
    })?;
    if asking.json {
        output::line(&made.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let made: Made = serde_json::from_value(made).map_err(not_understood)?;
    output::line(&how_to_use(&made, &asking.options.address))?;
    Ok(ExitCode::SUCCESS)
}

fn how_to_use(made: &Made, address: &Address) -> String {
    let Made { key, token } = made;
    let bridge = match address {
        Address::Http(_) => address.to_string(),
        Address::Amqp(_) => BRIDGE.to_owned(),
    };
    let end = key.tm_expire.map_or_else(
        || "does not expire".to_owned(),
        |end| format!("expires {}", output::minute(end)),
    );
    let (to_do, request) = example(&key.scopes.0, &bridge);
    format!(
        "{}  {} may {} and {end}\n\n    {token}\n\n\
         It is shown this once. {to_do}\n  curl -sS --fail-with-body -H 'x-api-key: {token}' {request}",
        key.id,
        output::printable(&key.name),
        key.scopes.0.join(", "),
    )
}

/// What a key with these scopes may do, and the end of the command for it.
fn example(scopes: &[String], bridge: &str) -> (&'static str, String) {
    let may = |scope: &str| scopes.iter().any(|known| known == scope);
    let list = |path: &str| format!("'{bridge}/api{path}?page_size=5'");
    if may("did:next") {
        let path = "/api/v1/dids/next?campaign_id=TEST&customer_phone=2125550123";
        return ("To ask for a number with it:", format!("'{bridge}{path}'"));
    }
    if may("did:report") {
        let body = r#"{"uniqueid":"test.1","call_result":"BUSY"}"#;
        let request = format!("--json '{body}' '{bridge}/api/v1/calls/report'");
        return ("To report how a call went with it:", request);
    }
    let lists = [
        (["did:read", "did:write"], "/v1/dids"),
        (["outdial:read", "outdial:write"], "/v1/outdials"),
        (["exchange:read", "exchange:write"], "/v1/calls"),
        (["exchange:buy", "exchange:sell"], "/v1/calls"),
        (["chat:read", "chat:write"], "/v1/conversations"),
        (["key:read", "key:write"], KEYS),
        (["audit:read", "audit:read"], "/v1/audit_logs"),
    ];
    let listed = lists
        .iter()
        .find(|(any, _)| any.iter().any(|scope| may(scope)));
    match listed {
        Some((_, path)) => ("To see with it what it may see:", list(path)),
        None => (
            "To see whether the bridge answers:",
            format!("'{bridge}/health'"),
        ),
    }
}

fn list(customer: Option<Uuid>, asking: &Asking) -> Outcome {
    let mut uri = format!("{KEYS}?deleted=false");
    if let Some(id) = customer {
        uri = format!("{uri}&customer_id={id}");
    }
    let found = with_client(&asking.options, MANAGER, async |client| {
        rows(client, &uri).await
    })?;
    if asking.json {
        output::line(&Value::Array(found).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let keys: Vec<Accesskey> =
        serde_json::from_value(Value::Array(found)).map_err(not_understood)?;
    if keys.is_empty() {
        eprintln!("there is no key; make one with tandem key create");
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "ID",
        "NAME",
        "BEGINS",
        "SCOPES",
        "EXPIRES",
        "LAST USED",
        "CUSTOMER",
    ];
    let when = |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), output::minute);
    let lines = keys.into_iter().map(|key| {
        vec![
            key.id.to_string(),
            key.name,
            key.prefix,
            key.scopes.0.join(" "),
            when(key.tm_expire),
            when(key.tm_used),
            key.customer_id.to_string(),
        ]
    });
    output::line(&output::table(&header, lines.collect()))?;
    Ok(ExitCode::SUCCESS)
}

fn revoke(id: Uuid, asking: &Asking) -> Outcome {
    let gone = with_client(&asking.options, MANAGER, async |client| {
        fetch(client, Method::Delete, &format!("{KEYS}/{id}"), None::<&()>).await
    })?;
    if asking.json {
        output::line(&gone.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let key: Accesskey = serde_json::from_value(gone).map_err(not_understood)?;
    let name = output::printable(&key.name);
    output::line(&format!("{id}  {name} ({}…) is revoked", key.prefix))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(args: &[&str]) -> Fields {
        let args = [&["key", "create", "--name", "d"], args].concat();
        let matches = command().try_get_matches_from(args).unwrap();
        match What::from_arg_matches(&matches).unwrap() {
            What::Create(create) => create.fields,
            _ => panic!("another command"),
        }
    }

    fn fields(args: &[&str]) -> Value {
        serde_json::to_value(given(args)).unwrap()
    }

    #[test]
    fn a_scope_of_an_account_needs_the_account() {
        let account = "5b1a0000-0000-4000-8000-000000000003";
        for scope in ["exchange:buy", "exchange:sell"] {
            let why = ensure_bound(&given(&["--scope", scope])).unwrap_err();
            assert!(why.contains(scope) && why.contains("--account"), "{why}");
            let bound = ["--scope", scope, "--account", account];
            assert_eq!(ensure_bound(&given(&bound)), Ok(()));
            let sent = json!({"name": "d", "scopes": [scope], "account_id": account});
            assert_eq!(fields(&bound), sent);
        }
        assert_eq!(ensure_bound(&given(&["--scope", "exchange:read"])), Ok(()));
    }

    #[test]
    fn flags_are_the_managers_fields_and_what_is_left_out_is_not_sent() {
        assert_eq!(fields(&[]), json!({"name": "d"}));
        let all = [
            "--customer",
            "5b1a0000-0000-4000-8000-000000000001",
            "--scope",
            "did:next",
            "--scope",
            "did:report",
            "--expires",
            "90d",
            "--number-format",
            "10",
        ];
        let expected = json!({
            "name": "d", "customer_id": "5b1a0000-0000-4000-8000-000000000001",
            "scopes": ["did:next", "did:report"], "expires": "90d", "number_format": "10",
        });
        assert_eq!(fields(&all), expected);
    }

    #[test]
    fn a_new_key_is_shown_with_the_line_that_uses_it() {
        let mut reply = serde_json::to_value(Accesskey::default()).unwrap();
        reply["token"] = json!("did_00");
        reply["scopes"] = json!(["did:next"]);
        let made: Made = serde_json::from_value(reply).unwrap();
        for (address, bridge) in [
            (
                "https://bridge.example/base/",
                "https://bridge.example/base",
            ),
            ("amqp://h", BRIDGE),
        ] {
            let said = how_to_use(&made, &address.parse().unwrap());
            let line = format!(
                "curl -sS --fail-with-body -H 'x-api-key: did_00' '{bridge}/api/v1/dids/next?"
            );
            assert!(said.contains(&line), "{said}");
            assert!(said.contains("\n    did_00\n"), "{said}");
        }
    }

    #[test]
    fn a_key_is_shown_with_a_line_that_it_may_use() {
        let line = |scopes: &[&str]| {
            let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            example(&scopes, "http://b").1
        };
        let cases: [(&[&str], &str); 15] = [
            (&["did:next", "did:report"], "'http://b/api/v1/dids/next?"),
            (&["did:report", "did:next"], "'http://b/api/v1/dids/next?"),
            (&["did:next"], "'http://b/api/v1/dids/next?"),
            (&["did:report"], "--json '{\"uniqueid\":\"test.1\","),
            (&["did:read", "did:report"], "--json '{"),
            (&["did:read"], "'http://b/api/v1/dids?page_size=5'"),
            (&["did:write"], "'http://b/api/v1/dids?"),
            (&["outdial:write"], "'http://b/api/v1/outdials?"),
            (
                &["outdial:read", "audit:read"],
                "'http://b/api/v1/outdials?",
            ),
            (&["exchange:write"], "'http://b/api/v1/calls?"),
            (&["exchange:buy"], "'http://b/api/v1/calls?"),
            (&["chat:write"], "'http://b/api/v1/conversations?"),
            (&["key:read"], "'http://b/api/v1/accesskeys?"),
            (&["audit:read"], "'http://b/api/v1/audit_logs?"),
            (&[], "'http://b/health'"),
        ];
        for (scopes, expected) in cases {
            assert!(
                line(scopes).starts_with(expected),
                "{scopes:?} {}",
                line(scopes)
            );
        }
        for scope in SCOPES.known() {
            assert!(!line(&[scope]).contains("/health"), "{scope}");
        }
    }

    #[test]
    fn a_role_and_its_user_are_the_managers_fields_and_an_agent_is_somebody() {
        let read = |more: &[&str]| {
            let args = [&["key", "create", "--name", "d"], more].concat();
            let matches = command().try_get_matches_from(args).ok()?;
            match What::from_arg_matches(&matches).ok()? {
                What::Create(create) => serde_json::to_value(create.fields).ok(),
                _ => None,
            }
        };
        let user = "5b1a0000-0000-4000-8000-000000000004";
        let agent = read(&["--role", "agent", "--user", user]);
        let expected = json!({"name": "d", "role": "agent", "user_id": user});
        assert_eq!(agent, Some(expected));
        let viewer = read(&["--role", "viewer"]);
        assert_eq!(viewer, Some(json!({"name": "d", "role": "viewer"})));
        assert_eq!(read(&["--role", "agent"]), None);
        assert_eq!(read(&["--role", "king"]), None);
    }

    #[test]
    fn a_reply_without_a_token_is_no_new_key() {
        let reply = serde_json::to_value(Accesskey::default()).unwrap();
        assert!(serde_json::from_value::<Made>(reply).is_err());
    }
}
