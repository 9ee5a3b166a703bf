//! Calendars elsewhere, on this machine: a real CalDAV server, and one that speaks as Google and Microsoft do.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bin_common_handler::testing::{spawn, until};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The account of the CalDAV server, and its password.
pub const ACCOUNT: &str = "ann";
pub const PASSWORD: &str = "correct horse";

/// A radicale that runs on a folder of its own.
pub struct Radicale {
    folder: TempDir,
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Radicale {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = {
            let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
            free.local_addr().unwrap()
        };
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("users"), format!("{ACCOUNT}:{PASSWORD}\n")).unwrap();
        let config = format!(
            "[server]\nhosts = {address}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {}\n\
             htpasswd_encryption = plain\ndelay = 0\n[storage]\nfilesystem_folder = {}\n",
            path("users"),
            path("collections"),
        );
        fs::write(path("config"), config).unwrap();
        let mut server = Self {
            folder,
            address,
            child: None,
        };
        server.resume().await;
        let (status, _) = server.ask("MKCALENDAR", "", "").await;
        assert_eq!(status, 201);
        server
    }

    /// Runs again after [`Self::end`], with what it had.
    pub async fn resume(&mut self) {
        let config = self.folder.path().join("config");
        let child = Command::new("radicale")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("radicale; scripts/radicale installs it"));
        until("radicale answers", async || {
            TcpStream::connect(self.address).await.ok().map(drop)
        })
        .await;
    }

    pub fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The collection.
    pub fn url(&self) -> String {
        format!("http://{}/{ACCOUNT}/work", self.address)
    }

    /// Asks it as another program would; `name` is an object's, empty for the collection.
    pub async fn ask(&self, method: &str, name: &str, body: &str) -> (u16, String) {
        // ann:correct horse
        let headers = ["authorization: Basic YW5uOmNvcnJlY3QgaG9yc2U="];
        let line = format!("{method} /{ACCOUNT}/work/{name}");
        let answer = bin_common_handler::testing::http(self.address, &line, &headers, body).await;
        answer.map_or((0, String::new()), |answer| (answer.status, answer.body))
    }
}

impl Drop for Radicale {
    fn drop(&mut self) {
        self.end();
    }
}

/// A server that says the same to everything, as hotels' networks do: its address.
pub async fn login_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            spawn(async move {
                read(&mut stream).await;
                let text = "<html><body>Please log in</body></html>";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}/{ACCOUNT}/work")
}

/// What a calendar in the cloud has, and how it behaves.
#[derive(Default)]
pub struct State {
    /// Events by id, as they were written.
    pub events: BTreeMap<String, Json>,
    /// The last change of each.
    changes: BTreeMap<String, u64>,
    version: u64,
    /// Tokens for changes older than this hold no more.
    pub forgotten_before: u64,
    /// So many writes are done, and nobody hears of it.
    pub unanswered: u32,
    /// The consent was taken back.
    pub revoked: bool,
    /// Methods and targets, in order.
    pub requests: Vec<String>,
}

impl State {
    /// Somebody writes there by hand.
    pub fn write(&mut self, id: &str, event: Json) {
        self.version += 1;
        self.changes.insert(id.to_owned(), self.version);
        self.events.insert(id.to_owned(), event);
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    fn remove(&mut self, id: &str) -> bool {
        self.version += 1;
        self.changes.insert(id.to_owned(), self.version);
        self.events.remove(id).is_some()
    }
}

/// A calendar in the cloud: as Google's below `/google`, as Microsoft's below `/graph`, tokens at `/token`.
#[derive(Clone)]
pub struct Cloud {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Cloud {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cloud = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let served = cloud.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(served.clone().serve(stream));
            }
        });
        cloud
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some((head, body)) = read(&mut stream).await else {
            return;
        };
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let Some((status, answer)) = self.answer(&method, &target, &head, &body) else {
            return;
        };
        let text = answer.to_string();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    /// None = the connection breaks.
    fn answer(&self, method: &str, target: &str, head: &str, body: &str) -> Option<(u16, Json)> {
        let mut state = self.state();
        state.requests.push(format!("{method} {target}"));
        if target == "/token" {
            let is_right = body.contains("grant_type=refresh_token&refresh_token=refresh%2Dme&");
            let token = json!({"access_token": "opened", "expires_in": 3600});
            return Some(if is_right && !state.revoked {
                (200, token)
            } else {
                (400, json!({"error": "invalid_grant"}))
            });
        }
        if state.revoked || !head.to_lowercase().contains("authorization: bearer opened") {
            return Some((401, json!({})));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let sent: Json = serde_json::from_str(body).unwrap_or_default();
        let is_google = path.starts_with("/google/calendars/primary/events");
        let id = path
            .split_once("/events/")
            .map_or("", |(_, id)| id)
            .to_owned();
        let answer = match (method, is_google) {
            ("GET", true) => google_list(&state, query),
            ("GET", false) => (
                200,
                json!({"value": state.events.values().collect::<Vec<_>>()}),
            ),
            ("POST", true) => google_post(&mut state, sent),
            ("POST", false) => graph_post(&mut state, sent),
            ("PUT" | "PATCH", _) if state.events.contains_key(&id) => {
                let mut after = state.events[&id].clone();
                after
                    .as_object_mut()
                    .unwrap()
                    .extend(sent.as_object().unwrap().clone());
                state.write(&id, after.clone());
                (200, after)
            }
            ("DELETE", _) if state.remove(&id) => (204, json!({})),
            _ => (404, json!({})),
        };
        if method != "GET" && state.unanswered > 0 {
            state.unanswered -= 1;
            return None;
        }
        Some(answer)
    }
}

fn google_list(state: &State, query: &str) -> (u16, Json) {
    let token = query
        .strip_prefix("syncToken=")
        .and_then(|token| token.parse::<u64>().ok());
    if token.is_some_and(|token| token < state.forgotten_before) {
        return (410, json!({}));
    }
    let since = token.unwrap_or(0);
    let changed = |id: &String| state.changes.get(id).is_some_and(|at| *at > since);
    let items: Vec<_> = match token {
        None => state.events.values().cloned().collect(),
        Some(_) => {
            let ids = state.changes.keys().filter(|id| changed(id));
            ids.map(|id| {
                let gone = json!({"id": id, "status": "cancelled"});
                state.events.get(id).cloned().unwrap_or(gone)
            })
            .collect()
        }
    };
    let next = state.version.to_string();
    (200, json!({"items": items, "nextSyncToken": next}))
}

fn google_post(state: &mut State, event: Json) -> (u16, Json) {
    let id = event["id"].as_str().unwrap_or_default().to_owned();
    let is_allowed = id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'v'));
    if !is_allowed || id.len() < 5 {
        return (400, json!({}));
    }
    if state.events.contains_key(&id) {
        return (409, json!({}));
    }
    state.write(&id, event.clone());
    (200, event)
}

/// The same transaction again gets the event that it made.
fn graph_post(state: &mut State, mut event: Json) -> (u16, Json) {
    let same = |known: &&Json| known["transactionId"] == event["transactionId"];
    if let Some(known) = state.events.values().find(same) {
        return (201, known.clone());
    }
    let id = format!("AAMk{}", state.version);
    event["id"] = json!(id);
    state.write(&id, event.clone());
    (201, event)
}

async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut text = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        text.extend_from_slice(&chunk[..count]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else {
            continue;
        };
        let lower = head.to_lowercase();
        let length = lower
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.trim().parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}
