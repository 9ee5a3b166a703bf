//! What a caller hears who is not put through: the business's template `voice_missed` where a text follows, else
//! `voice_missed_no_text`, of which chat-manager knows. It knows, too, whether one follows: nothing is promised that is not
//! done. The caller is on the line, so that the words are remembered, and waited for only briefly.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    context::RequestContext, models::identity::Scope, requesthandler::RpcClient,
    webhooks::lines::Line,
};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use uuid::Uuid;

/// Who knows the templates, and who gets a text.
const OWNER: &str = "chat-manager";
/// Where it tells whether a text follows; not served by the bridge.
const PROMISE: &str = "/v1/greetings/promise";
/// How long the words are believed.
const FRESH: Duration = Duration::from_secs(60);
/// Businesses whose words are remembered, on each occasion.
const KNOWN_MAX: u64 = 20_000;
/// How long a caller waits for words.
const PATIENCE: Duration = Duration::from_millis(300);

/// When something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Occasion {
    /// A text follows.
    Text,
    /// None does, as far as anybody knows.
    NoText,
}

impl Occasion {
    /// The newest template that lives.
    const fn template(self) -> &'static str {
        match self {
            Self::Text => "/v1/templates?name=voice_missed&deleted=false&page_size=1",
            Self::NoText => "/v1/templates?name=voice_missed_no_text&deleted=false&page_size=1",
        }
    }

    /// The words of a business that has none of its own.
    const fn shipped(self) -> &'static str {
        match self {
            Self::Text => {
                "Sorry, nobody can take your call right now. We are sending you a text message."
            }
            Self::NoText => "Sorry, nobody can take your call right now. Please call again later.",
        }
    }
}

#[derive(Deserialize)]
struct Template {
    body: String,
}

#[derive(Serialize)]
struct Caller<'c> {
    from: &'c str,
    to: &'c str,
}

#[derive(Deserialize)]
struct Promise {
    greeting: bool,
}

/// The last words of businesses. Clones share them.
#[derive(Clone)]
pub(crate) struct Goodbyes {
    rpc: RpcClient,
    known: Cache<(Uuid, Occasion), Arc<str>>,
}

impl Goodbyes {
    /// Asks by `rpc`.
    pub(crate) fn new(rpc: RpcClient) -> Self {
        let known = Cache::builder()
            .max_capacity(KNOWN_MAX)
            .time_to_live(FRESH)
            .build();
        Self { rpc, known }
    }

    /// What the business says to whoever calls from `from`. Where nobody knows it at once, the words that ship and promise
    /// nothing.
    pub(crate) async fn words(&self, ctx: &RequestContext, line: &Line, from: &str) -> Arc<str> {
        let mut ctx = ctx.clone();
        ctx.scope = Scope::tenant(line.customer_id);
        // A read: it must not be answered from what an effect was answered before.
        (ctx.operation, ctx.origin) = (None, None);
        let asked = self.ask(&ctx, line, from);
        match timeout(PATIENCE, asked).await {
            Ok(words) => words,
            Err(_) => Occasion::NoText.shipped().into(),
        }
    }

    async fn ask(&self, ctx: &RequestContext, line: &Line, from: &str) -> Arc<str> {
        let occasion = self.occasion(ctx, line, from).await;
        let key = (line.customer_id, occasion);
        if let Some(known) = self.known.get(&key) {
            return known;
        }
        let asked = self
            .rpc
            .get::<Vec<Template>>(OWNER, occasion.template(), ctx);
        let Ok(found) = asked.await else {
            return occasion.shipped().into();
        };
        let body = found
            .first()
            .map_or(occasion.shipped(), |own| own.body.as_str());
        let words: Arc<str> = filled(body, &line.business_name).into();
        self.known.insert(key, Arc::clone(&words));
        words
    }

    async fn occasion(&self, ctx: &RequestContext, line: &Line, from: &str) -> Occasion {
        // Such a business sends nothing, so that nobody has to be asked.
        if line.suspended {
            return Occasion::NoText;
        }
        let caller = Caller {
            from,
            to: &line.number,
        };
        match self.rpc.post::<Promise>(OWNER, PROMISE, &caller, ctx).await {
            Ok(promise) if promise.greeting => Occasion::Text,
            _ => Occasion::NoText,
        }
    }
}

/// Nobody has said who calls, and nothing is booked: only the business has a name.
fn filled(body: &str, business_name: &str) -> String {
    let name = if business_name.is_empty() {
        "us"
    } else {
        business_name
    };
    let unnamed = body.replace("{customer_name}", "").replace("{slot}", "");
    unnamed.replace("{business_name}", name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("This is {business_name}.", "Acme & Sons", "This is Acme & Sons.")]
    #[case("Call {business_name} later, {customer_name}.", "", "Call us later, .")]
    #[case("{business_name}", "{slot}", "{slot}")]
    fn words_are_filled_in_once(#[case] body: &str, #[case] name: &str, #[case] expected: &str) {
        assert_eq!(filled(body, name), expected);
    }
}
