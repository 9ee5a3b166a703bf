//! SIP over WebSocket (RFC 7118): the bridge carries each frame here, whichever process that is, and takes back what is
//! answered. A frame is one message; transactions are those of a connection that loses nothing.
//!
//! An address proves nothing here, as the bridge and proxies stand between: a call needs a digest. All processes make the
//! same nonces, as the challenge and its answer may meet different ones. A CANCEL that meets another process than its
//! INVITE is answered 481; the INVITE is decided within the moment, so there is seldom anything to cancel.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    models::{
        error::Result,
        frame::{Frame, Frames},
    },
};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::{sync::OnceCell, time::Instant};
use uuid::Uuid;

use super::{
    access::{Access, Verdict},
    deciding::{Decided, decide, give_up},
    digest::{REMEMBERED, once},
    message::{MESSAGE_MAX, Message, Request, Status, parse},
    rate::{RATE, Rates},
    server::tag,
    transaction::{Action, Key, Peer, Transactions, reply},
};
use crate::{app::App, dbhandler::sipnonces, subjectrequesthandler};

/// Whose row the key of the nonces is: nobody's, among those of the customers.
const NONCE_KEY: Uuid = Uuid::nil();

/// What all sockets share.
#[derive(Clone)]
struct SipSockets(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Read when the first frame comes.
    key: OnceCell<[u8; 32]>,
    count: Box<dyn Fn(&str) + Send + Sync>,
}

struct State {
    access: Access,
    rates: Rates,
    transactions: Transactions,
}

/// What is left to do once the state is let go.
struct Pending {
    frames: Vec<String>,
    decide: Option<(Key, Box<Request>)>,
}

impl SipSockets {
    /// From the settings.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        let counter = ctx
            .metrics
            .counter(
                "sip_socket_requests_total",
                "SIP requests over WebSocket, by what became of them",
                &["result"],
            )
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let state = State {
            // The key comes before the first challenge.
            access: Access::new(&ctx.config, [0; 32])?,
            rates: Rates::new(ctx.config.get(&RATE)),
            transactions: Transactions::default(),
        };
        Ok(Self(Arc::new(Shared {
            state: Mutex::new(state),
            key: OnceCell::new(),
            count: Box::new(move |result| counter.with_label_values(&[result]).inc()),
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state)
    }
}

/// Names who takes the frames, at start.
///
/// # Errors
/// Names the setting that is wrong.
pub(super) fn start(ctx: &ManagerContext, app: &App) -> Result<(), StartError> {
    let sockets = SipSockets::new(ctx)?;
    let take = move |app: App, frame: Frame| {
        let sockets = sockets.clone();
        async move { hear(&sockets, &app, &frame).await }.boxed()
    };
    // It is named once.
    let _ = app.sip.set(Box::new(take));
    Ok(())
}

/// Takes one frame of a socket; what is said to it.
///
/// # Errors
/// 400 for what is no frame; 503.
async fn hear(sockets: &SipSockets, app: &App, frame: &Frame) -> Result<Frames> {
    let bytes = frame.body()?;
    let request = match read(&bytes) {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(Frames::default()),
        Err(result) => {
            (sockets.0.count)(result);
            return Ok(Frames::default());
        }
    };
    let key = *sockets.0.key.get_or_try_init(|| read_key(app)).await?;
    let peer = Peer::Socket(SocketAddr::new(frame.address, 0), frame.connection_id);
    let tag = tag(&key, &request);
    let now = app.store.clock.now();
    let pending = sockets.with(|state| {
        state.access.set_key(key);
        let (result, pending) = state.take(request, peer, &tag, now);
        (sockets.0.count)(result);
        pending
    });
    let Some((key, request)) = pending.decide else {
        return Ok(Frames {
            frames: pending.frames,
        });
    };
    let decided = if is_first(app, &request).await? {
        decide(app, &request).await
    } else {
        (sockets.0.count)("replayed");
        Decided {
            status: Status::UNAUTHORIZED,
            headers: sockets.with(|state| state.access.asked_again(now)),
            own: None,
        }
    };
    finish(sockets, app, &key, &tag, decided).await
}

/// Whether no process, before its restart neither, let somebody in by this very answer to a challenge.
async fn is_first(app: &App, request: &Request) -> Result<bool> {
    let header = request.authorization.as_deref().unwrap_or_default();
    let Some(digest) = once(header) else {
        return Ok(false);
    };
    let expires = app.store.clock.now().plus(REMEMBERED);
    sipnonces::use_once(&app.store.db, &digest, expires).await
}

/// A request; nothing for a keep-alive; else the word that it is counted under.
fn read(bytes: &[u8]) -> Result<Option<Box<Request>>, &'static str> {
    if bytes
        .iter()
        .all(|byte| byte.is_ascii_whitespace() || *byte == 0)
    {
        return Ok(None);
    }
    if bytes.len() > MESSAGE_MAX {
        return Err("malformed");
    }
    match parse(bytes, false) {
        Ok((Message::Request(request), length)) if length == bytes.len() => Ok(Some(request)),
        Ok((Message::Response, _)) => Err("response"),
        // A frame is one message, neither more nor less (RFC 7118, 5.1).
        _ => Err("malformed"),
    }
}

async fn read_key(app: &App) -> Result<[u8; 32]> {
    let secret = subjectrequesthandler::key(app, NONCE_KEY).await?;
    let mut digest = Sha256::new();
    digest.update(b"sip nonces");
    digest.update(secret.expose().as_bytes());
    Ok(digest.finalize().into())
}

async fn finish(
    sockets: &SipSockets,
    app: &App,
    key: &Key,
    tag: &str,
    decided: Decided,
) -> Result<Frames> {
    let Decided {
        status,
        headers,
        own,
    } = decided;
    let now = Instant::now();
    let answer = sockets.with(|state| state.transactions.decided(key, status, tag, &headers, now));
    if let Some(answer) = answer {
        return Ok(Frames {
            frames: text(answer).into_iter().collect(),
        });
    }
    (sockets.0.count)("given_up");
    if let Some(own) = own {
        Box::pin(give_up(app.clone(), own)).await;
    }
    Ok(Frames::default())
}

impl State {
    /// The word that it is counted under, and what is to be done.
    fn take(
        &mut self,
        request: Box<Request>,
        peer: Peer,
        tag: &str,
        at: bin_common_handler::models::time::Timestamp,
    ) -> (&'static str, Pending) {
        let now = Instant::now();
        self.transactions.tick(now);
        let is_known = self.transactions.knows(&request, peer);
        let nothing = Pending {
            frames: Vec::new(),
            decide: None,
        };
        let answered = |action| Pending {
            frames: text(action).into_iter().collect(),
            decide: None,
        };
        // Acknowledgements are never answered.
        if !is_known && request.method == "ACK" {
            return ("served", nothing);
        }
        if !is_known && !self.rates.admit(peer.address().ip(), now) {
            return ("rate_limited", nothing);
        }
        if !is_known && request.method == "INVITE" {
            match self.access.check(&request, peer, at) {
                Verdict::Allowed => {}
                Verdict::Challenged(challenges) => {
                    let asked = reply(&request, peer, Status::UNAUTHORIZED, tag, &challenges);
                    return ("challenged", answered(asked));
                }
                Verdict::Forbidden => {
                    let forbidden = reply(&request, peer, Status::FORBIDDEN, tag, &[]);
                    return ("forbidden", answered(forbidden));
                }
            }
        }
        let actions = self.transactions.receive(request, peer, tag, now);
        ("served", pending(actions))
    }
}

/// Where a decision follows, its answer comes in the same breath, without a 100 before it.
fn pending(actions: Vec<Action>) -> Pending {
    let (mut frames, mut to_decide) = (Vec::new(), None);
    for action in actions {
        match action {
            Action::Decide(key, request) => to_decide = Some((key, request)),
            send => frames.extend(text(send)),
        }
    }
    if to_decide.is_some() {
        frames.clear();
    }
    Pending {
        frames,
        decide: to_decide,
    }
}

/// What is sent; all of it is text, as requests that are none are malformed.
fn text(action: Action) -> Option<String> {
    match action {
        Action::Send(_, _, bytes) => String::from_utf8(bytes).ok(),
        Action::Decide(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::siphandler::message::tests::INVITE;

    #[rstest]
    #[case::message(INVITE, Ok(true))]
    #[case::keep_alive("\r\n\r\n", Ok(false))]
    #[case::two("both", Err("malformed"))]
    #[case::response("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", Err("response"))]
    #[case::noise("hello", Err("malformed"))]
    fn a_frame_is_one_message(#[case] text: &str, #[case] expected: Result<bool, &'static str>) {
        let both = format!("{INVITE}{INVITE}");
        let text = if text == "both" { &both } else { text };
        let read = read(text.as_bytes()).map(|request| request.is_some());
        assert_eq!(read, expected);
    }
}
