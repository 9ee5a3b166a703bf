//! What sockets live through: the broker is killed, a bridge is killed, chat-manager is killed, while people talk and
//! listen. Everything is a process on private nodes: a bridge alone, and a whole Tandem whose managers it reaches.

use std::time::Duration;

use bin_common_handler::testing::{
    lab::{Daemon, Program, Scene},
    spawn, until_within,
};
use serde_json::json;
use tandem::socket::{Heard, Socket};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::world::{Asker, Client, Desk, Visitor, setting};

const OPERATOR: &str = "0123456789abcdef-operator";
const SECRETS_KEY: &str = "0123456789abcdef0123456789abcdef";
/// What each conversation has after each fault, before the next one; `CHAT_FAULT_MESSAGES` says otherwise.
const MESSAGES: usize = 40;
const CONVERSATIONS: usize = 3;
/// Between two things that one says.
const PACE: Duration = Duration::from_millis(20);
/// The longest backoff, a start, and a little.
const BACK_MAX: Duration = Duration::from_secs(90);
/// A bridge believes a key that it cannot look up for so long, then it sends the reader away with 1012.
const KEY_BELIEVED: Duration = Duration::from_secs(60);
/// How long everything may take.
const ALL_MAX: Duration = Duration::from_secs(420);

/// What was asked for so far: how many messages each conversation should have, and whether it is over.
type Plan = watch::Receiver<(usize, bool)>;

/// Why a reader came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// With this close code.
    Code(u16),
    /// Without a word, as when a process is killed.
    Gone,
}

/// Everything that runs.
struct Stage {
    scene: Scene,
    /// The managers, and a bridge.
    whole: Daemon,
    /// A bridge alone.
    bridge: Daemon,
    at: [String; 2],
}

fn settings(at: &str) -> Vec<(&str, &str)> {
    vec![
        ("HTTP_LISTEN_ADDRESS", at),
        ("BRIDGE_ACCESS_KEY", OPERATOR),
        ("RATE_LIMIT_PER_SECOND", "0"),
        ("SECRETS_KEY", SECRETS_KEY),
    ]
}

fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

impl Stage {
    async fn open() -> Self {
        let tandem = Program {
            name: "chat-manager",
            file: env!("CARGO_BIN_EXE_tandem"),
        };
        let scene = Scene::new(tandem).await;
        let at = [free_address(), free_address()];
        let whole = scene.spawn(&settings(&at[0]));
        whole.ready().await;
        let bridge = Self::start_bridge(&scene, &at[1]);
        bridge.ready().await;
        Self {
            scene,
            whole,
            bridge,
            at,
        }
    }

    fn start_bridge(scene: &Scene, at: &str) -> Daemon {
        let program = Program {
            name: "http-bridge",
            file: env!("CARGO_BIN_EXE_http-bridge"),
        };
        scene.spawn_other(program, &settings(at))
    }

    async fn kill_broker(&mut self) {
        self.scene.lab.broker.kill();
        sleep(Duration::from_secs(2)).await;
        self.scene.lab.run().await;
    }

    async fn kill_bridge(&mut self) {
        self.bridge.signal("KILL");
        self.bridge.ended().await;
        self.bridge = Self::start_bridge(&self.scene, &self.at[1]);
    }

    async fn kill_managers(&mut self) {
        self.whole.signal("KILL");
        self.whole.ended().await;
        self.whole = self.scene.spawn(&settings(&self.at[0]));
    }
}

/// Says what is planned, each until it is acknowledged, at whichever bridge answers.
async fn speak(at: [String; 2], key: String, visitor: Visitor, mut plan: Plan) -> usize {
    let mut askers = at.map(|at| Asker::new(&at, &key));
    let (mut said, mut way) = (0, 0);
    loop {
        let (count, is_over) = *plan.borrow_and_update();
        if said >= count {
            if is_over {
                return said;
            }
            let _ = plan.changed().await;
            continue;
        }
        let words = said.to_string();
        if askers[way]
            .says(&visitor, &format!("m{said}"), &words)
            .await
        {
            said += 1;
        } else {
            way = 1 - way;
        }
        sleep(PACE).await;
    }
}

/// Listens at one bridge, and comes again there with what it has; what it heard, and why it had to come again.
async fn listen(at: String, key: String, visitor: Visitor, plan: Plan) -> (Vec<i64>, Vec<Left>) {
    let (mut heard, mut left) = (Vec::<i64>::new(), Vec::new());
    let is_all = |heard: &Vec<i64>| {
        let (count, is_over) = *plan.borrow();
        // The first message takes the conversation over, which is an event of its own.
        is_over && heard.len() > count
    };
    while !is_all(&heard) {
        let Some(mut client) = Client::come(&at, "/ws/v1/events", &key).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let known = heard.last().copied().unwrap_or(0);
        let sub = json!({"op": "sub", "scope": visitor.scope(), "last_seq": known});
        if client.0.send(&sub.to_string()).await.is_err() {
            continue;
        }
        let why = hear(&mut client.0, &mut heard, &is_all).await;
        left.extend(why);
    }
    (heard, left)
}

/// Until the socket ends, or everything was heard; why it ended, where it had been let in: a bridge that has just started
/// and cannot check the key yet sends the reader away.
async fn hear(
    socket: &mut Socket,
    heard: &mut Vec<i64>,
    is_all: &(impl Fn(&Vec<i64>) -> bool + Sync),
) -> Option<Left> {
    let mut was_let_in = false;
    while !is_all(heard) {
        let text = match timeout(Duration::from_millis(500), socket.next()).await {
            Err(_) => continue,
            Ok(Heard::Text(text)) => text,
            Ok(Heard::Pong(_)) => continue,
            Ok(Heard::Closed(code)) => return was_let_in.then_some(Left::Code(code)),
            Ok(Heard::Gone) => return was_let_in.then_some(Left::Gone),
        };
        let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
        match frame["op"].as_str() {
            Some("hello") => was_let_in = true,
            Some("ev") => heard.push(frame["seq"].as_i64().unwrap()),
            // The managers are away: it comes again.
            Some("err") => return None,
            _ => assert_ne!(frame["ok"], json!(false), "{frame}"),
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_repeated_when_broker_bridge_and_managers_are_killed() {
    let mut stage = Stage::open().await;
    let desk = Desk::open(&stage.at[0], OPERATOR).await;
    let set = setting("CHAT_FAULT_MESSAGES").and_then(|text| text.parse().ok());
    let each: usize = set.unwrap_or(MESSAGES);
    let (tell, plan) = watch::channel((each, false));
    let (mut speaking, mut listening) = (Vec::new(), Vec::new());
    let mut visitors = Vec::new();
    for _ in 0..CONVERSATIONS {
        let visitor = desk.visitor().await;
        for at in &stage.at {
            let (at, key) = (at.clone(), desk.key.clone());
            listening.push(spawn(listen(at, key, visitor.clone(), plan.clone())));
        }
        let (at, key) = (stage.at.clone(), desk.key.clone());
        speaking.push(spawn(speak(at, key, visitor.clone(), plan.clone())));
        visitors.push(visitor);
    }
    let began = Instant::now();
    let goes_on = async |asked: usize| {
        until_within(BACK_MAX, "messages are taken again", async || {
            let mut asker = Asker::new(&desk.at, &desk.key);
            let counted = asker.count(&visitors[0]).await?;
            (counted >= asked.min(900)).then_some(())
        })
        .await;
    };
    goes_on(each).await;
    let (mut asked, mut longest) = (each, Duration::ZERO);
    for fault in 0..3 {
        asked += each;
        let made = Instant::now();
        tell.send_replace((asked, false));
        // In the midst of what is said.
        sleep(PACE * 5).await;
        match fault {
            0 => stage.kill_broker().await,
            1 => stage.kill_bridge().await,
            _ => stage.kill_managers().await,
        }
        goes_on(asked).await;
        longest = longest.max(made.elapsed());
    }
    tell.send_replace((asked, true));
    for speaker in speaking {
        let said = timeout(ALL_MAX, speaker).await.expect("in time").unwrap();
        assert_eq!(said, asked);
    }
    let expected: Vec<i64> = (1..=i64::try_from(asked).unwrap() + 1).collect();
    for listener in listening {
        let listened = timeout(ALL_MAX, listener).await.expect("in time");
        let (heard, left) = listened.unwrap();
        assert_eq!(heard, expected, "in order, none lost, none twice");
        // Neither the broker nor another process takes a socket with it: a bridge is killed once.
        let (killed, sent_away): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|why| *why == Left::Gone);
        assert!(killed.len() <= 1, "{killed:?}");
        assert!(
            sent_away.is_empty() || longest > KEY_BELIEVED,
            "{sent_away:?}, {longest:?}"
        );
        let is_named = |why: &Left| *why == Left::Code(1012);
        assert!(sent_away.iter().all(is_named), "{sent_away:?}");
    }
    assert!(began.elapsed() < ALL_MAX);
    // What is kept is what was said.
    for visitor in &visitors {
        let uri = format!(
            "/v1/conversations/{}/messages?after_seq=0&limit=1000",
            visitor.conversation
        );
        let (_, all) = desk.ask("GET", &uri, None).await;
        let all = all.as_array().unwrap();
        let bodies: Vec<_> = all.iter().map(|it| it["body"].clone()).collect();
        let said: Vec<_> = (0..asked.min(1_000))
            .map(|it| json!(it.to_string()))
            .collect();
        assert_eq!(bodies, said);
    }
}
