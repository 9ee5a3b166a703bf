//! What a caller hears who is not put through: the business's template `voice_missed`, of which chat-manager knows. The
//! caller is on the line, so that the words are remembered, and waited for only briefly.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    context::RequestContext, models::identity::Scope, requesthandler::RpcClient,
    webhooks::lines::Line,
};
use moka::sync::Cache;
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

/// Who knows the templates.
const OWNER: &str = "chat-manager";
/// The newest that lives.
const TEMPLATE: &str = "/v1/templates?name=voice_missed&deleted=false&page_size=1";
/// How long the words are believed.
const FRESH: Duration = Duration::from_secs(60);
/// Businesses that are remembered.
const KNOWN_MAX: u64 = 10_000;
/// How long a caller waits for words.
const PATIENCE: Duration = Duration::from_millis(300);
/// The words of a business that has none of its own.
const SHIPPED: &str =
    "Sorry, nobody can take your call right now. We are sending you a text message.";

#[derive(Deserialize)]
struct Template {
    body: String,
}

/// The last words of businesses. Clones share them.
#[derive(Clone)]
pub(crate) struct Goodbyes {
    rpc: RpcClient,
    known: Cache<Uuid, Arc<str>>,
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

    /// What the business says. Where nobody knows it at once, the words that ship.
    pub(crate) async fn words(&self, ctx: &RequestContext, line: &Line) -> Arc<str> {
        if let Some(known) = self.known.get(&line.customer_id) {
            return known;
        }
        let mut ctx = ctx.clone();
        ctx.scope = Scope::tenant(line.customer_id);
        // A read: it must not be answered from what an effect was answered before.
        (ctx.operation, ctx.origin) = (None, None);
        let asked = self.rpc.get::<Vec<Template>>(OWNER, TEMPLATE, &ctx);
        let Ok(Ok(found)) = timeout(PATIENCE, asked).await else {
            return SHIPPED.into();
        };
        let body = found.first().map_or(SHIPPED, |own| own.body.as_str());
        let words: Arc<str> = filled(body, &line.business_name).into();
        self.known.insert(line.customer_id, Arc::clone(&words));
        words
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
