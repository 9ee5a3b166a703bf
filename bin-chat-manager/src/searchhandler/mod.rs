//! Search in what was said: by its meaning, where a model is configured that makes vectors and it answers in time (see
//! [`meaning`]); else by its words. Then every word of the question must stand in the message, newest first, page by page.
//! The answer says which it was.
//!
//! By words it is a bounded walk over the tenant's messages by time, with LIKE, and no full-text index: MariaDB's FULLTEXT and
//! SQLite's FTS5 cut words differently, keep stop words and short words to themselves, and cost each message a second
//! write; a tenant's messages of half a year are walked through in steps of [`WALKED_MAX`]. A page may therefore be short,
//! or empty, and still have a next one.

pub(crate) mod indexing;
mod meaning;

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{in_range, wrong},
        error::Result,
        time::Timestamp,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::searches::{self, Walk},
    models::{
        message::{Message, MessageKind, Sender},
        search::SearchSource,
    },
};

/// Messages that one request walks over.
const WALKED_MAX: u32 = 20_000;
/// Words of a question.
const WORDS_MAX: usize = 8;
/// Longest question, in bytes.
const QUERY_MAX: usize = 256;
/// Hits of one page.
const PAGE_MAX: u32 = 100;
/// The same, where nothing else is asked for.
const PAGE_USUAL: u32 = 20;

/// What is looked for.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SearchQuery {
    /// One to eight words; each must stand in the message, in any case. By meaning more may be said.
    query: String,
    /// `full_text` or `semantic`; by meaning where it is missing, if that can be done.
    mode: Option<String>,
    /// Hits of a page: 1 to 100; 20 where it is missing.
    page_size: Option<u32>,
    /// The token that the page before ended with.
    page_token: Option<String>,
    /// The tenant, for callers without one.
    customer_id: Option<Uuid>,
}

/// A message that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Hit {
    conversation_id: Uuid,
    message_id: Uuid,
    /// Its number in the conversation.
    seq: i64,
    kind: MessageKind,
    sender: Sender,
    body: String,
    tm_create: Timestamp,
    /// How near its meaning is, 1 at most; only by meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
}

/// A page of what was found: by words the newest first, by meaning the nearest.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Hits {
    /// How it was looked for. It is by words where no model is configured, or it did not answer in time.
    source: SearchSource,
    hits: Vec<Hit>,
    /// Where the next page begins; empty at the end, and by meaning. A page may be short and have a next one.
    next_page_token: String,
}

impl From<Message> for Hit {
    fn from(found: Message) -> Self {
        Self {
            conversation_id: found.conversation_id,
            message_id: found.id,
            seq: found.seq,
            kind: found.kind,
            sender: found.sender,
            body: found.body,
            tm_create: found.tm_create,
            score: None,
        }
    }
}

/// Messages of the caller's conversations that mean what is asked for, or hold all its words.
///
/// # Errors
/// 400 naming the field, or `CUSTOMER_REQUIRED`; 503.
pub(crate) async fn search(app: &App, ctx: &RequestContext, wanted: &SearchQuery) -> Result<Hits> {
    let source = source(app, wanted)?;
    let words = words(&wanted.query, source)?;
    let page = wanted.page_size.unwrap_or(PAGE_USUAL);
    in_range("page_size", page, 1, PAGE_MAX)?;
    let before = match wanted.page_token.as_deref() {
        None | Some("") => None,
        Some(token) => Some(
            token
                .parse::<Timestamp>()
                .map_err(|_| wrong("page_token", "must be one that a page ended with"))?,
        ),
    };
    let customer_id = ctx.scope.required_owner(wanted.customer_id)?;
    let db = &app.store.db;
    let sight = sight::of(db, ctx).await?;
    if source == SearchSource::Semantic {
        let among = (customer_id, sight.as_ref());
        if let Some(hits) = meaning::find(app, &wanted.query, among, page).await? {
            return Ok(Hits {
                source,
                hits,
                next_page_token: String::new(),
            });
        }
    }
    let walk = Walk {
        customer_id,
        before,
        floor: searches::floor(db, customer_id, before, WALKED_MAX).await?,
        words,
        sight,
    };
    let found = searches::page(db, &walk, page).await?;
    let is_full = found.len() >= usize::try_from(page).unwrap_or(usize::MAX);
    let next = if is_full {
        found.last().map(|last| last.tm_create)
    } else {
        walk.floor
    };
    Ok(Hits {
        source: SearchSource::FullText,
        hits: found.into_iter().map(Hit::from).collect(),
        next_page_token: next.map_or_else(String::new, |at| at.to_string()),
    })
}

/// How is looked first. The next page of a search by words is one by words.
fn source(app: &App, wanted: &SearchQuery) -> Result<SearchSource> {
    let is_next = wanted
        .page_token
        .as_deref()
        .is_some_and(|token| !token.is_empty());
    let best = if app.embedder.is_set() && !is_next {
        SearchSource::Semantic
    } else {
        SearchSource::FullText
    };
    match wanted.mode.as_deref() {
        None | Some("") => Ok(best),
        Some(word) => match SearchSource::parse(word) {
            Some(SearchSource::FullText) => Ok(SearchSource::FullText),
            Some(_) => Ok(best),
            None => Err(wrong("mode", "must be full_text or semantic")),
        },
    }
}

/// The words that are looked for. A question by meaning may have more: the first of them are looked for in its stead.
fn words(query: &str, source: SearchSource) -> Result<Vec<String>> {
    let mut words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
    if source == SearchSource::Semantic {
        words.truncate(WORDS_MAX);
    }
    let is_fit = query.len() <= QUERY_MAX && (1..=WORDS_MAX).contains(&words.len());
    if is_fit {
        Ok(words)
    } else {
        Err(wrong(
            "query",
            "must have 1 to 8 words, and 256 bytes at most",
        ))
    }
}
