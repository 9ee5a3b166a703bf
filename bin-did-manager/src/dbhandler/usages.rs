//! SQL of usages: finding the one that a result is about, and writing the result into it.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Tx, list},
    models::{error::Result, time::Timestamp},
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use super::rollups::Watermark;
use crate::phone::E164;

/// Usages of one person, or under one id of a call, that are looked at.
const CANDIDATES_MAX: u32 = 20;
const CANDIDATE: &str = "SELECT id, call_ref, call_id, phone_hash, number, vicidial_campaign_id, lead_id, tm_result, \
     tm_create FROM did_usages";

/// A usage that a result may be about.
#[derive(Debug, Clone, PartialEq, Eq, bin_common_handler::FromRow)]
pub(crate) struct Candidate {
    pub id: Uuid,
    pub call_ref: Option<i64>,
    pub call_id: String,
    pub phone_hash: Option<Vec<u8>>,
    pub number: String,
    pub vicidial_campaign_id: String,
    pub lead_id: String,
    pub tm_result: Option<Timestamp>,
    pub tm_create: Timestamp,
}

/// Usages with one of these references of a call, newest first.
pub(crate) async fn of_calls(
    db: &Db,
    customer_id: Uuid,
    refs: &[i64],
) -> Result<Vec<Candidate>, SqlError> {
    let (marks, mut values) = list(refs.iter().copied());
    let sql = format!(
        "{CANDIDATE} WHERE call_ref IN ({marks}) AND customer_id = ? ORDER BY tm_create DESC LIMIT ?"
    );
    values.extend([customer_id.into(), CANDIDATES_MAX.into()]);
    db.fetch_all(&sql, values).await
}

/// Usages with this reference of a whole call, newest first.
pub(crate) async fn of_call_id(
    db: &Db,
    customer_id: Uuid,
    reference: i64,
) -> Result<Vec<Candidate>, SqlError> {
    let sql = format!(
        "{CANDIDATE} WHERE call_id_ref = ? AND customer_id = ? ORDER BY tm_create DESC LIMIT ?"
    );
    let values = vec![reference.into(), customer_id.into(), CANDIDATES_MAX.into()];
    db.fetch_all(&sql, values).await
}

/// Usages for one person within a span of time, newest first.
pub(crate) async fn of_person(
    db: &Db,
    customer_id: Uuid,
    phone_hash: [u8; 16],
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Candidate>, SqlError> {
    let sql = format!(
        "{CANDIDATE} WHERE phone_hash = ? AND tm_create BETWEEN ? AND ? AND customer_id = ? \
         ORDER BY tm_create DESC LIMIT ?"
    );
    let values = vec![
        phone_hash.to_vec().into(),
        from.into(),
        to.into(),
        customer_id.into(),
        CANDIDATES_MAX.into(),
    ];
    db.fetch_all(&sql, values).await
}

/// Usages of one of the tenant's numbers within a span of time, newest first.
pub(crate) async fn of_number(
    db: &Db,
    customer_id: Uuid,
    number: &E164,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Candidate>, SqlError> {
    let sql = format!(
        "{CANDIDATE} WHERE did_id IN (SELECT id FROM did_dids WHERE customer_id = ? AND number = ?) \
         AND tm_create BETWEEN ? AND ? AND customer_id = ? ORDER BY tm_create DESC LIMIT ?"
    );
    let values = vec![
        customer_id.into(),
        number.as_str().into(),
        from.into(),
        to.into(),
        customer_id.into(),
        CANDIDATES_MAX.into(),
    ];
    db.fetch_all(&sql, values).await
}

#[derive(bin_common_handler::FromRow)]
struct Known {
    #[expect(dead_code, reason = "it is there, or it is not")]
    id: Uuid,
}

/// Whether a number is, or was, the tenant's.
pub(crate) async fn is_number_of(
    db: &Db,
    customer_id: Uuid,
    number: &E164,
) -> Result<bool, SqlError> {
    let sql = "SELECT id FROM did_dids WHERE customer_id = ? AND number = ? LIMIT 1";
    let values = vec![customer_id.into(), number.as_str().into()];
    let found: Option<Known> = db.fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// What a usage is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Default, bin_common_handler::FromRow)]
pub(crate) struct Origin {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub did_id: Uuid,
    pub didpool_id: Uuid,
    pub campaign_id: Uuid,
    pub phone_npa: Option<i32>,
    pub tm_create: Timestamp,
}

const ORIGIN: &str = "id, customer_id, did_id, didpool_id, campaign_id, phone_npa, tm_create";

/// What a usage knows of its call.
#[derive(Debug, Clone, PartialEq, Eq, Default, bin_common_handler::FromRow)]
pub(crate) struct Settled {
    #[row(flatten)]
    pub origin: Origin,
    pub uniqueid: String,
    pub call_id: String,
    pub lead_id: String,
    pub outcome: String,
    /// How sure that is; see [`crate::models::verdict::Certainty`].
    pub outcome_rank: i32,
    /// The network refused the call because of its caller.
    pub blocked: bool,
    pub disposition: String,
    pub duration_seconds: i32,
    pub tm_result: Option<Timestamp>,
    pub call_ref: Option<i64>,
    pub call_id_ref: Option<i64>,
    pub tm_update: Timestamp,
}

/// Reads a usage and holds it.
pub(crate) async fn lock(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<Settled>> {
    let sql = format!(
        "SELECT {ORIGIN}, uniqueid, call_id, lead_id, outcome, outcome_rank, blocked, disposition, \
         duration_seconds, tm_result, call_ref, call_id_ref, tm_update \
         FROM did_usages WHERE id = ?{}",
        tx.sql().dialect().for_update()
    );
    Ok(tx.sql().fetch_optional(&sql, vec![id.into()]).await?)
}

/// Writes what a usage knows of its call.
pub(crate) async fn settle(tx: &mut ChangeTx<'_>, usage: &Settled) -> Result<()> {
    let sql = "UPDATE did_usages \
               SET uniqueid = ?, call_id = ?, lead_id = ?, outcome = ?, outcome_rank = ?, blocked = ?, \
                   disposition = ?, duration_seconds = ?, tm_result = ?, call_ref = ?, call_id_ref = ?, \
                   tm_update = ? \
               WHERE id = ?";
    let values = vec![
        usage.uniqueid.as_str().into(),
        usage.call_id.as_str().into(),
        usage.lead_id.as_str().into(),
        usage.outcome.as_str().into(),
        usage.outcome_rank.into(),
        usage.blocked.into(),
        usage.disposition.as_str().into(),
        usage.duration_seconds.into(),
        usage.tm_result.into(),
        usage.call_ref.into(),
        usage.call_id_ref.into(),
        usage.tm_update.into(),
        usage.origin.id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The usages that follow a watermark and were made before `end`, oldest first.
pub(crate) async fn after(
    tx: &mut Tx,
    mark: Watermark,
    end: Timestamp,
    limit: u32,
) -> Result<Vec<Origin>, SqlError> {
    let sql = format!(
        "SELECT {ORIGIN} FROM did_usages \
         WHERE tm_create >= ? AND (tm_create > ? OR id > ?) AND tm_create < ? \
         ORDER BY tm_create, id LIMIT ?"
    );
    let mark = [mark.tm_create.into(), mark.tm_create.into(), mark.id.into()];
    let values = mark.into_iter().chain([end.into(), limit.into()]);
    tx.fetch_all(&sql, values.collect()).await
}

/// A tenant's usages that follow a watermark, of a span of time, oldest first.
pub(crate) async fn tail(
    db: &Db,
    customer_id: Uuid,
    mark: Watermark,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Origin>, SqlError> {
    let sql = format!(
        "SELECT {ORIGIN} FROM did_usages \
         WHERE customer_id = ? AND tm_create >= ? AND (tm_create > ? OR id > ?) AND tm_create < ? \
         ORDER BY tm_create, id LIMIT ?"
    );
    let values = vec![
        customer_id.into(),
        mark.tm_create.max(from).into(),
        mark.tm_create.into(),
        mark.id.into(),
        to.into(),
        limit.into(),
    ];
    db.fetch_all(&sql, values).await
}
