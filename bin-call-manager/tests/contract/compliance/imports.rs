//! Imports of whole lists: what is staged, and what becomes of it.

use futures_util::future::join_all;
use uuid::Uuid;

use super::*;

#[derive(bin_common_handler::FromRow)]
struct Parts {
    parts: i64,
}

/// Parts of all imports.
async fn parts(world: &World) -> i64 {
    let sql = "SELECT COUNT(*) AS parts FROM exchange_dnc_blocks";
    let db = world.installation.db();
    let found: Option<Parts> = db.fetch_optional(sql, vec![]).await.unwrap();
    found.unwrap().parts
}

fn uri_of(import: Uuid) -> String {
    format!("/v1/dnc_entries/bulk?list=federal&import={import}")
}

/// A part with one number.
async fn stage(world: &World, import: Uuid, number: u32) -> (u16, Json) {
    let rows = json!([{"phone": format!("+1404234{number:04}")}]);
    world.client.call(Post, &uri_of(import), Some(rows)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_nobody_finishes_goes_after_a_week(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let import = ids::next();
    for number in 0..2 {
        assert_eq!(stage(&world, import, number).await.0, 200);
    }
    let empty = world
        .client
        .ok(Post, &uri_of(import), Some(json!([{"phone": ""}])))
        .await;
    assert_eq!(
        (&empty["created"], &empty["skipped"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(parts(&world).await, 3);
    go_to(&world, "2026-12-09T18:30:00Z");
    until("what was staged is gone", async || {
        (parts(&world).await == 1).then_some(())
    })
    .await;
    // What is in force stays.
    assert_eq!(rule(&world, "+12125550199").await, "ON_DNC_LIST");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_of_a_list_has_a_limit(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = world(kind).await;
    let import = ids::next();
    assert_eq!(stage(&world, import, 0).await.0, 200);
    // As if it were two whole lists but for one number.
    let sql = "UPDATE exchange_dnc_blocks SET numbers = 199999999 WHERE import_id = ?";
    let db = world.installation.db();
    let changed = db.execute(sql, vec![import.into()]).await.unwrap();
    assert_eq!(changed, 1);
    drop(db);
    assert_eq!(stage(&world, ids::next(), 1).await.0, 200);
    for other in [import, ids::next()] {
        let refused = stage(&world, other, 2).await;
        assert_eq!(reason(&refused), (409, "DNC_LIST_FULL"));
    }
    assert_eq!(parts(&world).await, 2);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_part_beside_the_end_of_its_import_is_in_force_or_refused(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    go_to(&world, NOON);
    for _ in 0..5 {
        let import = ids::next();
        assert_eq!(stage(&world, import, 0).await.0, 200);
        let body = json!({"list": "federal", "import": import});
        let finish = world.client.ok(Post, "/v1/dnc_lists", Some(body));
        let others = join_all((1..=8).map(|number| stage(&world, import, number)));
        let (replies, list) = tokio::join!(others, finish);
        let (taken, refused): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.0 == 200);
        for reply in &refused {
            assert_eq!(reason(reply), (409, "IMPORT_FINISHED"));
        }
        assert_eq!(list["rows"], json!(taken.len() + 1), "{refused:?}");
    }
    world.end().await;
}
