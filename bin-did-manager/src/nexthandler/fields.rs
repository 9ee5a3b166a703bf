//! What dialers send with a request for a number, under all the names they have for it.

use std::collections::HashMap;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

/// Longest value that is kept, in characters.
const LENGTH_MAX: usize = 64;

/// The parameters of a request, each in its one name; empty where missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fields {
    /// The dialer's id of the campaign.
    pub campaign: String,
    pub agent: String,
    /// The person called, as the dialer wrote it.
    pub phone: String,
    /// Area code of the person called, where the number itself is kept back.
    pub area_code: String,
    /// State of the person called.
    pub state: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub lead: String,
    /// The dialer's id of the call.
    pub uniqueid: String,
    /// The dialer's name for the whole call.
    pub call_id: String,
}

impl Fields {
    /// Reads a query; `request_id` is the caller's own X-Request-ID, which dialers fill with the uniqueid.
    pub(crate) fn read(query: &HashMap<String, String>, request_id: Option<&str>) -> Self {
        let text = |names: &[&str]| {
            let found = names.iter().filter_map(|name| query.get(*name));
            let mut texts = found
                .map(|text| clean(text))
                .filter(|text| !text.trim().is_empty());
            texts.next().unwrap_or_default()
        };
        let trimmed = |names: &[&str]| text(names).trim().to_owned();
        let degrees = |name: &str, max: f64| {
            let number = trimmed(&[name]).parse::<f64>().ok()?;
            (number.abs() <= max).then_some(number)
        };
        let uniqueid = trimmed(&["uniqueid"]);
        Self {
            campaign: trimmed(&["campaign_id", "campaignId"]),
            agent: trimmed(&["agent_id", "agentId"]),
            // Not trimmed: a leading space was a plus.
            phone: text(&["customer_phone", "customerPhone", "dialed_number", "phone"]),
            area_code: trimmed(&["customer_area_code", "dialed_area_code", "area_code"]),
            state: trimmed(&["customer_state", "state"]),
            latitude: degrees("latitude", 90.0),
            longitude: degrees("longitude", 180.0),
            call_id: trimmed(&["call_id", "callId"]),
            lead: trimmed(&["lead_id", "lead_hash", "vendor_lead_code"]),
            uniqueid: if uniqueid.is_empty() {
                clean(request_id.unwrap_or_default())
            } else {
                uniqueid
            },
        }
    }
}

/// The parameters under their first names, for OpenAPI. Others are passed over.
pub(crate) fn parameters(_: &mut SchemaGenerator) -> Schema {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json_schema!({
        "type": "object",
        "properties": {
            "campaign_id": text("The dialer's id of the campaign."),
            "agent_id": text("The agent."),
            "customer_phone": text("The person called."),
            "customer_area_code": text("The area code of the person called, where the number itself is kept back."),
            "customer_state": text("The state of the person called."),
            "latitude": { "type": "number", "minimum": -90, "maximum": 90, "description": "Where the person called is, in degrees." },
            "longitude": { "type": "number", "minimum": -180, "maximum": 180, "description": "Where the person called is, in degrees." },
            "lead_id": text("The dialer's id of the lead."),
            "uniqueid": text("The dialer's id of the call: asked again with it, the same number is given."),
            "call_id": text("The dialer's name for the whole call."),
            "dry_run": { "type": "boolean", "description": "Says which number would be given, and gives none." },
            "customer_id": text("The tenant; a key that belongs to one leaves it out."),
            "format": { "type": "string", "enum": ["json", "text"] },
        },
    })
}

/// Without control characters, and not too long.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LENGTH_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(pairs: &[(&str, &str)], request_id: Option<&str>) -> Fields {
        let query = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Fields::read(&query.collect(), request_id)
    }

    #[rstest]
    #[case(&[("customer_phone", "4155551234"), ("dialed_number", "914155551234")], "4155551234")]
    #[case(&[("customer_phone", ""), ("dialed_number", "914155551234")], "914155551234")]
    #[case(&[("customer_phone", " 14155551234")], " 14155551234")]
    #[case(&[], "")]
    fn the_person_called(#[case] pairs: &[(&str, &str)], #[case] phone: &str) {
        assert_eq!(read(pairs, None).phone, phone);
    }

    #[test]
    fn a_request_id_is_the_calls_id_where_there_is_no_other() {
        assert_eq!(read(&[("uniqueid", "1.2")], Some("x")).uniqueid, "1.2");
        assert_eq!(read(&[("uniqueid", "")], Some("x")).uniqueid, "x");
        assert_eq!(read(&[], None).uniqueid, "");
    }

    #[rstest]
    #[case("37.5", Some(37.5))]
    #[case("91", None)]
    #[case("NaN", None)]
    #[case("north", None)]
    fn degrees(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(read(&[("latitude", text)], None).latitude, expected);
    }

    proptest! {
        #[test]
        fn any_value_is_read_and_bounded(text in "\\PC{0,300}") {
            let fields = read(&[("campaign_id", &text), ("lead_id", &text)], Some(&text));
            prop_assert!(fields.campaign.chars().count() <= LENGTH_MAX);
            prop_assert!(fields.uniqueid.chars().all(|c| !c.is_control()));
        }
    }
}
