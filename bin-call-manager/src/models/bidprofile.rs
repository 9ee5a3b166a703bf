//! A bid profile: what a buyer takes, at what price, and where its calls go.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, within, wrong},
        error::Result,
        identity::{optional_uuid, uuid_or_nil},
        money::Currency,
        page::FilterKind,
        time::Timestamp,
    },
    phone,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    account::{AMOUNT_MAX, WEIGHT_MAX},
    endpoint::Endpoint,
};
use crate::choice::criteria::{Criteria, CriteriaSpec};

/// Longest address, in bytes.
const ADDRESS_MAX: usize = 255;

/// What a buyer takes, at what price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "bidprofile", table = "exchange_bid_profiles", check = check)]
pub struct BidProfile {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant whose exchange it belongs to.
    pub customer_id: Uuid,
    /// The buyer's account; fixed at creation.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub buyer_id: Uuid,
    /// The campaign whose calls it bids for; null = every campaign's.
    #[serde(deserialize_with = "optional_uuid")]
    #[resource(set, filter = FilterKind::Uuid)]
    pub call_campaign_id: Option<Uuid>,
    /// Its bid, in minor units; null only where an endpoint bids.
    #[resource(set)]
    pub amount: Option<i64>,
    /// ISO 4217 code; empty = the buyer's, and never another.
    #[resource(set)]
    pub currency: String,
    /// Which calls it takes.
    #[schemars(with = "CriteriaSpec")]
    #[resource(set)]
    pub criteria: Json<CriteriaSpec>,
    /// 1 goes before 2; null = the buyer's.
    #[resource(set)]
    pub priority: Option<i32>,
    /// Its share under the strategies that go by weight; null = the buyer's.
    #[resource(set)]
    pub weight: Option<i32>,
    /// Who is asked for a bid on each call; null = it bids `amount`.
    #[schemars(with = "Option<Endpoint>")]
    #[resource(set)]
    pub endpoint: Json<Option<Endpoint>>,
    /// What the endpoint is sent beside the question, sealed; never shown.
    #[serde(default, skip_serializing)]
    pub endpoint_headers: String,
    /// Where its calls go: E.164 or `sip:`.
    #[resource(set)]
    pub destination: String,
    /// Whether it bids.
    #[resource(set)]
    pub active: bool,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for BidProfile {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            buyer_id: Uuid::nil(),
            call_campaign_id: None,
            amount: None,
            currency: String::new(),
            criteria: Json::default(),
            priority: None,
            weight: None,
            endpoint: Json(None),
            endpoint_headers: String::new(),
            destination: String::new(),
            active: true,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(profile: &mut BidProfile, before: Option<&BidProfile>, _: Timestamp) -> Result<()> {
    ensure(!profile.buyer_id.is_nil(), "buyer_id", "must name a buyer")?;
    if let Some(before) = before {
        let is_same = profile.buyer_id == before.buyer_id;
        ensure(is_same, "buyer_id", "cannot be changed")?;
    }
    if !profile.currency.is_empty() {
        profile.currency.parse::<Currency>()?;
    }
    within("amount", &profile.amount, 0, AMOUNT_MAX)?;
    ensure(
        profile.amount.is_some() || profile.endpoint.0.is_some(),
        "amount",
        "must be there, unless an endpoint bids",
    )?;
    within("priority", &profile.priority, 1, WEIGHT_MAX)?;
    within("weight", &profile.weight, 0, WEIGHT_MAX)?;
    if let Some(endpoint) = &profile.endpoint.0 {
        endpoint.check()?;
    }
    Criteria::new(&profile.criteria.0)?;
    profile.destination = destination(&profile.destination)?;
    Ok(())
}

impl BidProfile {
    /// Where its sealed headers belong: a text that is copied into another row does not open.
    pub fn headers_place(&self) -> String {
        format!(
            "{}/exchange_bid_profiles/endpoint_headers/{}",
            self.customer_id, self.id
        )
    }
}

/// E.164 in its one form, or a SIP address as it is.
///
/// # Errors
/// 400 when it is neither, or a premium number.
pub(crate) fn destination(text: &str) -> Result<String> {
    // Within angle brackets in SIP, and within quotes in XML.
    let is_safe = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"');
    let is_plain = |text: &str| text.len() <= ADDRESS_MAX && text.bytes().all(is_safe);
    if text.is_empty() {
        return Ok(String::new());
    }
    let address = text
        .strip_prefix("sips:")
        .or_else(|| text.strip_prefix("sip:"));
    if let Some(address) = address {
        ensure(
            is_plain(text) && has_host(address),
            "destination",
            "has a SIP address that is none",
        )?;
        return Ok(text.to_owned());
    }
    let number = phone::parse(text)
        .map_err(|_| wrong("destination", "must be a phone number or a sip: address"))?;
    ensure(
        !number.is_premium(),
        "destination",
        "is a premium number, which is never called",
    )?;
    Ok(number.as_str().to_owned())
}

/// Whether a SIP address without its scheme names a host, and a user where it has an `@`.
fn has_host(address: &str) -> bool {
    let (user, place) = match address.split_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, address),
    };
    // A name, or an address of IPv6 in brackets.
    let begins_well =
        |place: &str| place.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    user.is_none_or(|user| !user.is_empty()) && begins_well(place) && !place.contains('@')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", true)]
    #[case("(415) 555-0199", true)]
    #[case("sip:desk@pbx.example", true)]
    #[case("sips:desk@[2001:db8::1]:5061;transport=tls", true)]
    #[case("sip:pbx.example", true)]
    #[case("sip:", false)]
    #[case("sip:@", false)]
    #[case("sips:@pbx.example", false)]
    #[case("sip:desk@", false)]
    #[case("sip:desk@;user=phone", false)]
    #[case("sip:a@b@c", false)]
    #[case("sip:a b@pbx.example", false)]
    #[case("desk@pbx.example", false)]
    #[case("+19005550123", false)]
    fn a_destination_is_a_number_or_a_sip_address(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(destination(text).is_ok(), is_one);
    }
}
