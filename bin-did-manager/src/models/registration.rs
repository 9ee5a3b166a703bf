//! What a business says of its texts to the registry of campaigns (A2P 10DLC), by way of its carrier.

use bin_common_handler::models::{
    check::{ensure, short},
    error::Result,
};
use serde::{Deserialize, Serialize};

/// How many characters the registry takes of a description, and of how people come to the texts.
const DESCRIPTION: (usize, usize) = (40, 4_096);
const MESSAGE_FLOW: (usize, usize) = (40, 2_048);
/// How many examples of texts it wants, and how long they are.
const SAMPLES: (usize, usize) = (2, 5);
const SAMPLE: (usize, usize) = (20, 1_024);

/// A campaign as it is filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The carrier's id of the brand, which is registered with the papers of the business at the carrier.
    pub brand_id: String,
    /// The registry's word for what the texts are for.
    #[serde(default = "mixed")]
    pub use_case: String,
    /// What the texts are about, 40 to 4,096 characters.
    pub description: String,
    /// How people agree to get them, 40 to 2,048 characters.
    pub message_flow: String,
    /// 2 to 5 texts of 20 to 1,024 characters.
    pub samples: Vec<String>,
}

/// Some of everything, and not many.
fn mixed() -> String {
    "LOW_VOLUME".to_owned()
}

impl Registration {
    /// Checks what the registry would refuse.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        short("brand_id", &self.brand_id)?;
        short("use_case", &self.use_case)?;
        ensure(
            is_word(&self.brand_id),
            "brand_id",
            "must be the carrier's id of a brand",
        )?;
        ensure(
            is_word(&self.use_case),
            "use_case",
            "must be a word of the registry",
        )?;
        let has = |text: &str, (least, most): (usize, usize)| {
            (least..=most).contains(&text.trim().chars().count())
        };
        let is_described = has(&self.description, DESCRIPTION);
        ensure(is_described, "description", "has 40 to 4,096 characters")?;
        let is_told = has(&self.message_flow, MESSAGE_FLOW);
        ensure(is_told, "message_flow", "has 40 to 2,048 characters")?;
        let are_some = (SAMPLES.0..=SAMPLES.1).contains(&self.samples.len());
        ensure(are_some, "samples", "has 2 to 5 texts")?;
        let are_long = self.samples.iter().all(|sample| has(sample, SAMPLE));
        ensure(are_long, "samples", "has texts of 20 to 1,024 characters")
    }
}

fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn registration() -> Registration {
        Registration {
            brand_id: "BN1".to_owned(),
            use_case: mixed(),
            description: "d".repeat(40),
            message_flow: "m".repeat(40),
            samples: vec!["s".repeat(20); 2],
        }
    }

    #[rstest]
    #[case::all_is_well(|_: &mut Registration| {}, None)]
    #[case::no_brand(|it: &mut Registration| it.brand_id.clear(), Some("brand_id"))]
    #[case::a_path(|it: &mut Registration| it.brand_id = "../x".to_owned(), Some("brand_id"))]
    #[case::no_use_case(|it: &mut Registration| it.use_case = "low volume".to_owned(), Some("use_case"))]
    #[case::hardly_described(|it: &mut Registration| { it.description.pop(); }, Some("description"))]
    #[case::blanks(|it: &mut Registration| it.message_flow = " ".repeat(60), Some("message_flow"))]
    #[case::one_sample(|it: &mut Registration| { it.samples.pop(); }, Some("samples"))]
    #[case::too_many(|it: &mut Registration| it.samples = vec!["s".repeat(20); 6], Some("samples"))]
    #[case::a_short_one(|it: &mut Registration| it.samples = vec!["s".repeat(19); 2], Some("samples"))]
    fn what_the_registry_would_refuse_is_named(
        #[case] change: fn(&mut Registration),
        #[case] field: Option<&str>,
    ) {
        let mut registration = registration();
        change(&mut registration);
        let refused = registration.check().err();
        let named = refused.map(|error| error.message().to_owned());
        assert_eq!(named.is_some(), field.is_some(), "{named:?}");
        if let (Some(text), Some(field)) = (named, field) {
            assert!(text.starts_with(field), "{text}");
        }
    }
}
