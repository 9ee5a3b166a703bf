//! Secrets that the database keeps for every replica.

use bin_common_handler::databasehandler::Db;
use sqlx::Error as SqlError;

#[derive(bin_common_handler::FromRow)]
struct Kept {
    secret: Vec<u8>,
}

/// Keeps a secret under a name; an error when there is one already.
pub(crate) async fn insert(db: &Db, name: &str, secret: Vec<u8>) -> Result<(), SqlError> {
    let sql = "INSERT INTO did_secrets (name, secret) VALUES (?, ?)";
    db.execute(sql, vec![name.into(), secret.into()])
        .await
        .map(drop)
}

/// The secret under a name.
pub(crate) async fn get(db: &Db, name: &str) -> Result<Option<Vec<u8>>, SqlError> {
    let sql = "SELECT secret FROM did_secrets WHERE name = ?";
    let row: Option<Kept> = db.fetch_optional(sql, vec![name.into()]).await?;
    Ok(row.map(|row| row.secret))
}
