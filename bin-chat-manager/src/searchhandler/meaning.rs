//! Search by meaning: the vector of the question beside the newest vectors of the tenant that the caller may see.
//!
//! There is no index over vectors: neither database has one that both know, and the newest 20,000 are compared in some
//! hundredths of a second. They are read in pages, so that a search holds little at a time.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::models::error::Result;
use tracing::debug;
use uuid::Uuid;

use super::Hit;
use crate::{
    app::App,
    dbhandler::{embeddings, sights::Sight, subjects},
    embeddinghandler::Vector,
    models::message::{Message, MessageStatus},
};

/// How long people wait for the vector of their question.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Vectors that one search compares, the newest.
const COMPARED_MAX: usize = 20_000;
/// Vectors that are read at a time.
const READ_MAX: u32 = 500;

/// The nearest messages, the nearest first; none where nobody says in time what the question means.
///
/// # Errors
/// 503.
pub(super) async fn find(
    app: &App,
    question: &str,
    (customer_id, sight): (Uuid, Option<&Sight>),
    limit: u32,
) -> Result<Option<Vec<Hit>>> {
    let wanted = match app.embedder.embed(&[question], WAIT_MAX).await {
        Ok(vectors) => vectors.into_iter().next(),
        Err(fault) => {
            debug!(?fault, "the question has no vector");
            None
        }
    };
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let nearest = nearest(app, &wanted, (customer_id, sight), limit).await?;
    let ids: Vec<Uuid> = nearest.iter().map(|(_, id)| *id).collect();
    let found: Vec<Message> = subjects::by_ids(&app.store.db, customer_id, &ids).await?;
    // What was taken back since has no words.
    let is_there = |it: &Message| !it.body.is_empty() && it.status != MessageStatus::Discarded;
    let found = found.into_iter().filter(is_there);
    let mut found: HashMap<Uuid, Message> = found.map(|it| (it.id, it)).collect();
    let hits = nearest.into_iter().filter_map(|(score, id)| {
        let mut hit = Hit::from(found.remove(&id)?);
        hit.score = Some(score);
        Some(hit)
    });
    Ok(Some(hits.collect()))
}

/// The nearest of all that are compared, with how near they are.
async fn nearest(
    app: &App,
    wanted: &Vector,
    (customer_id, sight): (Uuid, Option<&Sight>),
    limit: u32,
) -> Result<Vec<(f32, Uuid)>> {
    let (model, limit) = (
        app.embedder.name(),
        usize::try_from(limit).unwrap_or(usize::MAX),
    );
    let mut best: Vec<(f32, Uuid)> = Vec::new();
    let (mut before, mut compared) = (Uuid::max(), 0);
    while compared < COMPARED_MAX {
        let among = (model.as_str(), sight);
        let page = embeddings::page(&app.store.db, customer_id, among, before, READ_MAX).await?;
        let Some(last) = page.last() else {
            break;
        };
        before = last.message_id;
        compared += page.len();
        let near = |row: &embeddings::Stored| {
            let score = wanted.cosine(&row.vector)?;
            Some((score, row.message_id))
        };
        best.extend(page.iter().filter_map(near));
        best.sort_unstable_by(|one, other| {
            let by_score = other.0.total_cmp(&one.0);
            by_score.then_with(|| other.1.cmp(&one.1))
        });
        best.truncate(limit);
    }
    Ok(best)
}
