//! The client against a hostile little server.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rstest::rstest;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const AWAY: &str = "HTTP/1.1 503 Away\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn client(allows_private: bool) -> HttpClient {
    HttpClient::new(Metrics::new().unwrap(), allows_private).unwrap()
}

/// Serves each connection by `serve`, which is told how many came before; how many came at all.
fn server(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (serve, asked) = (Arc::new(serve), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let before = count.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream, before));
        }
    });
    (address, asked)
}

fn say(mut stream: TcpStream, answer: &str) {
    let _ = stream.read(&mut [0; 4_096]);
    let _ = stream.write_all(answer.as_bytes());
}

fn get(url: &str) -> HttpRequest {
    HttpRequest::new(Method::GET, url)
}

#[rstest]
#[case("http://127.0.0.1:1/")]
#[case("http://localhost:1/")]
#[case("http://2130706433/")]
#[case("http://0x7f.1/")]
#[case("http://0177.0.0.1/")]
#[case("http://[::1]/")]
#[case("http://[::ffff:169.254.169.254]/")]
#[case("https://10.0.0.1/")]
#[case("http://0.0.0.0/")]
#[tokio::test]
async fn private_addresses_are_not_reached(#[case] url: &str) {
    let answer = client(false).send(&get(url)).await;
    assert_eq!(answer.unwrap_err(), HttpFault::NotPublic, "{url}");
}

#[rstest]
#[case("")]
#[case("ftp://example.com/")]
#[case("file:///etc/passwd")]
#[case("http://user:hunter2@example.com/")]
#[case("example.com")]
#[tokio::test]
async fn an_address_that_is_none_is_refused(#[case] url: &str) {
    let fault = client(true).send(&get(url)).await.unwrap_err();
    assert_eq!(fault, HttpFault::BadUrl);
    assert!(!Error::from(fault).to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (url, asked) = server(|stream, _| {
        say(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        );
    });
    let answer = client(true).send(&get(&url)).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), asked.load(Ordering::SeqCst)),
        (302, 1)
    );
}

#[rstest]
#[case::announced("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")]
#[case::endless("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")]
#[tokio::test]
async fn a_gigabyte_is_not_read(#[case] head: &'static str) {
    let (url, _) = server(move |mut stream, _| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let answer = client(true).send(&get(&url).at_most(10_000)).await;
    assert_eq!(answer.unwrap_err(), HttpFault::TooLarge);
}

#[rstest]
#[case::silent("")]
#[case::trickling("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")]
#[tokio::test]
async fn who_hangs_or_trickles_is_left_at_the_deadline(#[case] head: &'static str) {
    let (url, _) = server(move |mut stream, _| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(head.as_bytes());
        while !head.is_empty() && stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = stream.read(&mut [0; 1]);
    });
    let deadline = Duration::from_millis(300);
    let started = Instant::now();
    let answer = client(true).send(&get(&url).within(deadline)).await;
    assert_eq!(answer.unwrap_err(), HttpFault::Late);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[rstest]
#[case::get(Method::GET, false, 3)]
#[case::post(Method::POST, false, 1)]
#[case::post_with_a_key(Method::POST, true, 3)]
#[tokio::test]
async fn only_what_may_be_repeated_is_repeated(
    #[case] method: Method,
    #[case] repeatable: bool,
    #[case] tries: usize,
) {
    let (url, asked) = server(|stream, _| say(stream, AWAY));
    let mut request = HttpRequest::new(method, url);
    if repeatable {
        request = request.repeatable();
    }
    let answer = client(true).send(&request).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), asked.load(Ordering::SeqCst)),
        (503, tries)
    );
}

#[tokio::test]
async fn a_host_that_comes_back_is_heard() {
    let (url, _) = server(|stream, before| say(stream, if before == 0 { AWAY } else { OK }));
    let answer = client(true).send(&get(&url)).await.unwrap();
    assert_eq!(
        answer.json::<serde_json::Value>().unwrap(),
        serde_json::json!({})
    );
}

#[tokio::test]
async fn a_host_that_hangs_does_not_hold_up_another() {
    let (hanging, _) = server(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (good, _) = server(|stream, _| say(stream, OK));
    let client = client(true);
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..hosts::IN_FLIGHT_MAX {
        let (client, request) = (
            client.clone(),
            get(&hanging).within(Duration::from_secs(60)),
        );
        held.spawn(async move { client.send(&request).await });
    }
    let host = hanging.trim_start_matches("http://");
    while client.hosts.admit(host).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        client.send(&get(&hanging)).await.unwrap_err(),
        HttpFault::TooMany
    );
    assert_eq!(client.send(&get(&good)).await.unwrap().status.as_u16(), 200);
    held.abort_all();
}

#[tokio::test]
async fn a_dead_host_is_left_alone_after_five_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(true);
    let request = HttpRequest::new(Method::POST, url);
    for _ in 0..5 {
        assert_eq!(
            client.send(&request).await.unwrap_err(),
            HttpFault::NoConnection
        );
    }
    assert_eq!(
        client.send(&request).await.unwrap_err(),
        HttpFault::BreakerOpen
    );
}

#[rstest]
#[case("x\r\ny", "v")]
#[case("x", "a\r\nhost: evil")]
#[case("", "v")]
fn a_header_cannot_smuggle_another(#[case] name: &str, #[case] value: &str) {
    let fault = get("http://a/").header(name, value).unwrap_err();
    assert_eq!(fault, HttpFault::BadHeader);
}

#[tokio::test]
async fn a_host_that_a_setting_names_is_missed_in_the_log_and_another_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (log, client) = (crate::testing::Log::listen(), client(true));
    let request = HttpRequest::new(Method::POST, url);
    client.send(&request).await.unwrap_err();
    assert!(log.lines("cannot be asked").is_empty(), "a stranger's");
    client
        .send(&request.named_by("TWILIO_BASE_URL"))
        .await
        .unwrap_err();
    let lines = log.lines("cannot be asked");
    assert_eq!(lines.len(), 1);
    assert!(lines.iter().all(|line| line.contains("127.0.0.1")));
}
