//! One request, over the queue within a tenant's scope or over HTTP with its access key.

use bin_common_handler::{listenhandler::RouteInfo, models::sock::Request, testing::http};
use serde_json::Value as Json;

use super::world::World;
use crate::{
    samples::{self, Picker, Sample},
    tenant::{Tenant, Values, urlencoded},
};

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Queue,
    Http,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    pub route: RouteInfo,
    pub path: String,
    pub sample: Sample,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub status: u16,
    pub text: String,
}

impl Ask {
    /// A route with one's own values.
    pub fn of(route: &RouteInfo, values: &Values) -> Self {
        Self::with(route, Picker::new(values))
    }

    /// A route with one's own values but one.
    pub fn swapped(route: &RouteInfo, values: &Values, name: &'static str, value: &str) -> Self {
        let mut values = values.clone();
        values.insert(name, value.to_owned());
        Self::with(route, Picker::new(&values).with_swapped(name))
    }

    fn with(route: &RouteInfo, picker: Picker<'_>) -> Self {
        Self {
            path: picker.path(route),
            sample: samples::of(route, &picker),
            route: route.clone(),
        }
    }

    /// With one parameter more in the query.
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        let query = &mut self.sample.query;
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{name}={}", urlencoded(value)));
        self
    }

    /// With one field more in the body, or in its first row; nothing where there is no body.
    pub fn with_field(mut self, name: &str, value: &str) -> Option<Self> {
        let body = match self.sample.body.as_mut()? {
            Json::Array(rows) => rows.first_mut()?,
            body => body,
        };
        body.as_object_mut()?.insert(name.to_owned(), value.into());
        Some(self)
    }

    /// With a filter, where the way has it.
    pub fn with_filter(mut self, way: Way, name: &str, value: &str) -> Self {
        if way == Way::Http {
            return self.with_query(name, value);
        }
        self.sample.body = Some(serde_json::json!({ name: value }));
        self
    }

    fn uri(&self) -> String {
        match self.sample.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }
}

impl World {
    /// Asks in a tenant's name.
    pub async fn ask(&self, way: Way, tenant: &Tenant, ask: &Ask) -> Said {
        if ask.route.edge.is_deferred {
            self.count_deferred();
        }
        match way {
            Way::Queue => self.over_queue(tenant, ask).await,
            Way::Http => self.over_http(tenant, ask).await,
        }
    }

    async fn over_queue(&self, tenant: &Tenant, ask: &Ask) -> Said {
        let client = tenant.client(self.manager_of(&ask.route));
        let mut request = Request::new(ask.route.method, ask.uri(), "tandem");
        request.customer_id = client.customer_id;
        if let Some(body) = &ask.sample.body {
            request = request.json(body).unwrap();
        }
        let reply = client.send(&request).await.unwrap();
        Said {
            status: reply.status_code,
            text: serde_json::to_string(&reply).unwrap(),
        }
    }

    async fn over_http(&self, tenant: &Tenant, ask: &Ask) -> Said {
        let key = format!("x-api-key: {}", tenant.token);
        // The same each time: it stands in some answers.
        let headers = [
            &key,
            "content-type: application/json",
            "x-request-id: proof",
        ];
        let line = format!("{} {}", ask.route.method, ask.uri());
        let body = ask.sample.body.as_ref().map(Json::to_string);
        let answer = http(
            self.whole.bridge,
            &line,
            &headers,
            &body.unwrap_or_default(),
        )
        .await;
        let answer = answer.expect("the bridge answers");
        Said {
            status: answer.status,
            text: answer.body,
        }
    }
}
