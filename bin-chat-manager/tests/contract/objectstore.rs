//! A bucket: it keeps what is put, by its path, for whoever signs; and files of conversations that lie there.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, spawn, until},
};
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    contact_center::ContactCenter,
    world::{reason, text},
};

#[derive(Default)]
struct Kept {
    objects: BTreeMap<String, Vec<u8>>,
    is_away: bool,
}

/// The store.
#[derive(Clone)]
struct ObjectStore {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl ObjectStore {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Self {
            address: listener.local_addr().unwrap(),
            kept: Arc::default(),
        };
        let serving = store.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serving.clone().serve(stream));
            }
        });
        store
    }

    fn url(&self) -> String {
        format!("http://{}/files/tandem", self.address)
    }

    fn set_away(&self, is_away: bool) {
        self.kept.lock().unwrap().is_away = is_away;
    }

    fn names(&self) -> Vec<String> {
        self.kept.lock().unwrap().objects.keys().cloned().collect()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut all = Vec::new();
        let (head, body) = loop {
            let mut chunk = [0; 16_384];
            let count = stream.read(&mut chunk).await.unwrap_or(0);
            if count == 0 {
                return;
            }
            all.extend_from_slice(&chunk[..count]);
            let Some(end) = all.windows(4).position(|it| it == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&all[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
            if all.len() >= end + 4 + length {
                break (head, all[end + 4..].to_vec());
            }
        };
        let (status, body) = self.answer(&head, body);
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.write_all(&body).await;
    }

    fn answer(&self, head: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut kept = self.kept.lock().unwrap();
        if kept.is_away {
            return (503, Vec::new());
        }
        let is_signed =
            query.contains("X-Amz-Credential=KEY%2F") && query.contains("&X-Amz-Signature=");
        if !is_signed {
            return (403, Vec::new());
        }
        match method {
            "PUT" => {
                kept.objects.insert(path.to_owned(), body);
                (200, Vec::new())
            }
            "GET" => match kept.objects.get(path) {
                Some(object) => (200, object.clone()),
                None => (404, Vec::new()),
            },
            _ => {
                kept.objects.remove(path);
                (204, Vec::new())
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn files_lie_in_a_bucket_and_go_from_there_with_their_message(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let store = ObjectStore::start().await;
    let url = store.url();
    let settings = [
        ("ATTACHMENTS_S3_URL", url.as_str()),
        ("ATTACHMENTS_S3_KEY_ID", "KEY"),
        ("ATTACHMENTS_S3_SECRET", "secret"),
        ("ALLOW_PRIVATE_ENDPOINTS", "true"),
        ("RETENTION_PERIOD", "100ms"),
    ];
    let desk = ContactCenter::mailing(kind, &settings).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let anyone = desk.installation.client();
    let send = async |key: &str| {
        let uri = format!("/v1/chat_sessions/{}/attachments", visitor.session);
        let body = json!({
            "token": visitor.token, "client_message_id": key, "name": "leak.txt",
            "content_base64": BASE64.encode("It leaks."),
        });
        anyone.call(Post, &uri, Some(body)).await
    };
    let (status, said) = send("1").await;
    assert_eq!(status, 200, "{said}");
    let names = store.names();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("/files/tandem/"), "{names:?}");
    let folder = desk.installation.data_dir().join("attachments");
    let customer = folder.join(desk.client.customer_id.unwrap().simple().to_string());
    assert!(!customer.exists(), "nothing lies on the disk");
    let link = text(&said["messages"][0]["attachment"], "url").to_owned();
    let content = anyone.ok(Get, &link, None).await;
    assert_eq!(content["content_base64"], BASE64.encode("It leaks."));

    // While the store is away nothing is said, and the same try may be made again.
    store.set_away(true);
    assert_eq!(send("2").await.0, 503);
    assert_eq!(anyone.call(Get, &link, None).await.0, 503);
    store.set_away(false);
    let said = until("it is there again", async || {
        let (status, said) = send("2").await;
        (status == 200).then_some(said)
    })
    .await;
    assert_eq!(desk.history(&visitor).await.len(), 2, "{said}");

    desk.clock.shift(181 * 86_400 * 1_000_000);
    until("the files are gone", async || {
        store.names().is_empty().then_some(())
    })
    .await;
    let gone = anyone.call(Get, &link, None).await;
    assert_eq!(reason(&gone), (403, "BAD_LINK"));
    desk.end().await;
}
