//! The page of docs/chat.md in a browser without a window: what its visitor says is heard by an agent, and the answer is
//! read on the page.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bin_common_handler::testing::{BRIDGE_KEY, Kind, spawn, until, until_within};
use serde_json::{Value as Json, json};
use tandem::socket::{Heard, Socket};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use super::world::{PATIENCE, World, call, setting, text};

/// A browser's first start on a busy machine.
const START_MAX: Duration = Duration::from_secs(90);
/// `TEST_BROWSER=none` leaves the test out, where there can be no browser.
const NONE: &str = "none";

/// Chromium without a window, and the page that is open in it.
struct Browser {
    child: Child,
    line: Socket,
    session: String,
    asked: u64,
    _profile: TempDir,
}

impl Browser {
    async fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args([
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-sync",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromium; scripts/browser installs it");
        let told = profile.path().join("DevToolsActivePort");
        let (port, path) = until_within(START_MAX, "the browser listens", async || {
            let told = fs::read_to_string(&told).ok()?;
            let (port, path) = told.split_once('\n')?;
            Some((port.parse::<u16>().ok()?, path.trim().to_owned()))
        })
        .await;
        let line = Socket::connect(&format!("127.0.0.1:{port}"), &path, &[]).await;
        let mut browser = Self {
            child,
            line: line.unwrap().unwrap(),
            session: String::new(),
            asked: 0,
            _profile: profile,
        };
        let target = browser
            .ask("Target.createTarget", json!({"url": url}))
            .await;
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.ask("Target.attachToTarget", target).await;
        browser.session = text(&attached, "sessionId").to_owned();
        browser
    }

    /// A command of the browser's own protocol; what came of it.
    async fn ask(&mut self, method: &str, params: Json) -> Json {
        self.asked += 1;
        let mut command = json!({"id": self.asked, "method": method, "params": params});
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        self.line.send(&command.to_string()).await.unwrap();
        loop {
            let heard = timeout(START_MAX, self.line.next()).await;
            let Heard::Text(heard) = heard.expect("in time") else {
                panic!("the browser ended");
            };
            let heard: Json = serde_json::from_str(&heard).unwrap();
            if heard["id"] == json!(self.asked) {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    /// What an expression of the page comes to.
    async fn see(&mut self, expression: &str) -> Json {
        let params = json!({"expression": expression, "returnByValue": true});
        let seen = self.ask("Runtime.evaluate", params).await;
        seen["result"]["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its whole group: it has children.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

/// The page of docs/chat.md, for this bridge and widget.
fn page(bridge: &str, widget: &str) -> String {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/chat.md");
    let docs = fs::read_to_string(docs).unwrap();
    let page = docs.split("```html\n").nth(1).expect("a page");
    let page = page.split("```").next().unwrap();
    let told = "bridge = 'http://127.0.0.1:8080', widget_id = 'wgt_…'";
    assert!(page.contains(told), "the page names its bridge and widget");
    page.replace(
        told,
        &format!("bridge = 'http://{bridge}', widget_id = '{widget}'"),
    )
}

/// Serves a page to everybody who asks.
fn serve(listener: TcpListener, page: String) {
    spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{page}",
                page.len()
            );
            spawn(async move {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_docs_talks_in_a_browser() {
    if setting("TEST_BROWSER").as_deref() == Some(NONE) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let world = World::with(Kind::Embedded, &[("BRIDGE_CORS_ORIGINS", &origin)]).await;
    let desk = &world.desk;
    let widget = json!({"customer_id": desk.customer, "name": "page", "origins": [origin]});
    let made = call(
        &desk.at,
        BRIDGE_KEY,
        ("POST", "/v1/widgets"),
        &[],
        Some(&widget),
    );
    let (status, widget) = made.await;
    assert_eq!(status, 200, "{widget}");
    serve(listener, page(&desk.at, text(&widget, "public_id")));
    let mut agent = desk.agent().await;
    agent.sub("customer").await;

    let mut browser = Browser::open(&origin).await;
    until("the page is connected", async || {
        let is_open = "typeof socket === 'object' && socket?.readyState === 1";
        (browser.see(is_open).await == json!(true)).then_some(())
    })
    .await;
    let said = "words.value = 'Hello from a browser'; form.requestSubmit(); true";
    assert_eq!(browser.see(said).await, json!(true));
    let (conversation, heard) = timeout(PATIENCE, async {
        loop {
            let frame = agent.next().await;
            let body = frame["data"]["message"]["body"].as_str();
            if let (Some(body), Some(id)) = (body, frame["data"]["conversation_id"].as_str()) {
                return (id.to_owned(), body.to_owned());
            }
        }
    })
    .await
    .expect("the agent hears of it");
    assert_eq!(heard, "Hello from a browser");
    agent
        .say(json!({"op": "msg", "conversation_id": conversation,
            "client_message_id": "a", "body": "Hello to a <b>browser</b>"}))
        .await;
    until("the answer is on the page", async || {
        let shown = browser.see("said.innerText").await;
        let shown = shown.as_str()?;
        let is_whole = shown.contains(": Hello from a browser")
            && shown.contains(": Hello to a <b>browser</b>");
        is_whole.then_some(())
    })
    .await;
    // Between two sockets words are kept, and a reload goes on with the conversation.
    let away = "socket.onclose = null; socket.close(); words.value = 'Said while away'; \
                form.requestSubmit(); connect(); unsaid.size";
    assert_eq!(browser.see(away).await, json!(1));
    until("the next socket says it, once", async || {
        let is_said = "unsaid.size === 0 && said.innerText.split(': Said while away').length === 2";
        (browser.see(is_said).await == json!(true)).then_some(())
    })
    .await;
    let kept = "JSON.parse(sessionStorage.chat).conversation_id";
    assert_eq!(browser.see(kept).await, json!(conversation));
    drop(browser);
    world.end().await;
}
