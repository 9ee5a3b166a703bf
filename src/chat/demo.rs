//! `tandem chat demo`: one chat from the first word to the last.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{Agent, Desk, Line, bridge, text};
use crate::{
    client::{Options, with_client},
    customer,
    demo::{self, tell},
    output,
};

/// The manager of chats.
const MANAGER: &str = "chat-manager";

#[derive(Args)]
pub struct Demo {
    /// Whose chat it is [default: the only customer, or a new one]
    #[arg(long, value_name = "ID", value_parser = customer::uuid)]
    customer: Option<Uuid>,
    #[command(flatten)]
    options: Options,
}

impl Demo {
    pub fn run(&self) -> Result<(), Box<dyn std::error::Error>> {
        let at = bridge(&self.options.address)?;
        demo::host(&self.options, self.customer, "Chat demo", |customer| {
            with_client(&self.options, MANAGER, async |client| {
                let desk = Desk::new(client, at.clone(), customer.to_owned());
                let played = Box::pin(play(&desk)).await;
                played.and(desk.clear().await)
            })
        })
    }
}

const INTRO: &str = "A visitor opens the chat of a web page and waits in a queue; Ann, an agent, accepts the chat and transfers it \
                     to Ben.\nEach has a WebSocket at the bridge, as a browser would.\n";

fn told(who: &str, what: &str) -> Result<(), String> {
    tell(&format!("{who:<8} {}", output::printable(what)))
}

/// The agent is there, and hears of offers.
async fn arrive(desk: &Desk<'_>, agent: &Agent) -> Result<Line, String> {
    let mut line = Line::open(&desk.at, &agent.token).await?;
    line.follow("me").await?;
    line.say(&json!({"op": "presence", "status": "online"}))
        .await?;
    Ok(line)
}

/// What the visitor reads next from people of the business.
async fn reads(visitor: &mut Line) -> Result<String, String> {
    let is_answer = |frame: &Value| frame.pointer("/data/message/sender") == Some(&json!("human"));
    let frame = visitor.until("an answer", is_answer).await?;
    let body = frame.pointer("/data/message/body").and_then(Value::as_str);
    Ok(body.unwrap_or_default().to_owned())
}

async fn play(desk: &Desk<'_>) -> Result<(), String> {
    tell(INTRO)?;
    let queue = desk.queue("sales").await?;
    let widget = desk.widget(Some(&queue)).await?;
    let (ann, ben) = (desk.agent("Ann").await?, desk.agent("Ben").await?);
    let mut at_ann = arrive(desk, &ann).await?;
    told("ann", "is online")?;

    let visitor = desk.visitor(&widget).await?;
    let chat = visitor.conversation.as_str();
    let scope = format!("conversation:{chat}");
    let mut page = Line::open(&desk.at, &visitor.token).await?;
    page.follow(&scope).await?;
    page.talk(chat, "v1", "Hello, do you repair boilers?")
        .await?;
    told("visitor", "Hello, do you repair boilers?")?;
    told("queue", "sales: the chat waits for an agent")?;

    let is_offer = |frame: &Value| frame.get("type") == Some(&json!("offer_created"));
    let offer = at_ann.until("an offer", is_offer).await?;
    let offer = text(offer.get("data").unwrap_or(&Value::Null), "id");
    told("ann", "is offered the chat, and accepts")?;
    desk.post(&format!("/v1/offers/{offer}/accept"), json!({}))
        .await?;
    at_ann
        .talk(chat, "a1", "We do. I give you to Ben, who knows them.")
        .await?;
    told("ann", &reads(&mut page).await?)?;

    let mut at_ben = arrive(desk, &ben).await?;
    at_ben.follow(&scope).await?;
    let transferred = json!({"agent_id": ben.id});
    transfer(desk, chat, &transferred).await?;
    told("ann", "transfers the chat to Ben")?;
    at_ben
        .talk(chat, "b1", "Is tomorrow at nine all right?")
        .await?;
    told("ben", &reads(&mut page).await?)?;
    page.talk(chat, "v2", "Yes, thank you!").await?;
    told("visitor", "Yes, thank you!")?;

    desk.post(&format!("/v1/conversations/{chat}/close"), json!({}))
        .await?;
    told("ben", "closes the chat")?;
    let uri = format!("/v1/conversations/{chat}/transcript");
    let transcript = text(&desk.get(&uri).await?, "text");
    let lines = transcript.lines().map(output::printable);
    let shown = lines.collect::<Vec<_>>().join("\n");
    tell(&format!(
        "\nThe transcript, as the business keeps it:\n{shown}"
    ))?;
    tell("\nKeys, agents, queue and widget are deleted now; the chat stays. Next: docs/chat.md")
}

/// A presence is written a moment after its frame: an agent who is not there yet is asked for again.
async fn transfer(desk: &Desk<'_>, chat: &str, to: &Value) -> Result<(), String> {
    let uri = format!("/v1/conversations/{chat}/transfer");
    let mut tries = 0;
    loop {
        match desk.post(&uri, to.clone()).await {
            Ok(_) => return Ok(()),
            Err(fault) if tries < 20 && fault.contains("AGENT_OFFLINE") => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            Err(fault) => return Err(fault),
        }
    }
}
