//! An ordinary day: every route, every shape of report, uploads, and an export, with planted numbers in them.

use std::{net::SocketAddr, sync::Mutex};

use bin_common_handler::{
    daemon::Manager,
    listenhandler::Access,
    models::sock::Method::Delete,
    testing::{Answer, http},
};
use serde_json::Value as Json;

use super::run::BRIDGE;
use crate::{
    samples::{self, Picker},
    tenant::Tenant,
};

/// What was refused, and what was said to it.
pub struct Refusal {
    pub asked: String,
    pub said: String,
}

/// Who asks, and what was refused so far.
pub struct Journey {
    pub tenant: Tenant,
    pub bridge: SocketAddr,
    refusals: Mutex<Vec<Refusal>>,
}

impl Journey {
    pub fn new(tenant: Tenant, bridge: SocketAddr) -> Self {
        Self {
            tenant,
            bridge,
            refusals: Mutex::default(),
        }
    }

    /// Sends with headers of one's own.
    pub async fn send(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let answer = http(self.bridge, line, headers, body).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {line}"));
        // 207 tells of rows that were refused.
        if answer.status >= 207 {
            let refusal = Refusal {
                asked: format!("{line} {body:.200}"),
                said: format!("{}\n{}", answer.head, answer.body),
            };
            self.refusals.lock().unwrap().push(refusal);
        }
        answer
    }

    /// Sends with the tenant's key, or the operator's.
    pub async fn ask(&self, access: Access, line: &str, body: &str) -> Answer {
        let key = match access {
            Access::Operator => BRIDGE,
            Access::ByEffect | Access::Scope(_) | Access::Public => &self.tenant.token,
        };
        let key = format!("x-api-key: {key}");
        self.send(line, &[&key, "content-type: application/json"], body)
            .await
    }

    /// Every route once, as its owner asks; the tenant's things stay.
    pub async fn every_route(&self, managers: &[Manager]) {
        for route in managers.iter().flat_map(|manager| (manager.routes)()) {
            if route.method == Delete || route.edge.is_internal {
                continue;
            }
            let picker = Picker::new(&self.tenant.values);
            let (path, sample) = (picker.path(&route), samples::of(&route, &picker));
            let line = format!("{} {path}?{}", route.method, sample.query);
            let body = sample
                .body
                .as_ref()
                .map(Json::to_string)
                .unwrap_or_default();
            let answer = self.ask(route.edge.access, &line, &body).await;
            assert!(answer.status < 500, "{line}: {answer:?}");
        }
    }

    /// Reports as forms, with the key in the query, and files with rows that are wrong.
    pub async fn forms_and_files(&self) {
        let (token, phone) = (&self.tenant.token, self.tenant.value("phone"));
        let key = format!("x-api-key: {token}");
        let form = "content-type: application/x-www-form-urlencoded";
        let digits = phone.trim_start_matches("+1");
        let body = format!("customer_phone={digits}&uniqueid=9.1&campaign_id=X&call_result=BUSY");
        self.send("POST /api/v1/calls/report", &[&key, form], &body)
            .await;
        let dispo =
            format!("GET /api/v1/vicidial/dispo?key={token}&phone={digits}&dispo=NI&uniqueid=9.2");
        assert_eq!(self.send(&dispo, &[], "").await.status, 200);
        for wanted in [
            "customer_phone=+1{}",
            "customer_phone=%2B1{}",
            "customer_phone=ANSWER&agent_id={}",
        ] {
            let line = format!("GET /api/v1/dids/next?{}", wanted.replace("{}", digits));
            self.send(&line, &[&key], "").await;
        }
        let rows =
            format!("cid,capacity\n{digits},many\n{digits}99,5\n({digits}),x\nnone,{digits}\n");
        let csv = "content-type: text/csv";
        self.send("POST /api/v1/dids/bulk", &[&key, csv], &rows)
            .await;
        let file = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{digits}.csv\"\r\n\r\n{rows}\r\n--cut--\r\n"
        );
        let multipart = "content-type: multipart/form-data; boundary=cut";
        self.send("POST /api/v1/dids/bulk", &[&key, multipart], &file)
            .await;
        self.send(
            "POST /api/v1/dids/bulk",
            &[&key, multipart],
            &file.replace("--cut--", ""),
        )
        .await;
    }

    /// What was refused.
    pub fn refusals(&self) -> Vec<Refusal> {
        std::mem::take(&mut *self.refusals.lock().unwrap())
    }
}
