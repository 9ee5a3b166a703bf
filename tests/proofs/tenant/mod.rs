//! A tenant with one of everything, and the ids and texts under which others might ask for it.

mod conversations;
mod exchange;
mod numbers;

use std::collections::BTreeMap;

use bin_common_handler::{
    ids,
    models::sock::Method::{Post, Put},
    testing::Client,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub use self::conversations::booked_hour;

/// What an id or a text stands for: a placeholder of a template (`did-id`), or what samples ask for.
pub type Values = BTreeMap<&'static str, String>;

/// The tenant itself.
pub const CUSTOMER: &str = "customer-id";
/// First 12 characters and digest of an access key, with a colon between.
pub const KEY: &str = "key";

/// Someone with one of everything.
pub struct Tenant {
    pub customer_id: Uuid,
    /// did-manager, outdial-manager, call-manager and chat-manager, within this tenant.
    pub dids: Client,
    pub outdials: Client,
    pub exchange: Client,
    pub chat: Client,
    /// Of an access key that may do everything.
    pub token: String,
    pub values: Values,
    /// Stands in every name that this tenant gave.
    pub mark: &'static str,
}

impl Tenant {
    /// Makes one whose names hold `mark` and whose numbers are in the area `npa`.
    pub async fn new(clients: &[Client; 4], mark: &'static str, npa: u16) -> Self {
        let [dids, outdials, exchange, chat] = clients;
        let fields = json!({
            "name": mark, "did_daily_cap": 0, "did_hourly_cap": 0, "did_cooldown_seconds": 0,
            "timezone": "America/New_York", "trade": format!("{mark} trade"),
        });
        let customer = dids.ok(Post, "/v1/customers", Some(fields)).await;
        let customer_id = id(&customer).parse().unwrap();
        let mut tenant = Self {
            customer_id,
            dids: dids.within(customer_id),
            outdials: outdials.within(customer_id),
            exchange: exchange.within(customer_id),
            chat: chat.within(customer_id),
            token: String::new(),
            values: Values::from([
                (CUSTOMER, id(&customer)),
                ("number", format!("+1{npa}2000001")),
                ("phone", format!("+1{npa}2001111")),
                ("uniqueid", format!("1763.{npa}")),
                ("call_id", format!("V1201122450000000{npa}")),
                ("campaign", mark.to_uppercase()),
                ("lead", format!("lead{npa}")),
                ("email", format!("{mark}@example.com")),
            ]),
            mark,
        };
        tenant.people().await;
        tenant.numbers().await;
        let pool = json!({"didpool_id": tenant.value("didpool-id")});
        let uri = format!("/v1/customers/{customer_id}");
        dids.ok(Put, &uri, Some(pool)).await;
        tenant.calls().await;
        tenant.lists().await;
        tenant.exchange().await;
        tenant.law().await;
        tenant.business().await;
        tenant.offers().await;
        tenant.conversations().await;
        tenant.bookings().await;
        tenant.contact_center().await;
        tenant.notifications().await;
        tenant
    }

    /// A caller of the manager at that place in the list.
    pub fn client(&self, manager: usize) -> &Client {
        match manager {
            0 => &self.dids,
            1 => &self.outdials,
            2 => &self.exchange,
            3 => &self.chat,
            at => panic!("nobody in {} calls the manager at place {at}", file!()),
        }
    }

    /// What nobody has, in the shapes of the area `npa`.
    pub fn nobody(like: &Self, npa: u16) -> Values {
        let fresh = |(name, value): (&&'static str, &String)| {
            let value = match *name {
                "number" => format!("+1{npa}2000009"),
                "phone" => format!("+1{npa}2001119"),
                "uniqueid" => "1763.999".to_owned(),
                "call_id" => "V1201122450000000999".to_owned(),
                "campaign" => "NOBODY".to_owned(),
                "lead" => "lead999".to_owned(),
                "reference" => "nobody's reference".to_owned(),
                "email" => "nobody@example.com".to_owned(),
                "token" => "A".repeat(43),
                "widget" => format!("wgt_{}", "0".repeat(32)),
                "visitor-token" | "ended-token" => "a.b.c".to_owned(),
                "expires" | "signature" => "0".to_owned(),
                KEY => format!("did_00000000:{}", "0".repeat(64)),
                _ => value
                    .parse::<Uuid>()
                    .map(|_| ids::next())
                    .unwrap()
                    .to_string(),
            };
            (*name, value)
        };
        like.values.iter().map(fresh).collect()
    }

    pub fn value(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("no tenant has {name}"))
    }
}

pub fn id(row: &Json) -> String {
    row["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {row}"))
        .to_owned()
}

/// A value as a query has it: of what the values here hold only the plus needs it.
pub fn urlencoded(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('@', "%40")
        .replace(' ', "%20")
}
