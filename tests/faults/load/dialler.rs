//! Diallers: each leases targets of one list, dials them, and reports them done.

use bin_common_handler::{
    ids,
    models::sock::{
        Method::{self, Get, Post, Put},
        Request,
    },
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Done, Kind, Subject, asker::Asker};
use crate::tenant::id_of;

/// Targets made at a time.
const BATCH: usize = 60;
/// Targets leased at a time.
const LEASED: usize = 2;

/// Makes the list that this round dials.
pub async fn open_list(asker: &Asker) -> Uuid {
    let name = format!("list-{}", asker.book().run);
    let request = keyed(Post, Subject::Outdial.uri(), json!({ "name": name }));
    let reply = asker
        .insist(Kind::OutdialWrite, &request)
        .await
        .expect("a list");
    let id = id_of(&reply);
    let mut book = asker.book();
    book.list = id;
    book.done.push(Done {
        subject: Subject::Outdial,
        id,
        name,
        creates: true,
    });
    id
}

/// Who dials.
pub struct Dialler {
    asker: Asker,
    list: Uuid,
}

impl Dialler {
    pub fn new(asker: Asker, list: Uuid) -> Self {
        Self { asker, list }
    }

    pub async fn work(self) {
        while self.asker.goes_on().await {
            if self.turn().await.is_none() {
                return;
            }
        }
    }

    /// Leases some targets and dials them, or makes more where there are none.
    async fn turn(&self) -> Option<()> {
        let uri = format!(
            "/v1/outdials/{}/available?try_count_0=1&limit={LEASED}",
            self.list
        );
        let request = keyed(Get, &uri, Json::Null);
        let leased = self.asker.insist(Kind::Lease, &request).await?;
        let leased: Vec<Uuid> = leased.as_array()?.iter().map(id_of).collect();
        if leased.is_empty() {
            return self.make_targets().await;
        }
        for target in leased {
            self.dial(target).await?;
        }
        Some(())
    }

    async fn make_targets(&self) -> Option<()> {
        let row = |n: usize| json!({"destination_0": {"type": "tel", "target": format!("+1415200{n:04}")}});
        let rows: Vec<_> = (0..BATCH).map(row).collect();
        let uri = format!("/v1/outdials/{}/targets/bulk", self.list);
        let request = keyed(Post, &uri, json!(rows));
        let report = self.asker.insist(Kind::Lease, &request).await?;
        self.asker.book().targets += report["created"].as_u64().expect("a count");
        Some(())
    }

    /// One whose lease is over may be another's by now: that is told, and no call.
    async fn dial(&self, target: Uuid) -> Option<()> {
        let uri = format!("/v1/outdialtargets/{target}/progressing");
        let request = keyed(Post, &uri, json!({"destination_index": 0}));
        let is_answer = |status: u16, body: &Json| {
            status == 200 || (status == 409 && body["reason"] == "OUTDIALTARGET_NOT_CALLABLE")
        };
        let (status, _) = self
            .asker
            .insist_on(Kind::Dial, &request, is_answer)
            .await?;
        if status != 200 {
            return Some(());
        }
        self.asker.book().dialled.push(target);
        let uri = format!("/v1/outdialtargets/{target}/status");
        let request = keyed(Put, &uri, json!({"status": "done"}));
        self.asker.insist(Kind::Dial, &request).await?;
        self.asker.book().finished.push(target);
        Some(())
    }
}

fn keyed(method: Method, uri: &str, body: Json) -> Request {
    let mut request = Request::new(method, uri, "test");
    if !body.is_null() {
        request = request.json(&body).expect("JSON");
    }
    request.idempotency_key = Some(ids::next().to_string());
    request
}
