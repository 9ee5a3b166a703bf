//! How fast texts leave by one messaging service, over all replicas: the generic cell rate algorithm, whose whole state
//! is the time at which the bucket is empty again.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
};

use super::insert_new;

#[derive(bin_common_handler::FromRow)]
struct Level {
    next_free: i64,
}

/// Takes one place in the bucket `name`; else when to come again.
///
/// # Errors
/// 503.
pub(crate) async fn take(
    tx: &mut ChangeTx<'_>,
    name: &str,
    per_second: u64,
    burst: u64,
) -> Result<Option<Timestamp>> {
    let dialect = tx.sql().dialect();
    let make = format!(
        "{} INTO chat_buckets (name, next_free) VALUES (?, 0)",
        insert_new(dialect)
    );
    let read = format!(
        "SELECT next_free FROM chat_buckets WHERE name = ?{}",
        dialect.for_update()
    );
    let mut level: Option<Level> = tx.sql().fetch_optional(&read, vec![name.into()]).await?;
    if level.is_none() {
        tx.sql().execute(&make, vec![name.into()]).await?;
        level = tx.sql().fetch_optional(&read, vec![name.into()]).await?;
    }
    let next_free = level.map_or(0, |level| level.next_free);
    let now = tx.now();
    match place(now.micros(), next_free, per_second, burst) {
        Ok(next) => {
            let write = "UPDATE chat_buckets SET next_free = ? WHERE name = ?";
            tx.sql()
                .execute(write, vec![next.into(), name.into()])
                .await?;
            Ok(None)
        }
        Err(wait) => Ok(Some(now.plus(wait))),
    }
}

/// When the bucket is empty again with one place more, or how long to wait for one. Microseconds.
fn place(
    now: i64,
    next_free: i64,
    per_second: u64,
    burst: u64,
) -> std::result::Result<i64, Duration> {
    let period = 1_000_000 / i64::try_from(per_second.max(1)).unwrap_or(i64::MAX);
    let depth = period.saturating_mul(i64::try_from(burst.max(1)).unwrap_or(i64::MAX));
    let next = next_free.max(now).saturating_add(period);
    let over = next.saturating_sub(now).saturating_sub(depth);
    if over <= 0 {
        return Ok(next);
    }
    Err(Duration::from_micros(
        u64::try_from(over).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_second_has_more_than_the_burst_and_the_rate(
            pauses in prop::collection::vec(0_i64..300_000, 1..300), per_second in 1_u64..20, burst in 1_u64..10
        ) {
            let (mut now, mut next_free, mut taken) = (0, 0, Vec::new());
            for pause in pauses {
                now += pause;
                if let Ok(next) = place(now, next_free, per_second, burst) {
                    next_free = next;
                    taken.push(now);
                }
            }
            for start in &taken {
                let within = taken.iter().filter(|at| (*start..start + 1_000_000).contains(*at)).count();
                prop_assert!(within as u64 <= per_second + burst);
            }
        }

        #[test]
        fn who_waits_as_told_is_served(now in 0_i64..1_000_000, next_free in 0_i64..9_000_000, per_second in 1_u64..20, burst in 1_u64..10) {
            if let Err(wait) = place(now, next_free, per_second, burst) {
                let then = now + i64::try_from(wait.as_micros()).unwrap();
                prop_assert!(place(then, next_free, per_second, burst).is_ok());
            }
        }
    }
}
