//! `tandem listen`: a manager's events as they come.

use std::{process::ExitCode, sync::Arc, time::Duration};

use async_trait::async_trait;
use bin_common_handler::{
    clock::Clock,
    config::settings::RABBITMQ_ADDRESS,
    daemon::block_on,
    health::{Health, State},
    models::{error::Result, time::Timestamp},
    redact::{self, Secret},
    sockhandler::{Receive, ReceivedEvent, Subscription, Transport},
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;
use tandem::managers;
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    client::{Address, broker, manager_name},
    output, settings,
};

const NAME: &str = "tandem-listen";
const DEFAULT_ADDRESS: &str = "amqp://guest:guest@127.0.0.1:5672";
/// Where events are that no broker has.
const ELSEWHERE: &str = "A tandem without RABBITMQ_ADDRESS publishes nothing here: its events are heard at its bridge \
    (GET /ws/v1/events, docs/api.md)";
/// How often the state of the connection is looked at.
const LOOK: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "Examples:
  tandem listen outdial
  tandem listen outdial --pattern 'outdial.*.created' --pattern 'outdialtarget.#'
  tandem listen outdial --json --address amqp://guest:guest@127.0.0.1:5672 | jq .data

A line is: time, topic, version, the entity. Ctrl-C ends it.

It needs the broker that daemons use. A tandem without RABBITMQ_ADDRESS, as it is by default, keeps its events inside:
they are heard at its bridge, over the socket /ws/v1/events, which the page http://127.0.0.1:8080/ follows. With a broker:
  tandem serve --rabbitmq-address amqp://guest:guest@127.0.0.1:5672
  tandem listen outdial --address amqp://guest:guest@127.0.0.1:5672";

#[derive(Args)]
struct Flags {
    /// Whose events, e.g. outdial
    #[arg(value_parser = known_manager)]
    manager: String,
    /// The broker [default: RABBITMQ_ADDRESS, else that of this machine]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// Only these topics: * is one word, # any number; may be given again
    #[arg(long, value_name = "TOPIC", default_value = "#")]
    pattern: Vec<String>,
    /// Print each event as one line of JSON
    #[arg(long)]
    json: bool,
}

/// A manager's whole name, of those that publish.
fn known_manager(text: &str) -> Result<String, String> {
    let name = manager_name(text)?;
    let known: Vec<&str> = managers::ALL.iter().map(|manager| manager.name).collect();
    if known.contains(&&*name) {
        return Ok(name);
    }
    Err(format!(
        "there is no {name}; the managers are {}",
        known.join(", ")
    ))
}

pub fn command() -> Command {
    Flags::augment_args(Command::new("listen"))
        .about("Print a manager's events as they come over RabbitMQ")
        .after_help(EXAMPLES)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let flags = Flags::from_arg_matches(matches)?;
    let place = Place::find(flags.address)?;
    let topic = |pattern: &String| match pattern.strip_prefix(&format!("{}.", flags.manager)) {
        Some(_) => pattern.clone(),
        None => format!("{}.{pattern}", flags.manager),
    };
    let subscription = Subscription {
        name: NAME.to_owned(),
        patterns: flags.pattern.iter().map(topic).collect(),
        fanouts: Vec::new(),
        durable: false,
    };
    let health = Health::default();
    let broker = broker(place.address.clone(), health.clone())?;
    let stop = CancellationToken::new();
    let print = Arc::new(Print {
        as_json: flags.json,
        clock: Clock::default(),
        stop: stop.clone(),
    });
    Ok(block_on(async {
        tokio::select! {
            () = broker.subscribe(subscription, print, stop.clone()) => ExitCode::SUCCESS,
            () = watch(&health, &place) => ExitCode::FAILURE,
            _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
        }
    }))
}

/// Where events are heard.
struct Place {
    address: Secret,
    /// Nobody named it: there may be a broker that no daemon of ours uses.
    is_guessed: bool,
}

impl Place {
    fn find(given: Option<Address>) -> Result<Self, Box<dyn std::error::Error>> {
        let named = match given {
            Some(address) => Some(address),
            None => match settings::without_flags()?.get(&RABBITMQ_ADDRESS).expose() {
                "" => None,
                address => Some(address.parse()?),
            },
        };
        let is_guessed = named.is_none();
        let address = match named {
            Some(address) => address,
            None => DEFAULT_ADDRESS.parse()?,
        };
        match address {
            Address::Amqp(address) => Ok(Self {
                address,
                is_guessed,
            }),
            Address::Http(_) => Err(
                "--address: events come from a broker only, not from a bridge; give amqp://…"
                    .into(),
            ),
        }
    }

    /// What is said when it is reached.
    fn told(&self) -> String {
        let at = redact::dsn(self.address.expose());
        if self.is_guessed {
            format!("listening at {at}. {ELSEWHERE}")
        } else {
            format!("listening at {at}")
        }
    }
}

/// Tells on standard error how the connection is. Ends when the first attempt failed: then the address is
/// more likely wrong than the broker away.
async fn watch(health: &Health, place: &Place) {
    let mut last = None;
    loop {
        let now = health.report().into_values().next();
        match &now {
            _ if now == last => {}
            Some(State::Up) => output::say(&place.told()),
            Some(State::Down(why)) if last.is_none() => {
                let at = redact::dsn(place.address.expose());
                output::say(&format!(
                    "error: the broker cannot be reached at {at}: {why}"
                ));
                if place.is_guessed {
                    output::say(ELSEWHERE);
                }
                return;
            }
            Some(State::Down(why)) => output::say(&format!("events stopped ({why}); trying again")),
            _ => {}
        }
        last = now;
        tokio::time::sleep(LOOK).await;
    }
}

struct Print {
    as_json: bool,
    clock: Clock,
    stop: CancellationToken,
}

#[async_trait]
impl Receive for Print {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        let line = if self.as_json {
            as_json(&event, self.clock.now())
        } else {
            as_text(&event, self.clock.now())
        };
        // Nobody reads any more.
        if output::line(&line).is_err() {
            self.stop.cancel();
        }
        Ok(())
    }
}

fn as_text(event: &ReceivedEvent, now: Timestamp) -> String {
    let version = event
        .version
        .map_or_else(|| "-".to_owned(), |v| v.to_string());
    let entity = event.event.data.as_ref().map_or("null", |data| data.get());
    format!(
        "{now}  {}  {version}  {entity}",
        output::printable(&event.routing_key)
    )
}

fn as_json(event: &ReceivedEvent, now: Timestamp) -> String {
    json!({
        "time": now.to_string(),
        "topic": event.routing_key,
        "type": event.event.kind,
        "publisher": event.event.publisher,
        "message_id": event.message_id,
        "version": event.version,
        "customer_id": event.customer_id,
        "data": event.event.data,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::sock::Event;
    use rstest::rstest;

    use super::*;

    fn event() -> ReceivedEvent {
        let data = serde_json::value::RawValue::from_string(r#"{"id":"a"}"#.to_owned()).unwrap();
        ReceivedEvent {
            trace: None,
            event: Event::new("outdial_created", "outdial-manager", data),
            routing_key: "outdial-manager.outdial.a.created".to_owned(),
            message_id: "m".to_owned(),
            version: None,
            customer_id: None,
        }
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(
            as_text(&event(), Timestamp::from_micros(0)),
            r#"1970-01-01T00:00:00Z  outdial-manager.outdial.a.created  -  {"id":"a"}"#
        );
        assert!(as_json(&event(), Timestamp::from_micros(0)).contains(r#""data":{"id":"a"}"#));
    }

    #[test]
    fn a_topic_is_one_word_of_one_line() {
        let mut event = event();
        event.routing_key = "a\nb\u{1b}[2J\u{202e}".to_owned();
        let line = as_text(&event, Timestamp::from_micros(0));
        assert!(line.contains(r"a b\u001b[2J\u202e"), "{line}");
    }

    #[test]
    fn a_bridge_sends_no_events() {
        let bridge = "http://127.0.0.1:8080".parse().unwrap();
        let fault = Place::find(Some(bridge)).err().unwrap();
        assert!(fault.to_string().contains("broker only"), "{fault}");
    }

    #[rstest]
    #[case("outdial", Some("outdial-manager"))]
    #[case("call-manager", Some("call-manager"))]
    #[case("nobody", None)]
    fn only_known_managers_are_listened_to(#[case] text: &str, #[case] name: Option<&str>) {
        let known = known_manager(text);
        assert_eq!(known.as_deref().ok(), name);
        if let Err(told) = known {
            for manager in managers::ALL {
                assert!(told.contains(manager.name), "{told}");
            }
        }
    }

    #[rstest]
    #[case(false, false)]
    #[case(true, true)]
    fn it_says_where_it_listens(#[case] is_guessed: bool, #[case] tells_elsewhere: bool) {
        let place = Place {
            address: Secret::new("amqp://guest:hunter2@h:5672"),
            is_guessed,
        };
        let told = place.told();
        assert!(
            told.starts_with("listening at amqp://guest:***@h:5672"),
            "{told}"
        );
        assert_eq!(told.contains("/ws/v1/events"), tells_elsewhere, "{told}");
    }
}
