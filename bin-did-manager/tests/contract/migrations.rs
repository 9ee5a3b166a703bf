//! Migrations: up, down to nothing, and up again, on both databases.

use bin_common_handler::{
    models::sock::Method::Post,
    testing::{Installation, Kind},
};
use bin_did_manager::MANAGER;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = Installation::new(kind, MANAGER, &[]).await;
    let (db, migrations) = (installation.db(), MANAGER.migrations);
    let count = migrations.up(&db).await.unwrap();
    assert!(count >= 29, "{count}");
    assert_eq!(migrations.up(&db).await.unwrap(), 0);
    assert_eq!(migrations.down(&db, 1).await.unwrap(), 1);
    assert_eq!(migrations.up(&db).await.unwrap(), 1);
    assert_eq!(migrations.down(&db, 1_000).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    let gone = db.execute("SELECT 1 FROM did_customers", vec![]).await;
    assert!(gone.is_err(), "nothing of ours is left");
    assert_eq!(migrations.up(&db).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| state.applied));
    drop(db);

    let replica = installation.start().await;
    let client = installation.client();
    client
        .ok(Post, "/v1/customers", Some(json!({"name": "Acme"})))
        .await;
    client
        .ok(Post, "/v1/accesskeys", Some(json!({"name": "dialer"})))
        .await;
    replica.stop().await.unwrap();
    installation.remove().await;
}

#[test]
fn both_databases_have_the_same_steps() {
    let steps = |migrator: &sqlx::migrate::Migrator| {
        migrator
            .iter()
            .map(|step| (step.version, step.description.clone()))
            .collect::<Vec<_>>()
    };
    let migrations = MANAGER.migrations;
    assert_eq!(steps(migrations.mysql), steps(migrations.sqlite));
}
