//! A number among words of the customer's own: in tags of the person's calls and pings, in what carriers and sellers called a
//! call and its end, and in conditions of bid profiles.

use std::{collections::BTreeMap, mem};

use bin_common_handler::{
    databasehandler::{ChangeTx, Id},
    models::error::Result,
    optouts, phone,
};
use uuid::Uuid;

use crate::{
    choice::{criteria::CriteriaSpec, tags::TagOp},
    dbhandler::{
        market,
        subjects::{self as rows_of, Tagged},
    },
    models::bidprofile::BidProfile,
};

/// Rows with texts, by the column where their person's number stands.
const TAGGED: &[(&str, &str)] = &[
    ("exchange_calls", "from_number"),
    ("exchange_calls", "to_number"),
    ("exchange_pings", "from_number"),
];
/// Said when a profile changed.
const PROFILE_UPDATED: &str = "bidprofile_updated";

/// A customer's person's number, and what is to stand for it.
pub(super) struct Number<'n> {
    customer_id: Uuid,
    phone: &'n str,
    /// As people write it, the longest first.
    forms: Vec<String>,
    pseudonym: &'n str,
}

impl<'n> Number<'n> {
    pub(super) fn new(customer_id: Uuid, phone: &'n str, pseudonym: &'n str) -> Self {
        Self {
            customer_id,
            phone,
            forms: optouts::forms(phone),
            pseudonym,
        }
    }

    /// Whether a text is the number and nothing else.
    fn is_all_of(&self, text: &str) -> bool {
        phone::parse(text).is_ok_and(|read| read.as_str() == self.phone)
    }

    /// A text without the number; nothing where it has none.
    fn without(&self, text: &str) -> Option<String> {
        if self.is_all_of(text) {
            return Some(self.pseudonym.to_owned());
        }
        let mut after = text.to_owned();
        for form in &self.forms {
            if stands_alone(&after, form) {
                after = after.replace(form.as_str(), self.pseudonym);
            }
        }
        (after != text).then_some(after)
    }

    /// A text as it may stay; what was changed is noted.
    fn settle(&self, text: String, changed: &mut Vec<String>) -> String {
        match self.without(&text) {
            Some(after) => {
                changed.push(text);
                after
            }
            None => text,
        }
    }

    /// Takes it out of tags; the words that had it.
    fn take_from_tags(&self, tags: &mut BTreeMap<String, String>) -> Vec<String> {
        let (before, mut changed) = (mem::take(tags), Vec::new());
        for (key, value) in before {
            let key = self.settle(key, &mut changed);
            let value = self.settle(value, &mut changed);
            tags.insert(key, value);
        }
        changed
    }

    /// Whether its digits stand in a text, however they are parted.
    fn is_within(&self, text: &str) -> bool {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let shortest = self.forms.last();
        shortest.is_some_and(|form| digits.contains(form.as_str()))
    }

    /// Forgets a call's reference, or how it ended, where these name it; whether one did. Of a reference, which is a key, no
    /// part is replaced: two might become one.
    fn take_from_reports(&self, row: &mut Tagged) -> bool {
        let reference = row.reference.take_if(|text| self.is_within(text));
        let is_in_cause = self.is_within(&row.hangup_cause);
        if is_in_cause {
            row.hangup_cause.clear();
        }
        reference.is_some() || is_in_cause
    }

    /// Takes it out of conditions; whether they had it. A tag is compared with what stands in calls from now on, so the
    /// condition means what it meant; a pattern or a limit is no number of a person.
    fn take_from_conditions(&self, conditions: &mut CriteriaSpec) -> bool {
        let before = conditions.exclude_numbers.len();
        conditions
            .exclude_numbers
            .retain(|number| number != self.phone);
        let mut had_it = conditions.exclude_numbers.len() < before;
        for tag in &mut conditions.tags {
            if matches!(tag.op, TagOp::Eq | TagOp::Ne) && self.is_all_of(&tag.value) {
                self.pseudonym.clone_into(&mut tag.value);
                had_it = true;
            }
        }
        had_it
    }
}

/// Whether digits are found that are not part of a longer number.
fn stands_alone(text: &str, digits: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    text.match_indices(digits).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + found.len()..).unwrap_or_default();
        !before.ends_with(is_digit) && !after.starts_with(is_digit)
    })
}

/// Takes the number out of the texts of the person's calls and pings, which have its pseudonym already, and out of what was
/// decided by their tags.
///
/// # Errors
/// 503.
pub(super) async fn erase_texts(tx: &mut ChangeTx<'_>, number: &Number<'_>) -> Result<()> {
    for (table, column) in TAGGED {
        let mut after = Uuid::nil();
        loop {
            let (customer_id, pseudonym) = (number.customer_id, number.pseudonym);
            let page: Vec<Tagged> =
                rows_of::tagged(tx, table, column, customer_id, pseudonym, after).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.id;
            for row in page {
                erase_texts_of(tx, table, number, row).await?;
            }
        }
    }
    Ok(())
}

/// Takes it out of the texts of one row, and out of what was decided by its tags.
///
/// # Errors
/// 503.
pub(super) async fn erase_texts_of(
    tx: &mut ChangeTx<'_>,
    table: &'static str,
    number: &Number<'_>,
    mut row: Tagged,
) -> Result<()> {
    let is_reported = number.take_from_reports(&mut row);
    let changed = number.take_from_tags(&mut row.tags.0);
    if changed.is_empty() && !is_reported {
        return Ok(());
    }
    if !changed.is_empty() {
        for text in number.forms.iter().chain(&changed) {
            let (customer_id, pseudonym) = (number.customer_id, number.pseudonym);
            rows_of::replace_explained(tx, customer_id, row.id, text, pseudonym).await?;
        }
    }
    rows_of::set_texts(tx, table, number.customer_id, row).await
}

/// Takes the number out of the conditions of the customer's profiles, deleted ones included; in how many. Sets of profiles that
/// were compiled before are read again.
///
/// # Errors
/// 503.
pub(super) async fn erase_conditions(tx: &mut ChangeTx<'_>, number: &Number<'_>) -> Result<u64> {
    let customer_id = number.customer_id;
    // The shortest form is part of the others.
    let Some(digits) = number.forms.last() else {
        return Ok(0);
    };
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let page = rows_of::profiles_with(tx, customer_id, digits, after).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.id;
        for Id { id } in page {
            count += u64::from(erase_conditions_of(tx, number, id).await?);
        }
    }
    if count > 0 {
        // Last, as others of the customer wait for it.
        market::profiles_changed(tx, customer_id).await?;
    }
    Ok(count)
}

async fn erase_conditions_of(tx: &mut ChangeTx<'_>, number: &Number<'_>, id: Uuid) -> Result<bool> {
    let Some(mut profile) = tx.lock::<BidProfile>(id).await? else {
        return Ok(false);
    };
    if !number.take_from_conditions(&mut profile.criteria.0) {
        return Ok(false);
    }
    profile.tm_update = tx.next_version(profile.tm_update);
    tx.update(&profile).await?;
    if profile.tm_delete.is_none() {
        tx.emit(PROFILE_UPDATED, &profile, number.customer_id)
            .await?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::time::Timestamp;
    use rstest::rstest;
    use sqlx::types::Json;

    use super::*;
    use crate::choice::tags::TagSpec;

    const PHONE: &str = "+14045550123";

    #[rstest]
    #[case::plain("+14045550123", Some("erased:1"))]
    #[case::written("(404) 555-0123", Some("erased:1"))]
    #[case::national("4045550123", Some("erased:1"))]
    #[case::among_words("ask +14045550123, or 4045550123", Some("ask erased:1, or erased:1"))]
    #[case::longer("140455501234", None)]
    #[case::other("+14045550124", None)]
    #[case::words("solar", None)]
    #[case::nothing("", None)]
    fn a_text_is_freed_of_the_number(#[case] text: &str, #[case] expected: Option<&str>) {
        let number = Number::new(Uuid::nil(), PHONE, "erased:1");
        assert_eq!(number.without(text).as_deref(), expected);
    }

    #[rstest]
    #[case::all(Some("4045550123"), "", true, None, "")]
    #[case::part(Some("lead-404-555-0123/7"), "16", true, None, "16")]
    #[case::call_id(Some("+14045550123@pbx.example"), "", true, None, "")]
    #[case::cause(Some("CA1"), "to 14045550123", true, Some("CA1"), "")]
    #[case::other(Some("4045550124"), "16", false, Some("4045550124"), "16")]
    #[case::none(None, "NORMAL_CLEARING", false, None, "NORMAL_CLEARING")]
    fn what_names_a_call_and_its_end_is_forgotten_with_the_number(
        #[case] reference: Option<&str>,
        #[case] cause: &str,
        #[case] had_it: bool,
        #[case] kept: Option<&str>,
        #[case] kept_cause: &str,
    ) {
        let number = Number::new(Uuid::nil(), PHONE, "erased:1");
        let mut row = Tagged {
            id: Uuid::nil(),
            tags: Json(BTreeMap::new()),
            reference: reference.map(str::to_owned),
            hangup_cause: cause.to_owned(),
            tm_create: Timestamp::default(),
        };
        assert_eq!(number.take_from_reports(&mut row), had_it);
        assert_eq!(row.reference.as_deref(), kept);
        assert_eq!(row.hangup_cause, kept_cause);
    }

    #[test]
    fn keys_of_tags_are_words_too() {
        let number = Number::new(Uuid::nil(), PHONE, "erased:1");
        let mut tags = BTreeMap::from([
            (PHONE.to_owned(), "roof".to_owned()),
            ("age".to_owned(), "65".to_owned()),
        ]);
        assert_eq!(number.take_from_tags(&mut tags), [PHONE]);
        let expected = [("age", "65"), ("erased:1", "roof")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(tags, BTreeMap::from(expected));
        assert_eq!(number.take_from_tags(&mut tags), [] as [&str; 0]);
    }

    #[rstest]
    #[case(TagOp::Eq, "erased:1")]
    #[case(TagOp::Ne, "erased:1")]
    #[case(TagOp::Gt, PHONE)]
    fn conditions_stay_conditions(#[case] op: TagOp, #[case] value: &str) {
        let number = Number::new(Uuid::nil(), PHONE, "erased:1");
        let tag = TagSpec {
            key: "lead".to_owned(),
            op,
            value: PHONE.to_owned(),
        };
        let mut conditions = CriteriaSpec {
            exclude_numbers: vec![PHONE.to_owned(), "+14155550123".to_owned()],
            tags: vec![tag],
            ..CriteriaSpec::default()
        };
        assert!(number.take_from_conditions(&mut conditions));
        assert_eq!(conditions.exclude_numbers, ["+14155550123"]);
        assert_eq!(conditions.tags[0].value, value);
        assert!(crate::choice::criteria::Criteria::new(&conditions).is_ok());
        assert!(!number.take_from_conditions(&mut conditions));
    }
}
