//! A caller of a manager, through the same queue as anyone else.

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    sink::Sink,
    wait::{PATIENCE, spawn, until},
};
use crate::{
    ids,
    models::{
        error::Result,
        sock::{Method, Request, Response},
    },
    sockhandler::{Outgoing, Subscription, Transport, request_queue},
};

/// Calls a manager.
#[derive(Clone)]
pub struct Client {
    /// How.
    pub transport: Arc<dyn Transport>,
    /// Whom.
    pub name: &'static str,
    /// Within which tenant.
    pub customer_id: Option<Uuid>,
}

impl Client {
    /// The same client confined to a tenant.
    #[must_use]
    pub fn within(&self, customer_id: Uuid) -> Self {
        Self {
            customer_id: Some(customer_id),
            ..self.clone()
        }
    }

    /// Sends a request; status and body.
    pub async fn call(&self, method: Method, uri: &str, body: Option<Json>) -> (u16, Json) {
        self.call_keyed(method, uri, body, None).await
    }

    /// As [`Self::call`], under an idempotency key.
    pub async fn call_keyed(
        &self,
        method: Method,
        uri: &str,
        body: Option<Json>,
        key: Option<&str>,
    ) -> (u16, Json) {
        let mut request = Request::new(method, uri, "tandem");
        if let Some(body) = body {
            request = request.json(&body).expect("JSON");
        }
        request.customer_id = self.customer_id;
        request.idempotency_key = key.map(str::to_owned);
        let answer = self.send(&request).await;
        let response =
            answer.expect("an answer (after a restart inside the process: of a new client)");
        let body = serde_json::from_str(response.body()).expect("JSON");
        (response.status_code, body)
    }

    /// Sends an envelope as it is.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&self, request: &Request) -> Result<Response> {
        self.transport
            .request(&request_queue(self.name), request, PATIENCE)
            .await
    }

    /// A call that must succeed; its body.
    pub async fn ok(&self, method: Method, uri: &str, body: Option<Json>) -> Json {
        let (status, reply) = self.call(method, uri, body).await;
        assert_eq!(status, 200, "{method} {uri}: {reply}");
        reply
    }

    /// Listens to this manager's events from now on.
    pub async fn events(&self) -> Sink {
        let sink = Sink::default();
        let subscription = Subscription {
            name: format!("sink-{}", ids::next()),
            patterns: vec![format!("{}.#", self.name), "probe.#".to_owned()],
            fanouts: Vec::new(),
            durable: false,
        };
        let (transport, handler, stop) =
            (Arc::clone(&self.transport), sink.clone(), sink.stop.clone());
        spawn(async move {
            transport
                .subscribe(subscription, Arc::new(handler), stop)
                .await
        });
        let database = format!("probe{}", ids::next().simple());
        let mut lease = self
            .transport
            .lease("probe", &database)
            .await
            .expect("a publisher lease");
        until("the sink listens", async || {
            let probe = Outgoing {
                trace: None,
                routing_key: "probe.probe.-.made".to_owned(),
                message_id: ids::next().to_string(),
                version: 0,
                customer_id: None,
                body: br#"{"type":"probe_made","publisher":"probe","data_type":"","data":null}"#
                    .to_vec(),
            };
            lease.publish(&[probe]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            sink.all()
                .iter()
                .any(|event| event.event.kind == "probe_made")
                .then_some(())
        })
        .await;
        sink
    }
}
