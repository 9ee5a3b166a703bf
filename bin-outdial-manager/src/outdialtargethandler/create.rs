//! New targets, one or a thousand at a time.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        bad_json,
        error::{Error, Result},
        text::brief,
        time::Timestamp,
    },
    table::Columns,
};
use serde_json::json;
use uuid::Uuid;

use super::OutdialTargetHandler;
use crate::{
    dbhandler::target::{KeyedTarget, known_keys},
    models::{
        outdial::Outdial,
        outdialtarget::{self, BULK_MAX, BulkReport, OutdialTarget, TargetCreate},
        targetrow,
    },
    outdialhandler::not_found,
};

/// Rows of a bulk request that are named as wrong; more would hide the first.
const ERRORS_MAX: usize = 1_000;

impl OutdialTargetHandler {
    pub(crate) async fn create(
        &self,
        ctx: &RequestContext,
        outdial_id: Uuid,
        body: TargetCreate,
    ) -> Result<OutdialTarget> {
        let outdial = self.live_outdial(ctx, outdial_id).await?;
        let key = body.key.clone();
        let target = OutdialTarget::new(
            ids::next(),
            outdial.id,
            self.store.clock.now(),
            body,
            self.validates,
        )?;
        let row = KeyedTarget { target, key };
        let mut tx = self.store.begin(ctx).await?;

        self.quota.take(&mut tx, outdial.customer_id, 1).await?;
        tx.insert(&row).await?;
        self.emit(
            &mut tx,
            outdialtarget::CREATED,
            std::slice::from_ref(&row.target),
            &outdial,
        )
        .await?;
        tx.commit(row.target.clone()).await
    }

    /// All or nothing; a row whose key is there already counts as skipped.
    pub(crate) async fn create_bulk(
        &self,
        ctx: &RequestContext,
        outdial_id: Uuid,
        rows: Vec<serde_json::Value>,
    ) -> Result<BulkReport> {
        if rows.len() > BULK_MAX {
            return Err(Error::invalid_argument(
                "TOO_MANY_ROWS",
                format!("At most {BULK_MAX} rows at a time."),
            ));
        }
        let outdial = self.live_outdial(ctx, outdial_id).await?;
        let objects: Vec<_> = rows
            .iter()
            .filter_map(|row| row.as_object().cloned())
            .collect();
        let columns = Columns::of_objects(&targetrow::COLUMNS, &objects)?;
        let rows = self.check_rows(&outdial, &columns, rows)?;
        let total = rows.len();
        let mut tx = self.store.begin(ctx).await?;

        let rows = self.unknown_rows(&mut tx, &outdial, &rows).await?;
        self.quota
            .take(&mut tx, outdial.customer_id, rows.len())
            .await?;
        tx.insert_all(&rows).await?;
        let targets: Vec<_> = rows.iter().map(|row| row.target.clone()).collect();
        self.emit(&mut tx, outdialtarget::CREATED, &targets, &outdial)
            .await?;
        tx.commit(BulkReport {
            created: rows.len(),
            skipped: total - rows.len(),
            ignored: columns.ignored(),
        })
        .await
    }

    /// Every bad row is named by its index; each good one gets its own microsecond, so that pages can end
    /// between any two.
    fn check_rows(
        &self,
        outdial: &Outdial,
        columns: &Columns,
        rows: Vec<serde_json::Value>,
    ) -> Result<Vec<KeyedTarget>> {
        let now = self.store.clock.now();
        let mut good = Vec::with_capacity(rows.len());
        let mut bad = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            let at = Timestamp::from_micros(
                now.micros()
                    .saturating_add(i64::try_from(index).unwrap_or(0)),
            );
            match self.check_row(outdial, columns, at, row) {
                Ok(row) => good.push(row),
                Err(message) => bad.push(json!({ "index": index, "message": message })),
            }
        }
        if bad.is_empty() {
            return Ok(good);
        }
        let message = format!("{} rows are wrong; none was created.", bad.len());
        let error = Error::invalid_argument("INVALID_ROWS", message);
        Err(bad
            .into_iter()
            .take(ERRORS_MAX)
            .fold(error, Error::with_detail))
    }

    fn check_row(
        &self,
        outdial: &Outdial,
        columns: &Columns,
        at: Timestamp,
        row: serde_json::Value,
    ) -> Result<KeyedTarget, String> {
        // As for bodies: fields have names.
        let Some(fields) = row.as_object() else {
            return Err("it must be a JSON object".to_owned());
        };
        let row = targetrow::read(columns, fields)?.into();
        let body: TargetCreate = bad_json::from_value(row).map_err(|bad| brief(bad.to_string()))?;
        let key = body.key.clone();
        OutdialTarget::new(ids::next(), outdial.id, at, body, self.validates)
            .map(|target| KeyedTarget { target, key })
            .map_err(|error| error.message().to_owned())
    }

    /// Without the rows whose key is known, or stands in an earlier row of the same request.
    async fn unknown_rows(
        &self,
        tx: &mut ChangeTx<'_>,
        outdial: &Outdial,
        rows: &[KeyedTarget],
    ) -> Result<Vec<KeyedTarget>> {
        let keys: Vec<_> = rows.iter().filter_map(|row| row.key.clone()).collect();
        if keys.is_empty() {
            return Ok(rows.to_vec());
        }
        // Two imports with the same keys at once take turns.
        tx.lock::<Outdial>(outdial.id).await?;
        let mut known = known_keys(tx, outdial.id, keys).await?;
        let mut is_new =
            |row: &&KeyedTarget| row.key.as_ref().is_none_or(|key| known.insert(key.clone()));
        Ok(rows.iter().filter(|row| is_new(row)).cloned().collect())
    }

    /// A target for a deleted outdial would never be called: it is refused as for an unknown one.
    async fn live_outdial(&self, ctx: &RequestContext, outdial_id: Uuid) -> Result<Outdial> {
        let outdial = self.outdials.get(ctx, outdial_id).await?;
        if outdial.tm_delete.is_some() {
            Err(not_found())
        } else {
            Ok(outdial)
        }
    }
}
