//! Where the real services are, and a database of one's own on them.

use sqlx::{Connection, Executor};

use crate::ids;

/// Where the real services are, from the environment, else on their usual local ports.
pub fn service(name: &str, usual: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the tests' services are is no setting of a daemon"
    )]
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// The broker's address.
pub fn rabbitmq_address() -> String {
    service("TEST_RABBITMQ_ADDRESS", "amqp://guest:guest@127.0.0.1:5672")
}

/// Redis' address.
pub fn redis_address() -> String {
    service("TEST_REDIS_ADDRESS", "127.0.0.1:6379")
}

/// A database of one's own on the test server, gone with this value's [`Installation::remove`].
pub async fn new_mysql_database() -> String {
    let server = service(
        "TEST_DATABASE_DSN",
        "mysql://tandem:tandem@127.0.0.1:3306/tandem",
    );
    let name = format!("tandem_test_{}", ids::next().simple());
    let mut conn = sqlx::MySqlConnection::connect(&server)
        .await
        .expect("MariaDB answers");
    conn.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a database is made");
    let base = server
        .rsplit_once('/')
        .map_or(server.as_str(), |(base, _)| base);
    format!("{base}/{name}")
}
