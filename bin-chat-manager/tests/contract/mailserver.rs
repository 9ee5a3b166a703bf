//! A mail server: it speaks as much of RFC 5321 and 4954 as a sender needs, keeps what it takes, and has faults on demand.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::testing::{spawn, until};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
};

/// Whoever may send.
const LOGIN: &str = "\0tandem\0pass-word";

/// What goes wrong with one mail.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The recipient is answered with this code.
    Recipient(u16),
    /// The login is refused.
    Login,
    /// It hangs up after the mail's text, unanswered.
    HangUp,
    /// It greets late.
    Slow(Duration),
}

/// A mail that was taken.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

impl Mail {
    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut all = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = all.next().map_or("", |(_, value)| value).to_owned();
        assert!(all.next().is_none(), "{name} is there twice: {head}");
        value
    }
}

#[derive(Default)]
struct Kept {
    mails: Vec<Mail>,
    faults: VecDeque<Fault>,
    connections: usize,
}

/// The server.
#[derive(Clone)]
pub struct MailServer {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            kept: Arc::default(),
        };
        let serving = server.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    /// Its address with user and password.
    pub fn url(&self) -> String {
        format!("smtp://tandem:pass-word@{}", self.address)
    }

    /// What goes wrong with the next mails.
    pub fn next(&self, faults: &[Fault]) {
        self.kept.lock().unwrap().faults.extend(faults);
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.kept.lock().unwrap().mails.clone()
    }

    pub fn connections(&self) -> usize {
        self.kept.lock().unwrap().connections
    }

    /// Everything that it took, once it is so much.
    pub async fn until(&self, count: usize) -> Vec<Mail> {
        until(&format!("{count} mails"), async || {
            let mails = self.mails();
            (mails.len() >= count).then_some(mails)
        })
        .await
    }

    async fn serve(self, stream: TcpStream) {
        let fault = {
            let mut kept = self.kept.lock().unwrap();
            kept.connections += 1;
            kept.faults.pop_front()
        };
        if let Some(Fault::Slow(span)) = fault {
            tokio::time::sleep(span).await;
        }
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        say(&mut writing, "220 mail.example.com ESMTP").await;
        let (mut mail, mut is_known) = (Mail::default(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            let upper = line.to_ascii_uppercase();
            let answer = if upper.starts_with("EHLO ") {
                "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned()
            } else if let Some(token) = line.strip_prefix("AUTH PLAIN ") {
                let login = BASE64.decode(token).unwrap();
                is_known = login == LOGIN.as_bytes() && !matches!(fault, Some(Fault::Login));
                if is_known { "235 Welcome" } else { "535 No" }.to_owned()
            } else if upper.starts_with("MAIL FROM:") {
                mail.from = path(&line);
                if is_known {
                    "250 OK"
                } else {
                    "530 Who are you"
                }
                .to_owned()
            } else if upper.starts_with("RCPT TO:") {
                match fault {
                    Some(Fault::Recipient(code)) => format!("{code} Not <{}>", path(&line)),
                    _ => {
                        mail.to.push(path(&line));
                        "250 OK".to_owned()
                    }
                }
            } else if upper == "DATA" {
                say(&mut writing, "354 Go on").await;
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.text.push_str("\r\n");
                }
                if matches!(fault, Some(Fault::HangUp)) {
                    return;
                }
                let taken = std::mem::take(&mut mail);
                self.kept.lock().unwrap().mails.push(taken);
                "250 Taken".to_owned()
            } else if upper == "QUIT" {
                say(&mut writing, "221 Bye").await;
                return;
            } else {
                "250 OK".to_owned()
            };
            say(&mut writing, &answer).await;
        }
    }
}

async fn say(writing: &mut OwnedWriteHalf, text: &str) {
    let _ = writing.write_all(format!("{text}\r\n").as_bytes()).await;
}

/// What stands between `<` and `>`.
fn path(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(path, _)| path).to_owned()
}
