//! Clerks: each makes an entity, changes it a few times, reads it back after each change, and makes the next.

use std::time::Duration;

use bin_common_handler::models::sock::{
    Method::{Get, Post, Put},
    Request,
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Done, Kind, Subject, asker::Asker};

/// How long a copy may be old when a replica could not tell Redis of a change: it tries every two seconds.
const STALE_MAX: Duration = Duration::from_secs(5);
/// Before an old copy is read again.
const STALE_PAUSE: Duration = Duration::from_millis(100);
/// Changes of one entity before the next is made.
const CHANGES: u64 = 4;

/// Who makes and changes entities.
pub struct Clerk {
    asker: Asker,
    subject: Subject,
    number: u64,
    customer_id: Option<Uuid>,
}

impl Clerk {
    pub fn new(asker: Asker, subject: Subject, number: u64, customer_id: Option<Uuid>) -> Self {
        Self {
            asker,
            subject,
            number,
            customer_id,
        }
    }

    pub async fn work(self) {
        let (mut id, run) = (Uuid::nil(), self.asker.book().run.clone());
        let mut step = 0;
        while self.asker.goes_on().await {
            let creates = step % (CHANGES + 1) == 0;
            let name = format!("{}-{step}-{run}", self.number);
            let Some(now) = self.write(id, &name, creates, step).await else {
                return;
            };
            id = now;
            self.asker.book().done.push(Done {
                subject: self.subject,
                id,
                name: name.clone(),
                creates,
            });
            self.read_back(id, &name).await;
            step += 1;
        }
    }

    async fn write(&self, id: Uuid, name: &str, creates: bool, step: u64) -> Option<Uuid> {
        let uri = self.subject.uri();
        let mut request = if creates {
            self.request(Request::new(Post, uri, "test"))
        } else {
            self.request(Request::new(Put, format!("{uri}/{id}"), "test"))
        };
        let detail = "x".repeat(self.asker.ballast() * usize::from(step.is_multiple_of(2)));
        request = request
            .json(&json!({"name": name, "detail": detail}))
            .expect("JSON");
        request.idempotency_key = Some(format!("{uri}-{name}"));
        let kind = match self.subject {
            Subject::Outdial => Kind::OutdialWrite,
            Subject::Pool => Kind::PoolWrite,
            Subject::CatalogItem => Kind::CatalogWrite,
        };
        let reply = self.asker.insist(kind, &request).await?;
        Some(crate::tenant::id_of(&reply))
    }

    /// Nobody else changes this entity, so what was just acknowledged is what must be read: at once, or as soon
    /// as a replica that could not reach Redis can.
    async fn read_back(&self, id: Uuid, name: &str) {
        let acknowledged = Instant::now();
        loop {
            let Some(read) = self.read(id).await else {
                return;
            };
            self.asker.book().reads += 1;
            if read["name"] == name {
                return;
            }
            if acknowledged.elapsed() > STALE_MAX {
                let old = &read["name"];
                self.asker
                    .fault(format!("stale: {old} is read, long after {name}"));
                return;
            }
            tokio::time::sleep(STALE_PAUSE).await;
        }
    }

    async fn read(&self, id: Uuid) -> Option<Json> {
        let uri = format!("{}/{id}", self.subject.uri());
        let request = self.request(Request::new(Get, &uri, "test"));
        let kind = match self.subject {
            Subject::Outdial => Kind::OutdialRead,
            Subject::Pool => Kind::PoolRead,
            Subject::CatalogItem => Kind::CatalogRead,
        };
        self.asker.insist(kind, &request).await
    }

    fn request(&self, mut request: Request) -> Request {
        request.customer_id = self.customer_id;
        request
    }
}
