//! `tandem exchange`: the call exchange, tried out.

use std::process::ExitCode;

use bin_common_handler::models::{
    money::{Currency, Money},
    sock::Method,
};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Outcome,
    client::{Ask, fetch, get, with_client},
    customer::{Asking, uuid},
    demo::{self, Made, Undo, tell},
    output,
};

/// The manager of the exchange.
const MANAGER: &str = "call-manager";

const EXAMPLES: &str = "Examples:
  tandem exchange demo
  tandem exchange demo --json | jq .winner";

/// What buyers are called, what they pay in cents, and what they want.
const BUYERS: [(&str, i64, &str); 3] = [
    ("Bay Solar", 600, r#"{"npas": [415]}"#),
    ("Three a Day", 550, "{}"),
    ("Takes All", 400, "{}"),
];
const SELLER: &str = "Leads Inc";
/// Calls a day of the second buyer.
const DAILY_CAP: i64 = 3;
/// What the seller gets for a call, in cents.
const PAYOUT: i64 = 300;
/// What each buyer pays in, in cents.
const DEPOSIT: i64 = 10_000;
const CALLS: u32 = 10;
/// The call that finds its first buyer busy and goes to the next.
const BUSY_CALL: u32 = 4;

#[derive(Subcommand)]
enum What {
    /// Make a seller, three buyers and a campaign, and trade ten calls
    Demo(Demo),
}

#[derive(Args)]
struct Demo {
    /// Whose exchange it is [default: the only customer, or a new one]
    #[arg(long, value_name = "ID", value_parser = uuid)]
    customer: Option<Uuid>,
    #[command(flatten)]
    asking: Asking,
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("exchange"))
        .about("Try out the call exchange: who wins a call, why, and what it costs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let What::Demo(demo) = What::from_arg_matches(matches)?;
    let options = &demo.asking.options;
    demo::host(options, demo.customer, "Exchange demo", |customer| {
        with_client(options, MANAGER, async |client| {
            let made = Made::default();
            let played = Box::pin(play(client, customer, &made, demo.asking.json)).await;
            played.and(made.undo(client).await)
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn play(ask: &impl Ask, customer: &str, made: &Made, is_json: bool) -> Result<(), String> {
    if !is_json {
        tell(&intro())?;
    }
    let market = Market::open(ask, customer, made).await?;
    for number in 1..=CALLS {
        market.trade(ask, number, is_json).await?;
    }
    market.close(ask, is_json).await
}

/// Who trades, and by which rules.
fn intro() -> String {
    let money = |cents| Money::new(cents, Currency::USD);
    let [(first, most, _), (second, less, _), (third, least, _)] = BUYERS;
    format!(
        "{CALLS} calls of the seller {SELLER} come in, and each is sold to the highest bid that may have it:\n\
         \x20 {first} bids {} for callers of area code 415, as odd calls are,\n\
         \x20 {second} bids {} for {DAILY_CAP} calls a day,\n\
         \x20 {third} bids {} for any call.\n\
         The seller gets {} of each. The buyer of call {BUSY_CALL} is busy, so that it goes on to the next.\n",
        money(most),
        money(less),
        money(least),
        money(PAYOUT),
    )
}

/// What the demo trades with.
struct Market<'m> {
    customer: String,
    campaign: String,
    seller: String,
    buyers: Vec<String>,
    /// What goes again in the end.
    made: &'m Made,
}

impl<'m> Market<'m> {
    async fn open(ask: &impl Ask, customer: &str, made: &'m Made) -> Result<Self, String> {
        let seller = json!({
            "customer_id": customer, "type": "seller", "name": SELLER, "status": "active",
        });
        let seller = post(ask, "/v1/accounts", &seller).await?;
        made.note(Undo::Empty(format!("/v1/accounts/{seller}")));
        let campaign = json!({
            "customer_id": customer, "name": "solar, demo", "seller_id": seller, "payout": PAYOUT,
        });
        let campaign = post(ask, "/v1/call_campaigns", &campaign).await?;
        made.note(Undo::Delete(format!("/v1/call_campaigns/{campaign}")));
        let mut market = Self {
            customer: customer.to_owned(),
            campaign,
            seller,
            buyers: Vec::new(),
            made,
        };
        for (at, (name, amount, criteria)) in BUYERS.into_iter().enumerate() {
            let cap = (at == 1).then_some(DAILY_CAP);
            let buyer = market.buyer(ask, name, amount, criteria, cap).await?;
            market.buyers.push(buyer);
        }
        Ok(market)
    }

    /// A buyer with money and a profile.
    async fn buyer(
        &self,
        ask: &impl Ask,
        name: &str,
        amount: i64,
        criteria: &str,
        cap: Option<i64>,
    ) -> Result<String, String> {
        let account = json!({
            "customer_id": self.customer, "type": "buyer", "name": name, "status": "active",
            "daily_cap": cap,
        });
        let buyer = post(ask, "/v1/accounts", &account).await?;
        self.made.note(Undo::Empty(format!("/v1/accounts/{buyer}")));
        let money = json!({"amount": DEPOSIT, "currency": "USD"});
        let uri = format!("/v1/accounts/{buyer}/deposits");
        fetch(ask, Method::Post, &uri, Some(&money)).await?;
        let criteria: Value = serde_json::from_str(criteria).map_err(|fault| fault.to_string())?;
        let profile = json!({
            "customer_id": self.customer, "buyer_id": buyer, "call_campaign_id": self.campaign,
            "amount": amount, "criteria": criteria, "destination": "sip:desk@example.com",
        });
        let profile = post(ask, "/v1/bid_profiles", &profile).await?;
        self.made
            .note(Undo::Delete(format!("/v1/bid_profiles/{profile}")));
        Ok(buyer)
    }

    /// One call: it comes in, is sold, answered and paid.
    async fn trade(&self, ask: &impl Ask, number: u32, is_json: bool) -> Result<(), String> {
        let area = if number.is_multiple_of(2) { 212 } else { 415 };
        let call = json!({
            "customer_id": self.customer, "call_campaign_id": self.campaign,
            "from_number": format!("+1{area}55501{number:02}"), "to_number": "+18005550100",
        });
        let call = post(ask, "/v1/calls", &call).await?;
        let uri = format!("/v1/calls/{call}");
        fetch(ask, Method::Post, &format!("{uri}/route"), None::<&()>).await?;
        if number == BUSY_CALL {
            report(ask, &uri, &["ringing", "busy"]).await?;
        }
        let why: Value = get(ask, &format!("{uri}/explanation")).await?;
        report(ask, &uri, &["ringing", "in_progress", "completed"]).await?;
        if is_json {
            return output::line(&why.to_string()).map_err(|fault| fault.to_string());
        }
        let first = why.pointer("/candidates/0/text").and_then(Value::as_str);
        let line = format!(
            "call {number:2}  {}",
            output::printable(first.unwrap_or("?"))
        );
        output::line(&line).map_err(|fault| fault.to_string())?;
        for out in outbidders(&why) {
            let line = format!("         {}", output::printable(&out));
            output::line(&line).map_err(|fault| fault.to_string())?;
        }
        Ok(())
    }

    /// What everybody has in the end.
    async fn close(&self, ask: &impl Ask, is_json: bool) -> Result<(), String> {
        if is_json {
            return Ok(());
        }
        let (mut lines, mut kept) = (
            Vec::new(),
            DEPOSIT.saturating_mul(BUYERS.len().try_into().unwrap_or_default()),
        );
        for id in self.buyers.iter().chain([&self.seller]) {
            let account: Value = get(ask, &format!("/v1/accounts/{id}")).await?;
            let cents = |field: &str| account.get(field).and_then(Value::as_i64);
            let (balance, held) = (cents("balance"), cents("held"));
            let (balance, held) = (balance.unwrap_or_default(), held.unwrap_or_default());
            kept -= balance + held;
            lines.push(line(
                &text(&account, "name"),
                &text(&account, "type"),
                balance,
                held,
            ));
        }
        // What was paid in, and nobody of these has.
        lines.push(line("the exchange", "house", kept, 0));
        let table = output::table(&["ACCOUNT", "TYPE", "BALANCE", "HELD"], lines);
        tell(&format!(
            "\nWhat each has in the end (HELD: set aside for calls whose worth is not decided):\n{table}"
        ))?;
        tell(
            "\nThe accounts are deleted now; the calls and the ledger stay. Next: docs/exchange.md",
        )
    }
}

/// A line of the table of accounts; money in cents.
fn line(name: &str, kind: &str, balance: i64, held: i64) -> Vec<String> {
    let money = |cents| Money::new(cents, Currency::USD).to_string();
    vec![
        name.to_owned(),
        kind.to_owned(),
        money(balance),
        money(held),
    ]
}

/// Who bids more than the winner and is out, the highest first, and by which rule.
fn outbidders(why: &Value) -> Vec<String> {
    let rows = why.get("candidates").and_then(Value::as_array);
    let rows = rows.map_or(&[] as &[Value], Vec::as_slice);
    let amount = |row: &Value| row.get("amount").and_then(Value::as_i64);
    let rule = |row: &Value| Some(text(row, "excluded_by")).filter(|rule| !rule.is_empty());
    let winner = rows.first().filter(|row| rule(row).is_none());
    let Some(won) = winner.and_then(amount) else {
        return Vec::new();
    };
    let told = rows.iter().filter_map(|row| {
        let (rule, amount) = (rule(row)?, amount(row)?);
        let bid = Money::new(amount, Currency::USD);
        (amount > won).then(|| {
            let line = format!("{} ({rule}; it bids {bid})", text(row, "text"));
            (amount, line)
        })
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(amount, _)| std::cmp::Reverse(*amount));
    told.into_iter().map(|(_, line)| line).collect()
}

async fn report(ask: &impl Ask, uri: &str, states: &[&str]) -> Result<(), String> {
    for state in states {
        let body = json!({"status": state, "duration_seconds": 90});
        fetch(ask, Method::Post, &format!("{uri}/status"), Some(&body)).await?;
    }
    Ok(())
}

/// Makes something; its id.
async fn post(ask: &impl Ask, uri: &str, body: &Value) -> Result<String, String> {
    let made = fetch(ask, Method::Post, uri, Some(body)).await?;
    Ok(text(&made, "id"))
}

fn text(value: &Value, field: &str) -> String {
    let text = value.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn out(name: &str, amount: i64) -> Value {
        let text = format!("{name} is out because it is.");
        json!({"amount": amount, "excluded_by": "ALREADY_TRIED", "text": text})
    }

    #[rstest]
    #[case::nobody(vec![], &[])]
    #[case::a_lower_bid(vec![out("Low", 300)], &[])]
    #[case::an_equal_bid(vec![out("Same", 400)], &[])]
    #[case::the_highest_first(
        vec![out("High", 550), out("Top", 600), out("Low", 1)],
        &[
            "Top is out because it is. (ALREADY_TRIED; it bids 6.00 USD)",
            "High is out because it is. (ALREADY_TRIED; it bids 5.50 USD)",
        ]
    )]
    fn who_would_have_won_is_told(#[case] others: Vec<Value>, #[case] told: &[&str]) {
        let mut rows = vec![json!({"amount": 400, "rank": 1, "text": "Takes All wins."})];
        rows.push(json!({"amount": 900, "rank": 2, "text": "It is ranked 2."}));
        rows.extend(others);
        let why = json!({ "candidates": rows });
        assert_eq!(outbidders(&why), told);
    }

    #[test]
    fn the_beginning_names_everybody_and_what_they_bid() {
        let said = intro();
        for (name, cents, _) in BUYERS {
            let bid = Money::new(cents, Currency::USD);
            assert!(
                said.contains(&format!("\n  {name} bids {bid} for ")),
                "{said}"
            );
        }
        assert!(
            said.contains(SELLER) && said.contains("gets 3.00 USD of each"),
            "{said}"
        );
    }

    #[test]
    fn a_line_has_money_in_its_form() {
        assert_eq!(line("the exchange", "house", 2_300, 0)[2], "23.00 USD");
    }
}
