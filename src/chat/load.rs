//! `tandem chat load`: many sockets, and messages at intended times, whatever the answers (an open loop): a server that
//! stalls does not make its own measurement rarer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tandem::socket::Heard;
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout_at},
};
use uuid::Uuid;

use super::people::{Desk, Line, Visitor, bridge};
use crate::{
    client::{Options, with_client},
    customer, demo,
    output::{self, grouped},
};

const MANAGER: &str = "chat-manager";
/// What it does, and what it prints.
pub const ABOUT: &str = "Open many sockets, say something at intended times, and print how late it was heard

The sockets are spread over 20 conversations, and each hears its own: what is said once is heard by every socket of that
conversation, so with 100 sockets each message is heard five times. First the conversations are opened: a bridge lets one
address begin 20 sessions at once and then one a second, so a second run soon after the first one waits.

  said          messages said, over all conversations
  heard         how often one was heard, over all sockets
  p50, p99      from the time at which it was to be said to hearing it: half of all are faster, 99 of 100 are
  lost          what a socket should have heard and did not, within 10 seconds after the last message
  repeated      what a socket heard again right after it had heard it
  out of order  what a socket heard before, or instead of, what should have come

Where anything is lost, repeated or out of order, the command fails.";
/// Conversations that the sockets are spread over: as many sessions as a widget gives at once.
const CONVERSATIONS: usize = 20;
/// Sockets that connect at a time.
const CONNECTING: usize = 64;
/// Between two lines about what is waited for.
const SAID_EVERY: Duration = Duration::from_secs(5);
/// How long what was said last may take to be heard.
const LATE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct Load {
    /// Sockets that listen
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sockets: u32,
    /// Messages a second, over all conversations
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=300))]
    rate: u32,
    /// For so long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Whose conversations they are [default: the only customer, or a new one]
    #[arg(long, value_name = "ID", value_parser = customer::uuid)]
    customer: Option<Uuid>,
    #[command(flatten)]
    options: Options,
}

/// What one socket heard.
#[derive(Default)]
struct Tally {
    /// From the intended time to hearing, in microseconds.
    late_us: Vec<u64>,
    lost: u64,
    repeated: u64,
    unordered: u64,
}

/// When what is said, and until when it is listened for.
#[derive(Clone, Copy)]
struct Plan {
    begin: Instant,
    end: Instant,
    rate: u32,
    count: u32,
}

impl Load {
    pub fn run(&self) -> Result<(), Box<dyn std::error::Error>> {
        let at = bridge(&self.options.address)?;
        demo::host(&self.options, self.customer, "Chat load", |customer| {
            with_client(&self.options, MANAGER, async |client| {
                let desk = Desk::new(client, at.clone(), customer.to_owned());
                let measured = Box::pin(self.measure(&desk)).await;
                measured.and(desk.clear().await)
            })
        })
    }

    async fn measure(&self, desk: &Desk<'_>) -> Result<(), String> {
        let widget = desk.widget(None).await?;
        let (_, token) = desk.key("load").await?;
        let sockets = usize::try_from(self.sockets).unwrap_or(usize::MAX);
        output::say(&format!(
            "{CONVERSATIONS} conversations are opened; an address may begin as many sessions at once, and then one a second"
        ));
        let mut visitors = Vec::new();
        let mut progress = Progress::default();
        for open in 0..CONVERSATIONS {
            progress
                .say(|| format!("{open} of {CONVERSATIONS} are open; the next waits for its turn"));
            visitors.push(Arc::new(desk.visitor(&widget).await?));
        }
        output::say(&format!(
            "{CONVERSATIONS} conversations are open; {} sockets connect, then {} messages a second for {} s",
            self.sockets, self.rate, self.seconds
        ));
        let began = Instant::now();
        let lines = connect(&desk.at, &token, &visitors, sockets).await?;
        let connect_ms = began.elapsed().as_millis();
        output::say(&format!(
            "all are connected; what is said is listened for, and for {} s after the last message at most",
            LATE.as_secs()
        ));
        let begin = Instant::now() + Duration::from_millis(500);
        let end = begin + Duration::from_secs(self.seconds.into()) + LATE;
        let plan = Plan {
            begin,
            end,
            rate: self.rate,
            count: self.rate.saturating_mul(self.seconds),
        };
        let mut hearing = JoinSet::new();
        for (at, line) in lines.into_iter().enumerate() {
            let of = at.checked_rem(visitors.len()).unwrap_or_default();
            hearing.spawn(hear(line, plan, (of, visitors.len())));
        }
        speak(&desk.at, &token, &visitors, plan).await?;
        let mut all = Tally::default();
        while let Some(tally) = hearing.join_next().await {
            let tally = tally.map_err(|fault| fault.to_string())?;
            all.late_us.extend(tally.late_us);
            all.lost += tally.lost;
            all.repeated += tally.repeated;
            all.unordered += tally.unordered;
        }
        print(sockets, connect_ms, plan, all)
    }
}

/// Says now and then how far something is.
struct Progress {
    said: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            said: Instant::now(),
        }
    }
}

impl Progress {
    /// Says it, where the last word is long ago.
    fn say(&mut self, how_far: impl FnOnce() -> String) {
        if self.said.elapsed() >= SAID_EVERY {
            self.said = Instant::now();
            output::say(&how_far());
        }
    }
}

/// All sockets, each in one of the conversations.
async fn connect(
    at: &str,
    token: &str,
    visitors: &[Arc<Visitor>],
    count: usize,
) -> Result<Vec<Line>, String> {
    let mut lines = Vec::with_capacity(count);
    let mut opening: JoinSet<Result<(usize, Line), String>> = JoinSet::new();
    let mut progress = Progress::default();
    for (number, visitor) in (0..count).zip(visitors.iter().cycle()) {
        progress.say(|| format!("{} of {count} sockets are connected", lines.len()));
        if opening.len() >= CONNECTING
            && let Some(opened) = opening.join_next().await
        {
            lines.push(opened.map_err(|fault| fault.to_string())??);
        }
        let (at, token) = (at.to_owned(), token.to_owned());
        let scope = format!("conversation:{}", visitor.conversation);
        opening.spawn(async move {
            let mut line = Line::open(&at, &token).await?;
            line.follow(&scope).await?;
            Ok((number, line))
        });
    }
    while let Some(opened) = opening.join_next().await {
        lines.push(opened.map_err(|fault| fault.to_string())??);
    }
    lines.sort_by_key(|(number, _)| *number);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

/// Says everything at its intended time, over a socket for each conversation.
async fn speak(at: &str, token: &str, visitors: &[Arc<Visitor>], plan: Plan) -> Result<(), String> {
    let mut speaking = JoinSet::new();
    for (first, visitor) in visitors.iter().enumerate() {
        let mut line = Line::open(at, token).await?;
        let (visitor, step) = (Arc::clone(visitor), visitors.len());
        speaking.spawn(async move {
            let own = (0..plan.count).skip(first).step_by(step);
            let mut unanswered = own.clone().count();
            for number in own {
                sleep_until(intended(plan, number).into()).await;
                let frame = json!({
                    "op": "msg", "conversation_id": visitor.conversation,
                    "client_message_id": format!("l{number}"), "body": number.to_string(),
                });
                line.say(&frame).await?;
            }
            // Until everything was answered or is late.
            while unanswered > 0
                && let Ok(Heard::Text(text)) = timeout_at(plan.end.into(), line.0.next()).await
            {
                unanswered = unanswered.saturating_sub(usize::from(is_answer(&text)));
            }
            Ok::<(), String>(())
        });
    }
    while let Some(spoken) = speaking.join_next().await {
        spoken.map_err(|fault| fault.to_string())??;
    }
    Ok(())
}

/// Whether a frame answers what was said: an acknowledgement or a refusal.
fn is_answer(text: &str) -> bool {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    matches!(frame.get("op").and_then(Value::as_str), Some("ack" | "err"))
}

fn intended(plan: Plan, number: u32) -> Instant {
    plan.begin + Duration::from_secs_f64(f64::from(number) / f64::from(plan.rate))
}

/// Listens to a conversation, of which every `step`-th message is.
async fn hear(mut line: Line, plan: Plan, (first, step): (usize, usize)) -> Tally {
    let mut tally = Tally::default();
    let expected = (0..plan.count).skip(first).step_by(step).count();
    let mut last = 0;
    while tally.late_us.len() < expected {
        let Ok(Heard::Text(text)) = timeout_at(plan.end.into(), line.0.next()).await else {
            break;
        };
        let frame: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(seq) = frame.get("seq").and_then(Value::as_i64) else {
            continue;
        };
        match seq {
            seq if seq == last => tally.repeated += 1,
            seq if seq != last + 1 => tally.unordered += 1,
            _ => {}
        }
        last = last.max(seq);
        let body = frame.pointer("/data/message/body").and_then(Value::as_str);
        if let Some(number) = body.and_then(|body| body.parse().ok()) {
            let late = intended(plan, number).elapsed();
            let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            tally.late_us.push(late);
        }
    }
    tally.lost = expected.saturating_sub(tally.late_us.len()) as u64;
    tally
}

fn print(sockets: usize, connect_ms: u128, plan: Plan, mut all: Tally) -> Result<(), String> {
    all.late_us.sort_unstable();
    let at = |percent: usize| {
        let rank = all.late_us.len().saturating_mul(percent).div_ceil(100);
        let micros = all.late_us.get(rank.saturating_sub(1)).copied();
        let micros = u32::try_from(micros.unwrap_or_default()).unwrap_or(u32::MAX);
        format!("{:.1} ms", f64::from(micros) / 1_000.0)
    };
    let rows = [
        ("sockets", grouped(sockets as u64)),
        ("connect", format!("{connect_ms} ms")),
        ("said", grouped(plan.count.into())),
        ("heard", grouped(all.late_us.len() as u64)),
        ("p50", at(50)),
        ("p99", at(99)),
        ("lost", grouped(all.lost)),
        ("repeated", grouped(all.repeated)),
        ("out of order", grouped(all.unordered)),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:<13} {value}")).map_err(|fault| fault.to_string())?;
    }
    if all.lost + all.repeated + all.unordered > 0 {
        return Err("not everything was heard once and in order".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::acknowledged(r#"{"op": "ack", "client_message_id": "l1"}"#, true)]
    #[case::refused(r#"{"op": "err", "reason": "TOO_MANY"}"#, true)]
    #[case::event(r#"{"op": "event", "seq": 1}"#, false)]
    #[case::no_frame("words", false)]
    fn what_was_said_is_waited_for_until_it_is_answered(
        #[case] text: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_answer(text), expected);
    }
}
