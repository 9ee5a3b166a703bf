//! What the columns of a file of numbers may be called.

use bin_common_handler::table::{Field, Schema};

/// A cell that says whether the number may be given: Y or N.
pub const ACTIVE: &str = "active";

/// The columns of an import; every other is ignored, and named in the report.
pub static COLUMNS: Schema = Schema {
    fields: &[
        Field::number(
            "number",
            &[
                "numbers",
                "phone",
                "phones",
                "phonenumber",
                "phonenumbers",
                "phonenum",
                "did",
                "dids",
                "didnumber",
                "didnumbers",
                "didnum",
                "didphonenumber",
                "cid",
                "cidnumber",
                "cidnum",
                "callerid",
                "calleridnumber",
                "calleridnum",
                "outboundcid",
                "outboundcallerid",
                "outboundnumber",
                "clid",
                "cli",
                "ani",
                "tn",
                "tns",
                "msisdn",
                "tel",
                "telephone",
                "telephonenumber",
                "fullnumber",
                "e164",
                "e164number",
            ],
        ),
        Field::of("status", &["didstatus", "numberstatus"]),
        Field::of(ACTIVE, &["isactive", "enabled", "isenabled"]),
        Field::of("until", &[]),
        Field::of(
            "daily_cap",
            &[
                "capacity",
                "dailycapacity",
                "cap",
                "limit",
                "daycap",
                "dailylimit",
                "dailymax",
                "maxdaily",
                "maxcalls",
                "calllimit",
                "callsperday",
                "callsday",
                "maxcallsperday",
                "maxdailycalls",
                "dailycalllimit",
                "dailycallcap",
                "perday",
            ],
        ),
        Field::of(
            "hourly_cap",
            &[
                "hourcap",
                "hourlylimit",
                "hourlymax",
                "maxhourly",
                "callsperhour",
                "maxcallsperhour",
                "maxhourlycalls",
                "hourlycalllimit",
                "hourlycallcap",
                "perhour",
            ],
        ),
        Field::of(
            "cooldown_seconds",
            &["cooldown", "cooldownsec", "cooldownsecs"],
        ),
        Field::of("weight", &[]),
        Field::of("carrier", &["carriername"]),
        Field::of("provider", &["providername"]),
        Field::of("attestation", &[]),
        Field::of("description", &["desc", "ciddescription", "diddescription"]),
        Field::of("tags", &["tag"]),
        Field::of("state", &["stateprovince", "province"]),
        Field::of("city", &[]),
        Field::of("npa", &["areacode"]),
        Field::of("latitude", &["lat"]),
        Field::of("longitude", &["lon", "lng", "long"]),
        Field::of("reputation", &[]),
        Field::of("reputation_source", &[]),
    ],
};

#[cfg(test)]
mod tests {
    use bin_common_handler::resource::Resource;
    use rstest::rstest;

    use super::*;
    use crate::models::did::Did;

    #[test]
    fn every_field_of_a_number_has_a_column() {
        for name in Did::FIELDS {
            assert_eq!(COLUMNS.field(name).map(|field| field.name), Some(*name));
        }
    }

    #[rstest]
    #[case("number", &["Number", "DID", "did_number", "Phone Number", "PhoneNumber", "TN", "msisdn", "Caller-ID", "CallerID", "outbound_cid", "Telephone Number", "Full Number", "cid", "ANI", "phone.number"])]
    #[case("daily_cap", &["Daily Cap", "capacity", "DAILY-LIMIT", "Max Calls", "calls per day", "max_calls_per_day"])]
    #[case("hourly_cap", &["Hourly Cap", "hourly_limit", "Calls per Hour"])]
    #[case("status", &["Status", "STATUS ", "DID Status"])]
    #[case("active", &["Active", "enabled", "Is Active"])]
    #[case("npa", &["Area Code", "areacode", "NPA"])]
    fn columns_have_many_names(#[case] field: &str, #[case] names: &[&str]) {
        for name in names {
            assert_eq!(COLUMNS.field(name).map(|it| it.name), Some(field), "{name}");
        }
    }

    #[rstest]
    #[case("Agent Cell")]
    #[case("Account")]
    #[case("Country")]
    #[case("caller id name")]
    #[case("")]
    fn other_columns_are_none(#[case] name: &str) {
        assert_eq!(COLUMNS.field(name), None);
    }
}
