//! A template: the words of a text that the daemon sends by itself, with placeholders that it fills.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::Result,
        text::check_said,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest name, in bytes.
const NAME_MAX: usize = 64;
/// Longest body, in bytes: what a carrier takes as one message.
const BODY_MAX: usize = 1_600;
/// What a body may leave to be filled in.
pub const PLACEHOLDERS: &[&str] = &["business_name", "customer_name", "slot"];

/// Words for one occasion.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "template", table = "chat_templates", check = check)]
pub struct Template {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The occasion, e.g. `greeting`: a-z, 0-9 and `_`, at most 64. There is one live template for each.
    #[resource(set, filter)]
    pub name: String,
    /// What is sent, at most 1,600 bytes. `{business_name}`, `{customer_name}` and `{slot}` are filled in.
    #[resource(set, not_blank, max_bytes = BODY_MAX)]
    pub body: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(template: &mut Template, _: Option<&Template>, _: Timestamp) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let name = &template.name;
    let is_name = !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(is_plain);
    ensure(is_name, "name", "has 1 to 64 of a-z, 0-9 and _")?;
    check_said("body", &template.body)?;
    let mut rest = template.body.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let (name, after) = rest
            .get(at..)
            .and_then(|text| text.strip_prefix('{'))
            .and_then(|text| text.split_once('}'))
            .ok_or_else(|| wrong("body", "has a brace that belongs to no placeholder"))?;
        ensure(
            PLACEHOLDERS.contains(&name),
            "body",
            "may have the placeholders {business_name}, {customer_name} and {slot} only",
        )?;
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn checked(name: &str, body: &str) -> Result<()> {
        let mut template = Template {
            name: name.to_owned(),
            body: body.to_owned(),
            ..Template::default()
        };
        bin_common_handler::resource::Resource::check(&mut template, None, Timestamp::default())
    }

    #[rstest]
    #[case::plain("greeting", "Hello.")]
    #[case::filled("reminder", "{customer_name}, {business_name} comes at {slot}")]
    #[case::other_names("after_2_days", "Still there?")]
    fn a_template_is_taken(#[case] name: &str, #[case] body: &str) {
        assert!(checked(name, body).is_ok());
    }

    #[rstest]
    #[case::unknown("greeting", "Hi {price}", "body")]
    #[case::typo("greeting", "Hi {customer_name}, it is {nmae}", "body")]
    #[case::spaced("greeting", "Hi { slot }", "body")]
    #[case::open("greeting", "Hi {slot", "body")]
    #[case::closed("greeting", "Hi slot}", "body")]
    #[case::nested("greeting", "Hi {{slot}}", "body")]
    #[case::empty("greeting", " ", "body")]
    #[case::control("greeting", "Hi\0", "body")]
    #[case::no_name("", "Hi", "name")]
    #[case::capital("Greeting", "Hi", "name")]
    fn what_breaks_a_rule_is_refused_by_its_field(
        #[case] name: &str,
        #[case] body: &str,
        #[case] field: &str,
    ) {
        let refusal = checked(name, body).unwrap_err();
        assert_eq!(refusal.status().code(), 400);
        assert!(refusal.message().starts_with(field), "{refusal}");
    }

    #[test]
    fn a_refusal_names_the_placeholders_that_exist() {
        let refusal = checked("greeting", "Hi {nmae}").unwrap_err();
        for placeholder in PLACEHOLDERS {
            let named = format!("{{{placeholder}}}");
            assert!(refusal.message().contains(&named), "{refusal}");
        }
    }
}
