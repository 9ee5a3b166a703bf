//! A walk over a tenant's messages, back in time.

use bin_common_handler::{
    databasehandler::{Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::sights::Sight;
use crate::models::message::Message;

/// Messages of one moment that stand on one page together.
const SAME_TIME_MAX: u32 = 1_000;

/// What is walked over, and what is looked for.
pub(crate) struct Walk {
    pub customer_id: Uuid,
    /// Only earlier ones; none = from now.
    pub before: Option<Timestamp>,
    /// Not earlier than this; none = to the first message.
    pub floor: Option<Timestamp>,
    /// Each must stand in the message.
    pub words: Vec<String>,
    /// What an agent sees; none = everything of the tenant.
    pub sight: Option<Sight>,
}

#[derive(bin_common_handler::FromRow)]
struct At {
    tm_create: Timestamp,
}

/// When the message was written that is so many back; none where there are not so many.
///
/// # Errors
/// 503.
pub(crate) async fn floor(
    db: &Db,
    customer_id: Uuid,
    before: Option<Timestamp>,
    count: u32,
) -> Result<Option<Timestamp>> {
    let mut values: Vec<Value> = vec![customer_id.into()];
    let earlier = match before {
        Some(before) => {
            values.push(before.into());
            " AND tm_create < ?"
        }
        None => "",
    };
    values.push(count.into());
    let sql = format!(
        "SELECT tm_create FROM chat_messages WHERE customer_id = ?{earlier} \
         ORDER BY tm_create DESC LIMIT 1 OFFSET ?"
    );
    let found: Option<At> = db.fetch_optional(&sql, values).await?;
    Ok(found.map(|found| found.tm_create))
}

/// The newest hits of a walk. All of the last moment are there, as the next page begins before it.
///
/// # Errors
/// 503.
pub(crate) async fn page(db: &Db, walk: &Walk, limit: u32) -> Result<Vec<Message>> {
    let mut found = part(db, walk, None, limit).await?;
    let is_full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    if let Some(last) = found.last().map(|last| last.tm_create).filter(|_| is_full) {
        found.retain(|hit| hit.tm_create != last);
        found.extend(part(db, walk, Some(last), SAME_TIME_MAX).await?);
    }
    Ok(found)
}

async fn part(db: &Db, walk: &Walk, at: Option<Timestamp>, limit: u32) -> Result<Vec<Message>> {
    let mut conditions = vec![
        "customer_id = ?".to_owned(),
        "status <> 'discarded'".to_owned(),
    ];
    let mut values: Vec<Value> = vec![walk.customer_id.into()];
    let bounds = [
        (at, "tm_create = ?"),
        (walk.before, "tm_create < ?"),
        (walk.floor, "tm_create >= ?"),
    ];
    for (bound, condition) in bounds {
        if let Some(bound) = bound {
            conditions.push(condition.to_owned());
            values.push(bound.into());
        }
    }
    for word in &walk.words {
        conditions.push("body LIKE ? ESCAPE '!'".to_owned());
        values.push(pattern(word).into());
    }
    if let Some(sight) = &walk.sight {
        let (condition, own) = sight.condition();
        conditions.push(format!(
            "conversation_id IN (SELECT id FROM chat_conversations WHERE customer_id = ? AND {condition})"
        ));
        values.push(walk.customer_id.into());
        values.extend(own);
    }
    values.push(limit.into());
    let tail = format!(
        "WHERE {} ORDER BY tm_create DESC, id DESC LIMIT ?",
        conditions.join(" AND ")
    );
    Ok(db.select(&tail, values).await?)
}

/// A word wherever it stands; what LIKE takes for more than a letter is a letter.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_letters_and_nothing_more() {
        assert_eq!(pattern("100%_!"), "%100!%!_!!%");
    }
}
