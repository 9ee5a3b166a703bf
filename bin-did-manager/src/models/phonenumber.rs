//! A phone number that a business is called at: whom its calls are put through to, and who carries it.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::Result,
        identity::uuid_or_nil,
        page::FilterKind,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{check::short, registration::Registration};
use crate::phone;

text_enum!(
    /// What the registry of campaigns (A2P 10DLC) says of its texts.
    pub enum CampaignStatus {
        /// Nobody has registered one.
        None = "none",
        /// It is looked at.
        Pending = "pending",
        /// Texts may be sent.
        Approved = "approved",
        /// Texts may not be sent.
        Rejected = "rejected",
    }
);

text_enum!(
    /// Where it stands at its provider.
    pub enum NumberStatus {
        /// It is ours.
        Active = "active",
        /// It is being bought.
        Purchasing = "purchasing",
        /// It could not be bought.
        Failed = "failed",
        /// It is being given back.
        Releasing = "releasing",
        /// It was given back.
        Released = "released",
        /// It could not be given back, and costs money; deleting it again tries again.
        ReleaseFailed = "release_failed",
    }
);

/// A number that a business is called at. One that lives belongs to one business of the installation.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "phone_number", table = "did_phone_numbers", check = check)]
pub struct PhoneNumber {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// E.164; fixed at creation.
    #[resource(set, filter = FilterKind::Phone)]
    pub number: String,
    /// E.164 of whom its calls are put through to; empty for nobody, so that every call is missed.
    #[resource(set)]
    pub forward_target: String,
    /// The account that carries it.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub provider_id: Uuid,
    /// The carrier's id of the messaging service that sends its texts; empty for none.
    #[resource(set, check = short)]
    pub messaging_service_id: String,
    /// What the registry of campaigns says. From numbers of country code 1 texts leave only when approved; from others with
    /// `none` as well, as there is no such registry.
    #[resource(set, filter)]
    pub campaign_status: CampaignStatus,
    /// The carrier's id of the campaign that was filed for its texts; empty while there is none.
    pub campaign_id: String,
    /// Why the registry does not take the campaign, for people; empty while all is well.
    pub campaign_failure: String,
    /// What was filed; null for nothing.
    #[schemars(with = "Option<Registration>")]
    pub registration: Json<Option<Registration>>,
    /// It is bought at its provider, and given back when it is deleted. Once true it stays so.
    #[resource(set)]
    pub purchase: bool,
    /// Where it stands at its provider.
    #[resource(filter)]
    pub status: NumberStatus,
    /// The provider's id of it; empty while it is not known.
    pub provider_number_id: String,
    /// Why it could not be bought, or given back, for people; empty while all is well.
    pub failure: String,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

impl PhoneNumber {
    /// It was to be given back, and the carrier has it still. Rows of before it had a status of its own are `releasing`.
    pub fn is_kept(&self) -> bool {
        let is_given_up = self.status == NumberStatus::Releasing && !self.failure.is_empty();
        self.status == NumberStatus::ReleaseFailed || is_given_up
    }
}

fn check(number: &mut PhoneNumber, before: Option<&PhoneNumber>, _: Timestamp) -> Result<()> {
    number.number = e164("number", &number.number)?;
    if !number.forward_target.trim().is_empty() {
        number.forward_target = e164("forward_target", &number.forward_target)?;
    } else {
        number.forward_target.clear();
    }
    let leads_on = number.forward_target != number.number;
    ensure(leads_on, "forward_target", "must be another number")?;
    ensure(!number.provider_id.is_nil(), "provider_id", "is required")?;
    let Some(before) = before else { return Ok(()) };
    let is_same = before.number == number.number;
    ensure(is_same, "number", "cannot be changed")?;
    let stays_bought = number.purchase || !before.purchase;
    ensure(
        stays_bought,
        "purchase",
        "cannot be taken back; delete the number",
    )
}

fn e164(field: &str, text: &str) -> Result<String> {
    let parsed = phone::parse(text).map_err(|fault| wrong(field, &fault.to_string()))?;
    Ok(parsed.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn number(text: &str, target: &str) -> PhoneNumber {
        PhoneNumber {
            number: text.to_owned(),
            forward_target: target.to_owned(),
            provider_id: Uuid::from_u128(1),
            ..PhoneNumber::default()
        }
    }

    #[rstest]
    #[case("(415) 555-0100", "415 555 0123", Some(("+14155550100", "+14155550123")))]
    #[case("+14155550100", " ", Some(("+14155550100", "")))]
    #[case("12", "", None)]
    #[case("+14155550100", "12", None)]
    #[case("+14155550100", "4155550100", None)]
    fn numbers_have_one_form_and_lead_on(
        #[case] text: &str,
        #[case] target: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let mut row = number(text, target);
        let checked = check(&mut row, None, Timestamp::default());
        let found = checked
            .is_ok()
            .then_some((&*row.number, &*row.forward_target));
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(NumberStatus::ReleaseFailed, "refused", true)]
    #[case(NumberStatus::Releasing, "refused", true)]
    #[case(NumberStatus::Releasing, "", false)]
    #[case(NumberStatus::Released, "", false)]
    #[case(NumberStatus::Failed, "refused", false)]
    fn what_the_carrier_has_still_is_told(
        #[case] status: NumberStatus,
        #[case] failure: &str,
        #[case] is_kept: bool,
    ) {
        let mut row = number("+14155550100", "");
        (row.status, row.failure) = (status, failure.to_owned());
        assert_eq!(row.is_kept(), is_kept);
    }

    #[test]
    fn a_number_is_fixed_and_stays_bought() {
        let mut before = number("+14155550100", "");
        before.purchase = true;
        let mut other = number("+14155550101", "");
        other.purchase = true;
        assert!(check(&mut other, Some(&before), Timestamp::default()).is_err());
        let mut sold = before.clone();
        sold.purchase = false;
        assert!(check(&mut sold, Some(&before), Timestamp::default()).is_err());
        let mut same = before.clone();
        assert!(check(&mut same, Some(&before), Timestamp::default()).is_ok());
    }
}
