//! Sold calls: no money is made or lost, no call has two winners, and nothing stays open once timers have fired.

use std::collections::{BTreeMap, BTreeSet};

use bin_call_manager::ledger_faults;
use bin_common_handler::{
    databasehandler::Db,
    testing::lab::{Heard, Site, until},
};
use uuid::Uuid;

use crate::{
    load::{Book, Left},
    market::Market,
    tally::Tally,
    world::World,
};

/// Calls that have not ended.
const OPEN: &str = "exchange_calls WHERE status IN ('pending', 'queued', 'ringing', 'in_progress')";
/// What must be gone when every timer has fired.
const LEFT_OVER: [(&str, &str); 6] = [
    ("calls are open", OPEN),
    (
        "auctions are open",
        "exchange_auctions WHERE status IN ('pending', 'active')",
    ),
    (
        "bids are in force",
        "exchange_bids WHERE status IN ('pending', 'active')",
    ),
    (
        "accounts have money held",
        "exchange_accounts WHERE held <> 0",
    ),
    (
        "accounts count calls that are over",
        "exchange_accounts WHERE JSON_VALUE(used, '$.open') <> 0 OR JSON_VALUE(used, '$.open_wins') <> 0",
    ),
    ("timers are set", "exchange_timers"),
];

/// A call, its winners and its captures, as the rows tell.
#[derive(Debug, bin_common_handler::FromRow)]
struct Row {
    id: Uuid,
    status: String,
    winners: i64,
    captures: i64,
    /// The entry of the buyer's capture.
    capture_id: Option<Uuid>,
}

/// What time would bring: auctions that a wrong clock gave an hour end, and every timer is due.
const PASS: [&str; 2] = [
    "UPDATE exchange_auctions SET tm_end = LEAST(tm_end, UTC_TIMESTAMP(6)) WHERE status = 'active'",
    "UPDATE exchange_timers SET next_at = 0",
];

/// Makes every timer due until no call is left for one: a round has no hours to wait.
pub async fn let_time_pass(world: &World, market: &Market) {
    let site = &world.call().site;
    let mut db = site.db().await;
    until("timers end what nobody reported", async || {
        for sql in PASS {
            sqlx::query(sql).execute(&mut db).await.ok()?;
        }
        let open = format!(
            "{OPEN} AND customer_id = X'{}'",
            market.customer_id.simple()
        );
        (site.count(&open).await == 0).then_some(())
    })
    .await;
}

/// Counts what does not agree.
pub async fn agree(site: &Site, market: &Market, book: &Book, heard: &[Heard], tally: &mut Tally) {
    tally.promise(!book.sales.is_empty(), || "no call was sold".to_owned());
    let db = Db::new(&site.dsn().parse().unwrap(), 1).unwrap();
    for fault in ledger_faults(&db).await.unwrap() {
        tally.promise(false, || format!("the ledger does not add up: {fault:?}"));
    }
    for (what, from) in LEFT_OVER {
        let count = site.count(from).await;
        tally.promise(count == 0, || format!("{count} {what}"));
    }
    let rows = rows(site, market).await;
    calls_are_those_told(&rows, book, tally);
    told_once(&rows, book, heard, tally);
    money_is_as_told(site, market, book, tally).await;
}

async fn rows(site: &Site, market: &Market) -> BTreeMap<Uuid, Row> {
    let captures = "FROM exchange_ledger_entries e JOIN exchange_bids b ON b.id = e.reference_id \
        WHERE b.call_id = c.id AND e.reference_type = 'bid' AND e.kind = 'capture' AND e.account_id = b.buyer_id";
    let sql = format!(
        "SELECT id, status, \
         (SELECT COUNT(*) FROM exchange_bids b WHERE b.call_id = c.id AND b.status = 'won') AS winners, \
         (SELECT COUNT(*) {captures}) AS captures, (SELECT MIN(e.id) {captures}) AS capture_id \
         FROM exchange_calls c WHERE customer_id = ?"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(market.customer_id)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap();
    rows.into_iter().map(|row| (row.id, row)).collect()
}

fn calls_are_those_told(rows: &BTreeMap<Uuid, Row>, book: &Book, tally: &mut Tally) {
    let told: BTreeMap<Uuid, Left> = book.sales.iter().map(|sale| (sale.id, sale.left)).collect();
    for (id, left) in &told {
        let row = rows.get(id);
        let is_there = match left {
            Left::Completed => row.is_some_and(|row| row.status == "completed"),
            Left::Canceled => row.is_some_and(|row| row.status == "canceled"),
            Left::Open => row.is_some(),
        };
        tally.lost(u64::from(!is_there), || {
            format!("{id}, which was {left:?}: {row:?}")
        });
    }
    for (id, row) in rows {
        // Nobody was told of it, so a create that was acknowledged was done twice.
        tally.twice(u64::from(!told.contains_key(id)), || format!("{row:?}"));
        tally.promise(row.winners <= 1, || format!("two winners: {row:?}"));
        let due = i64::from(row.status == "completed");
        let both = || format!("{due} captures are due: {row:?}");
        tally.lost(u64::try_from(due - row.captures).unwrap_or(0), both);
        tally.twice(u64::try_from(row.captures - due).unwrap_or(0), both);
    }
}

/// Each call that a trader saw to its end was announced once when it was made, sold, ended and paid.
fn told_once(rows: &BTreeMap<Uuid, Row>, book: &Book, heard: &[Heard], tally: &mut Tally) {
    let mut ids: BTreeMap<(Uuid, &str), BTreeSet<&str>> = BTreeMap::new();
    for event in heard {
        let key = (event.id, event.kind.as_str());
        ids.entry(key).or_default().insert(&event.message_id);
    }
    let seen = book.sales.iter().filter(|sale| sale.left != Left::Open);
    for sale in seen {
        let capture = rows.get(&sale.id).and_then(|row| row.capture_id);
        let expected = ["call_created", "call_routed", "call_completed"]
            .map(|kind| (Some(sale.id), kind))
            .into_iter()
            .chain([(capture, "ledger_posted")]);
        for (id, kind) in expected.filter_map(|(id, kind)| Some((id?, kind))) {
            let told = ids.get(&(id, kind)).map_or(0, |ids| ids.len()) as u64;
            let what = || format!("{told} {kind} of {sale:?}");
            tally.missing(1_u64.saturating_sub(told), what);
            tally.twice(told.saturating_sub(1), what);
        }
    }
}

async fn money_is_as_told(site: &Site, market: &Market, book: &Book, tally: &mut Tally) {
    for (account, first) in market.buyers.into_iter().zip(market.paid) {
        let told = book.paid.iter().filter(|(paid, _)| *paid == account);
        let told: i64 = first + told.map(|(_, amount)| amount).sum::<i64>();
        let sql = "SELECT CAST(COALESCE(SUM(amount), 0) AS SIGNED) FROM exchange_ledger_entries \
                   WHERE account_id = ? AND kind = 'deposit'";
        let paid = sum(site, sql, account).await;
        tally.lost(u64::from(paid < told), || {
            format!("{told} was paid in, and {paid} is there")
        });
        tally.twice(u64::from(paid > told), || {
            format!("{told} was paid in, and {paid} is there")
        });
    }
    let told: i64 = book.refunds.iter().map(|(_, amount)| amount).sum();
    let sql = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS SIGNED) FROM exchange_ledger_entries e \
               WHERE e.customer_id = ? AND e.kind = 'refund' AND e.account_id <> e.customer_id";
    let refunded = sum(site, sql, market.customer_id).await;
    tally.lost(u64::from(refunded < told), || {
        format!("{told} went back, and {refunded} is there")
    });
    tally.twice(u64::from(refunded > told), || {
        format!("{told} went back, and {refunded} is there")
    });
}

async fn sum(site: &Site, sql: &'static str, whose: Uuid) -> i64 {
    sqlx::query_scalar(sql)
        .bind(whose)
        .fetch_one(&mut site.db().await)
        .await
        .unwrap()
}
