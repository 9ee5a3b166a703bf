//! A call campaign: the terms under which a seller's calls are sold.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range, max_bytes, plain, short, timezone, within, wrong},
        error::Result,
        hours::Hours,
        identity::uuid_or_nil,
        money::Currency,
        text::{check_name, check_shown, check_text},
        time::Timestamp,
    },
    phone::{self, Dialled, dialled},
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::account::AMOUNT_MAX;
use crate::choice::terms::{AuctionTerms, Duplicates};

/// Most numbers of one campaign.
const NUMBERS_MAX: usize = 1_000;
/// Longest token of a carrier as it is kept, in bytes.
const TOKEN_MAX: usize = 1_024;
/// Countries of one campaign.
const COUNTRIES_MAX: usize = 250;
/// Longest wait for bids, in milliseconds.
const WINDOW_MAX_MS: u32 = 3_600_000;

text_enum!(
    /// How a buyer is chosen among those that may have the call.
    pub enum Strategy {
        /// Who bids most.
        HighestBid = "highest_bid",
        /// One after the other.
        RoundRobin = "round_robin",
        /// In proportion to weights.
        Weighted = "weighted",
        /// By priority, then in proportion to weights.
        Priority = "priority",
        /// Who meets most of the wanted tags, then the best.
        Skill = "skill",
        /// Who bids least.
        LeastCost = "least_cost",
        /// Who earns most, by conversions seen so far.
        Performance = "performance",
    }
);

text_enum!(
    /// When a call is worth its price.
    pub enum ConversionKind {
        /// It lasted long enough.
        Duration = "duration",
        /// The caller pressed 1.
        Press1 = "press1",
        /// The buyer's system says so.
        Postback = "postback",
        /// An agent says so.
        Disposition = "disposition",
    }
);

text_enum!(
    /// What happens while a part of the fraud check is away.
    pub enum FraudFail {
        /// The call goes on.
        Open = "open",
        /// The call is refused.
        Closed = "closed",
    }
);

/// When a call is worth its price.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct Conversion {
    /// What makes it one.
    pub kind: ConversionKind,
    /// For `duration`: seconds that it must last at least.
    pub threshold_seconds: i64,
}

/// When a call is a fraud. A null never acts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FraudTerms {
    /// Score from which a call is refused, 0 to 1.
    pub block_at: Option<f64>,
    /// Score from which a call is flagged, 0 to 1.
    pub review_at: Option<f64>,
    /// What happens while a part of the check is away.
    pub fail: FraudFail,
    /// Calls of one caller in an hour.
    pub calls_per_caller_hour: Option<i64>,
    /// Calls of one account in an hour.
    pub calls_per_account_hour: Option<i64>,
}

impl Default for FraudTerms {
    fn default() -> Self {
        Self {
            block_at: Some(0.9),
            review_at: Some(0.6),
            fail: FraudFail::Open,
            calls_per_caller_hour: Some(20),
            calls_per_account_hour: Some(1_000),
        }
    }
}

/// The terms under which a seller's calls are sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "callcampaign", table = "exchange_call_campaigns", check = check)]
pub struct CallCampaign {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant whose exchange it belongs to.
    pub customer_id: Uuid,
    /// A name for people.
    #[resource(set, filter)]
    pub name: String,
    /// The seller's account.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub seller_id: Uuid,
    /// ISO 4217 code; empty = the seller's.
    #[resource(set)]
    pub currency: String,
    /// E.164 numbers that its calls come in on; each belongs to one live campaign of the installation.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub numbers: Json<Vec<String>>,
    /// ISO 3166-1 alpha-2 codes of the countries that its calls may go to; empty = the United States, Canada, and
    /// those of its numbers.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub countries: Json<Vec<String>>,
    /// How long a ping is waited for, in milliseconds.
    #[resource(set)]
    pub ping_ms: i64,
    /// How long a buyer may ring, in seconds.
    #[resource(set)]
    pub ring_seconds: i64,
    /// Buyers that are tried for one call.
    #[resource(set)]
    pub max_attempts: i64,
    /// How a buyer is chosen.
    #[resource(set, filter)]
    pub strategy: Strategy,
    /// How much a bid is weighed with its buyer's quality, 0 to 1.
    #[resource(set)]
    pub quality_weight: f64,
    /// Terms of its auctions, and of its prices; null = who wins pays its bid.
    #[schemars(with = "Option<AuctionTerms>")]
    #[resource(set)]
    pub auction: Json<Option<AuctionTerms>>,
    /// What the seller gets, in minor units; null = the price.
    #[resource(set)]
    pub payout: Option<i64>,
    /// What a buyer pays, in minor units; null = the price of its win.
    #[resource(set)]
    pub revenue: Option<i64>,
    /// When a call is worth its price.
    #[schemars(with = "Conversion")]
    #[resource(set)]
    pub conversion: Json<Conversion>,
    /// Which calls are not sold twice; null = all are sold.
    #[schemars(with = "Option<Duplicates>")]
    #[resource(set)]
    pub duplicates: Json<Option<Duplicates>>,
    /// Calls only with the person's consent.
    #[resource(set)]
    pub require_consent: bool,
    /// When a call is a fraud.
    #[schemars(with = "FraudTerms")]
    #[resource(set)]
    pub fraud: Json<FraudTerms>,
    /// When it takes calls; empty = always.
    #[schemars(with = "Hours")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// The zone of its hours; empty = UTC.
    #[resource(set)]
    pub timezone: String,
    /// What is said to the buyer before the call is connected.
    #[resource(set)]
    pub whisper: String,
    /// The account at the carrier (`AccountSid`) whose webhooks bring calls; empty = none.
    #[resource(set)]
    pub carrier_account: String,
    /// What those webhooks are signed with. Write-only; sealed in its column.
    #[serde(default, skip_serializing)]
    #[resource(set)]
    pub carrier_token: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for CallCampaign {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            seller_id: Uuid::nil(),
            currency: String::new(),
            numbers: Json::default(),
            countries: Json::default(),
            ping_ms: 500,
            ring_seconds: 20,
            max_attempts: 5,
            strategy: Strategy::default(),
            quality_weight: 0.0,
            auction: Json::default(),
            payout: None,
            revenue: None,
            conversion: Json::default(),
            duplicates: Json::default(),
            require_consent: false,
            fraud: Json::default(),
            hours: Json::default(),
            timezone: String::new(),
            whisper: String::new(),
            carrier_account: String::new(),
            carrier_token: String::new(),
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(campaign: &mut CallCampaign, before: Option<&CallCampaign>, _: Timestamp) -> Result<()> {
    check_name("name", &campaign.name)?;
    plain("name", &campaign.name)?;
    check_text("whisper", &campaign.whisper)?;
    check_shown("whisper", &campaign.whisper)?;
    short("carrier_account", &campaign.carrier_account)?;
    max_bytes("carrier_token", &campaign.carrier_token, TOKEN_MAX)?;
    if let Some(before) = before {
        let same = |is: bool, field: &str| ensure(is, field, "cannot be changed");
        same(campaign.seller_id == before.seller_id, "seller_id")?;
        same(campaign.currency == before.currency, "currency")?;
    } else if !campaign.currency.is_empty() {
        campaign.currency.parse::<Currency>()?;
    }
    ensure(
        !campaign.seller_id.is_nil(),
        "seller_id",
        "must name a seller",
    )?;
    campaign.numbers.0 = in_one_form(&campaign.numbers.0)?;
    countries(&mut campaign.countries.0)?;
    in_range("ping_ms", campaign.ping_ms, 50, 5_000)?;
    in_range("ring_seconds", campaign.ring_seconds, 5, 300)?;
    in_range("max_attempts", campaign.max_attempts, 1, 20)?;
    in_range("quality_weight", campaign.quality_weight, 0.0, 1.0)?;
    within("payout", &campaign.payout, 0, AMOUNT_MAX)?;
    within("revenue", &campaign.revenue, 0, AMOUNT_MAX)?;
    check_terms(campaign)?;
    if campaign.timezone.is_empty() {
        return Ok(());
    }
    timezone("timezone", &campaign.timezone).map(drop)
}

impl CallCampaign {
    /// Where its sealed token belongs: a text that is copied into another row does not open.
    pub fn token_place(&self) -> String {
        format!(
            "{}/exchange_call_campaigns/carrier_token/{}",
            self.customer_id, self.id
        )
    }

    /// Whether a call of it may go there: never to a premium number or to its own, and only to its countries. A SIP address whose
    /// user is a number is judged by that.
    pub fn may_call(&self, destination: &str) -> bool {
        let number = match dialled(destination) {
            Dialled::Number(number) => number,
            Dialled::Name => return true,
            Dialled::Unclear => return false,
        };
        // Its own number would bring the call in again.
        let is_own = self.numbers.0.iter().any(|own| own == number.as_str());
        !is_own
            && !number.is_premium()
            && country(&number).is_some_and(|country| self.has_country(&country))
    }

    fn has_country(&self, wanted: &str) -> bool {
        if !self.countries.0.is_empty() {
            return self.countries.0.iter().any(|code| code == wanted);
        }
        matches!(wanted, "US" | "CA")
            || self
                .numbers
                .0
                .iter()
                .filter_map(|number| phone::parse(number).ok())
                .any(|number| country(&number).as_deref() == Some(wanted))
    }
}

fn country(number: &phone::E164) -> Option<String> {
    super::country::of(number.as_str())
        .map(str::to_owned)
        .or_else(|| number.region())
}

fn check_terms(campaign: &CallCampaign) -> Result<()> {
    let auction = campaign.auction.0.unwrap_or_default();
    in_range("auction.reserve", auction.reserve, 0, AMOUNT_MAX)?;
    in_range("auction.increment", auction.increment, 0, AMOUNT_MAX)?;
    in_range("auction.window_ms", auction.window_ms, 0, WINDOW_MAX_MS)?;
    in_range(
        "auction.soft_close_ms",
        auction.soft_close_ms,
        0,
        WINDOW_MAX_MS,
    )?;
    in_range(
        "conversion.threshold_seconds",
        campaign.conversion.0.threshold_seconds,
        0,
        86_400,
    )?;
    if let Some(duplicates) = campaign.duplicates.0 {
        in_range("duplicates.days", duplicates.days, 1, 3_650)?;
    }
    let fraud = campaign.fraud.0;
    within("fraud.block_at", &fraud.block_at, 0.0, 1.0)?;
    within("fraud.review_at", &fraud.review_at, 0.0, 1.0)?;
    within(
        "fraud.calls_per_caller_hour",
        &fraud.calls_per_caller_hour,
        0,
        1_000_000,
    )?;
    within(
        "fraud.calls_per_account_hour",
        &fraud.calls_per_account_hour,
        0,
        1_000_000,
    )
}

/// Codes in upper case.
fn countries(codes: &mut [String]) -> Result<()> {
    ensure(
        codes.len() <= COUNTRIES_MAX,
        "countries",
        "has at most 250 entries",
    )?;
    for code in codes {
        code.make_ascii_uppercase();
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        ensure(is_code, "countries", "has codes such as US")?;
    }
    Ok(())
}

/// E.164, each once.
fn in_one_form(numbers: &[String]) -> Result<Vec<String>> {
    ensure(
        numbers.len() <= NUMBERS_MAX,
        "numbers",
        "has at most 1000 entries",
    )?;
    let mut read = numbers
        .iter()
        .map(|number| {
            phone::parse(number)
                .map(|number| number.as_str().to_owned())
                .map_err(|_| wrong("numbers", "must be phone numbers such as +14155550123"))
        })
        .collect::<Result<Vec<_>>>()?;
    read.sort_unstable();
    read.dedup();
    Ok(read)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_home("+14155550123", &[], true)]
    #[case::toll_free("+18005550123", &[], true)]
    #[case::abroad("+493012345678", &[], false)]
    #[case::allowed("+493012345678", &["DE"], true)]
    #[case::only_allowed("+14155550123", &["DE"], false)]
    #[case::island("+18765550123", &[], false)]
    #[case::premium("+19005550123", &["US"], false)]
    #[case::german_premium("+499001234567", &["DE"], false)]
    #[case::satellite("+881612345678", &["US", "DE"], false)]
    #[case::sip("sip:sales@pbx.example", &[], true)]
    #[case::sip_number("sip:+14155550123@pbx.example", &[], true)]
    #[case::sip_premium("sip:+19005550123@pbx.example", &[], false)]
    #[case::sip_abroad("sips:+493012345678@pbx.example;user=phone", &[], false)]
    #[case::premium_by_tel("sip:tel%3A+19005550123@gw", &[], false)]
    #[case::premium_by_sip("sip:sip:+19005550123@gw", &[], false)]
    #[case::abroad_by_outside_line("sip:9011493012345678@gw", &[], false)]
    #[case::none("nobody", &[], false)]
    #[case::empty("", &[], false)]
    #[case::own("+14155550100", &[], false)]
    #[case::own_by_sip("sip:+14155550100@pbx.example", &[], false)]
    fn where_calls_may_go(
        #[case] destination: &str,
        #[case] countries: &[&str],
        #[case] may: bool,
    ) {
        let campaign = CallCampaign {
            countries: Json(countries.iter().map(|code| (*code).to_owned()).collect()),
            numbers: Json(vec!["+14155550100".to_owned()]),
            ..CallCampaign::default()
        };
        assert_eq!(campaign.may_call(destination), may);
    }
}
