//! What the manager of access keys says of a key: asked by RPC, believed for a moment.
//!
//! An answer counts from when it was asked for, so a key that was revoked opens nothing a few seconds later
//! whatever happens; an event of that manager makes it at once. What could not be asked is never guessed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use serde::Serialize;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tracing::debug;

use super::{
    grant::Key,
    ttl_cache::{Digest, TtlCache},
};
use crate::bridge::{NAME, answer};
use bin_common_handler::{
    listenhandler::Identity,
    models::{
        error::{Error, Result},
        sock::{Method, Request, Response},
    },
    requesthandler::Requester,
    sockhandler::{Receive, ReceivedEvent, Subscription},
};

/// The route by which a manager says whose an access key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bridge) struct Verifier {
    /// The manager's name, e.g. `did-manager`.
    pub service: &'static str,
    pub method: Method,
    pub uri: &'static str,
    /// How its keys look, and what may change them.
    pub identity: Identity,
}

/// An answer is not believed for longer, counted from when it was asked for.
const BELIEVED: Duration = Duration::from_secs(5);
/// Answers that are kept at most, refusals included.
const KEPT_MAX: usize = 10_000;
/// How long the manager may take.
const ASK_MAX: Duration = Duration::from_millis(900);
/// Keys that are asked about at once; guesses must not take every request that may be in flight.
const ASKS_MAX: usize = 64;

/// What became of a question.
#[derive(Debug, Clone)]
enum KeyVerification {
    Known(Arc<Key>),
    Refused,
    Nothing,
}

type Saying = Shared<BoxFuture<'static, KeyVerification>>;

/// Asks about access keys.
pub(in crate::bridge) struct KeyVerifier {
    verifier: Verifier,
    requester: Requester,
    asks: Semaphore,
    said: Mutex<TtlCache<Saying>>,
}

#[derive(Serialize)]
struct Question<'k> {
    prefix: &'k str,
    hash: String,
}

impl KeyVerifier {
    /// Asks the manager that declares it.
    pub(in crate::bridge) fn new(verifier: Verifier, requester: Requester) -> Self {
        Self {
            verifier,
            requester,
            asks: Semaphore::new(ASKS_MAX),
            said: Mutex::new(TtlCache::new(BELIEVED, KEPT_MAX)),
        }
    }

    /// What every key starts with.
    pub(super) fn key_prefix(&self) -> &'static str {
        self.verifier.identity.key_prefix
    }

    /// What a key allows; nothing when it is refused. Equal keys are asked about once at a time.
    ///
    /// # Errors
    /// 503 when the manager cannot be asked, or not until `deadline`.
    pub(in crate::bridge) async fn of(
        self: &Arc<Self>,
        prefix: &str,
        digest: Digest,
        deadline: Instant,
    ) -> Result<Option<Arc<Key>>> {
        let saying = self.saying(prefix, digest);
        match timeout_at(deadline, saying).await {
            Err(_) => Err(answer::too_slow()),
            Ok(KeyVerification::Known(key)) => Ok(Some(key)),
            Ok(KeyVerification::Refused) => Ok(None),
            Ok(KeyVerification::Nothing) => {
                Err(Error::unavailable("service", "a key could not be verified"))
            }
        }
    }

    fn saying(self: &Arc<Self>, prefix: &str, digest: Digest) -> Saying {
        let (now, mut said) = (Instant::now(), self.said());
        if let Some(saying) = said.get(&digest, now) {
            return saying;
        }
        let (this, prefix) = (Arc::clone(self), prefix.to_owned());
        said.insert(digest, now, |number| {
            // A task of its own: that the first caller leaves must not keep the others waiting.
            #[expect(
                clippy::disallowed_methods,
                reason = "ends within ASK_MAX; whoever waits for it is waited for"
            )]
            let task = tokio::spawn(async move {
                let answer = this.ask(&prefix, &digest).await;
                if matches!(answer, KeyVerification::Nothing) {
                    this.said().forget(&digest, number);
                }
                answer
            });
            task.map(|ended| ended.unwrap_or(KeyVerification::Nothing))
                .boxed()
                .shared()
        })
    }

    async fn ask(&self, prefix: &str, digest: &Digest) -> KeyVerification {
        let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let question = Question { prefix, hash };
        let Verifier { method, uri, .. } = self.verifier;
        let Ok(request) = Request::new(method, uri, NAME).json(&question) else {
            return KeyVerification::Nothing;
        };
        let asked = timeout(ASK_MAX, async {
            let _one = self.asks.acquire().await.map_err(Error::internal)?;
            self.requester
                .send(self.verifier.service, &request, ASK_MAX)
                .await
        });
        match asked.await {
            Ok(Ok(reply)) => read(&reply),
            Ok(Err(error)) => {
                debug!(%error, "access key not verified");
                KeyVerification::Nothing
            }
            Err(_) => KeyVerification::Nothing,
        }
    }

    /// Events after which no answer is believed any more.
    pub(in crate::bridge) fn subscription(&self) -> Subscription {
        let Verifier {
            service, identity, ..
        } = self.verifier;
        let pattern = |topic: &&str| format!("{service}.{topic}.#");
        Subscription {
            name: NAME.to_owned(),
            patterns: identity.topics.iter().map(pattern).collect(),
            fanouts: Vec::new(),
            durable: false,
        }
    }

    fn said(&self) -> MutexGuard<'_, TtlCache<Saying>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Receive for KeyVerifier {
    /// What is being asked now is answered to those who wait, and kept for nobody else.
    async fn receive(&self, _event: ReceivedEvent) -> Result<()> {
        self.said().clear();
        Ok(())
    }
}

fn read(reply: &Response) -> KeyVerification {
    match reply.status_code {
        200 => match serde_json::from_str(reply.body()) {
            Ok(key) => KeyVerification::Known(Arc::new(key)),
            Err(fault) => {
                debug!(%fault, "an access key's verdict is not understood");
                KeyVerification::Nothing
            }
        },
        401 => KeyVerification::Refused,
        status => {
            debug!(status, "access key not verified");
            KeyVerification::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(200, json!({"id": "00000000-0000-0000-0000-000000000001", "customer_id": "00000000-0000-0000-0000-000000000002"}), "known")]
    #[case(200, json!({"id": "x"}), "nothing")]
    #[case(200, json!(null), "nothing")]
    #[case(401, json!({"reason": "INVALID_API_KEY"}), "refused")]
    #[case(404, json!({"reason": "ROUTE_NOT_FOUND"}), "nothing")]
    #[case(500, json!(null), "nothing")]
    #[case(503, json!(null), "nothing")]
    fn only_a_clear_word_is_a_verdict(
        #[case] status: u16,
        #[case] body: serde_json::Value,
        #[case] expected: &str,
    ) {
        let said = match read(&Response::with(status, "application/json", &body)) {
            KeyVerification::Known(_) => "known",
            KeyVerification::Refused => "refused",
            KeyVerification::Nothing => "nothing",
        };
        assert_eq!(said, expected);
    }
}
