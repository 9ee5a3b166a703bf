//! A person's agreement to be contacted: versions that are never changed, only followed.

use bin_common_handler::{
    Entity,
    models::{
        check::{ensure, plain, short},
        error::Result,
        page::{Filter, FilterKind},
        text::check_shown,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::compliance::Purpose;

/// Announced when a person agreed.
pub const GRANTED: &str = "consent_granted";
/// Announced when a person took it back.
pub const REVOKED: &str = "consent_revoked";

/// Proofs of one consent.
const PROOFS_MAX: usize = 20;
/// Longest address or text of a proof, in bytes.
const TEXT_MAX: usize = 4_096;
/// Channels by which people are called; a consent without channels holds for all.
const VOICE: [&str; 2] = ["voice", "call"];
/// Channels by which they are written to.
const WRITING: [&str; 4] = ["sms", "mms", "email", "chat"];

text_enum!(
    /// Whether a consent holds.
    pub enum ConsentStatus {
        /// It was asked for, and is not proved.
        Pending = "pending",
        /// It holds.
        Active = "active",
        /// The person took it back.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
);

text_enum!(
    /// What proves a consent.
    pub enum ProofKind {
        /// A signature on paper.
        Written = "written",
        /// A form on a page, 15 U.S.C. 7001.
        WebForm = "web_form",
        /// A message from the person.
        Message = "message",
        /// What was said, recorded.
        Recording = "recording",
    }
);

/// What proves a consent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proof {
    /// What it is.
    pub kind: ProofKind,
    /// Where it is kept.
    pub uri: String,
    /// SHA-256 of it, 64 hexadecimal digits; empty = not known.
    pub sha256: String,
    /// What the person was told.
    pub text: String,
}

/// One version of a consent.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_consents")]
pub struct Consent {
    /// UUIDv7 of this version.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The id of its first version, the same in all that follow it.
    pub consent_id: Uuid,
    /// From 1.
    pub version: i64,
    /// E.164 of the person.
    pub phone: String,
    /// What the person may be contacted for.
    pub purpose: Purpose,
    /// By which ways, such as `voice`; empty = by all.
    #[schemars(with = "Vec<String>")]
    pub channels: Json<Vec<String>>,
    /// Whether it holds.
    pub status: ConsentStatus,
    /// What proves it.
    #[schemars(with = "Vec<Proof>")]
    pub proofs: Json<Vec<Proof>>,
    /// When it ends; null = never.
    pub expires: Option<Timestamp>,
    /// When this version was made.
    pub tm_create: Timestamp,
    /// The same: a version does not change.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("consent_id", FilterKind::Uuid),
    ("phone", FilterKind::Phone),
    ("purpose", FilterKind::OneOf(Purpose::WORDS)),
    ("status", FilterKind::OneOf(ConsentStatus::WORDS)),
];

impl Consent {
    /// Whether calls are agreed to at that time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.status == ConsentStatus::Active
            && self.expires.is_none_or(|expires| now < expires)
            && self.is_about_calls()
    }

    fn is_about_calls(&self) -> bool {
        let channels = &self.channels.0;
        channels.is_empty() || channels.iter().any(|name| VOICE.contains(&name.as_str()))
    }

    /// Whether the person agreed in writing, by hand or electronically.
    pub fn is_written(&self) -> bool {
        let is_written = |proof: &Proof| {
            matches!(
                proof.kind,
                ProofKind::Written | ProofKind::WebForm | ProofKind::Message
            )
        };
        self.proofs.0.iter().any(is_written)
    }
}

/// Of all versions of one number's consents the last of each, as far as calls go: a person takes back what it agreed to, not
/// a record of it, so a revocation ends every earlier consent for the same purpose.
pub fn in_force(versions: Vec<Consent>) -> Vec<Consent> {
    let revocations: Vec<(Purpose, Timestamp)> = versions
        .iter()
        .filter(|one| one.status == ConsentStatus::Revoked && one.is_about_calls())
        .map(|one| (one.purpose, one.tm_create))
        .collect();
    let mut last: Vec<Consent> = Vec::new();
    for version in versions {
        let same = last
            .iter_mut()
            .find(|known| known.consent_id == version.consent_id);
        match same {
            Some(known) if known.version < version.version => *known = version,
            Some(_) => {}
            None => last.push(version),
        }
    }
    last.retain(|one| {
        let is_ended =
            |(purpose, at): &(Purpose, Timestamp)| *purpose == one.purpose && one.tm_create <= *at;
        one.status != ConsentStatus::Active || !revocations.iter().any(is_ended)
    });
    last
}

/// Checks channels: a word that nobody knows would count for nothing, without anybody being told.
///
/// # Errors
/// 400 naming the field.
pub fn check_channels(channels: &[String]) -> Result<()> {
    let known = VOICE.iter().chain(&WRITING);
    ensure(
        channels.len() <= VOICE.len() + WRITING.len(),
        "channels",
        "has too many entries",
    )?;
    ensure(
        channels
            .iter()
            .all(|channel| known.clone().any(|word| word == channel)),
        "channels",
        "are some of voice, call, sms, mms, email, chat; none = all",
    )
}

/// Checks proofs.
///
/// # Errors
/// 400 naming the field.
pub fn check_proofs(proofs: &[Proof]) -> Result<()> {
    ensure(
        proofs.len() <= PROOFS_MAX,
        "proofs",
        "has at most 20 entries",
    )?;
    for proof in proofs {
        ensure(
            proof.uri.len() <= TEXT_MAX,
            "proofs.uri",
            "has at most 4096 bytes",
        )?;
        plain("proofs.uri", &proof.uri)?;
        ensure(
            proof.text.len() <= TEXT_MAX,
            "proofs.text",
            "has at most 4096 bytes",
        )?;
        check_shown("proofs.text", &proof.text)?;
        short("proofs.sha256", &proof.sha256)?;
        let is_hash =
            proof.sha256.len() == 64 && proof.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        ensure(
            proof.sha256.is_empty() || is_hash,
            "proofs.sha256",
            "must be 64 hexadecimal digits",
        )?;
        let says_something = !proof.uri.is_empty() || !proof.text.is_empty();
        ensure(says_something, "proofs", "have a uri or a text each")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(ConsentStatus::Active, None, &[], true)]
    #[case(ConsentStatus::Active, Some(100), &[], false)]
    #[case(ConsentStatus::Active, Some(101), &["sms", "voice"], true)]
    #[case(ConsentStatus::Active, None, &["sms"], false)]
    #[case(ConsentStatus::Pending, None, &[], false)]
    #[case(ConsentStatus::Revoked, None, &[], false)]
    fn a_consent_holds_for_calls(
        #[case] status: ConsentStatus,
        #[case] expires: Option<i64>,
        #[case] channels: &[&str],
        #[case] expected: bool,
    ) {
        let consent = Consent {
            status,
            expires: expires.map(Timestamp::from_micros),
            channels: Json(channels.iter().map(|name| (*name).to_owned()).collect()),
            ..Consent::default()
        };
        assert_eq!(consent.holds(Timestamp::from_micros(100)), expected);
    }

    /// Consents for calls, each version `(consent, version, state, when)`; those that hold in the end.
    #[rstest]
    #[case::twice_and_one_revoked(&[(1, 2, "active", 10), (2, 2, "active", 11), (1, 3, "revoked", 12)], &[])]
    #[case::in_one_instant(&[(1, 2, "active", 12), (2, 3, "revoked", 12)], &[])]
    #[case::granted_after_it(&[(1, 2, "active", 10), (1, 3, "revoked", 12), (2, 2, "active", 13)], &[2])]
    #[case::granted_again(
        &[(1, 4, "active", 14), (1, 3, "revoked", 12), (1, 2, "active", 10), (2, 2, "active", 11)], &[1]
    )]
    #[case::not_revoked(&[(1, 2, "active", 10), (2, 1, "pending", 11)], &[1])]
    fn a_revocation_ends_every_earlier_consent(
        #[case] versions: &[(u128, i64, &str, i64)],
        #[case] hold: &[u128],
    ) {
        let version = |&(consent, version, status, at): &(u128, i64, &str, i64)| Consent {
            consent_id: Uuid::from_u128(consent),
            version,
            status: serde_json::from_value(serde_json::json!(status)).unwrap(),
            tm_create: Timestamp::from_micros(at),
            ..Consent::default()
        };
        let all: Vec<Consent> = versions.iter().map(version).collect();
        let held = |all: Vec<Consent>| -> Vec<u128> {
            let left = in_force(all).into_iter();
            left.filter(|one| one.holds(Timestamp::from_micros(100)))
                .map(|one| one.consent_id.as_u128())
                .collect()
        };
        assert_eq!(held(all.clone()), hold);
        let elsewhere = |change: fn(&mut Consent)| {
            let mut all = all.clone();
            all.iter_mut()
                .filter(|one| one.status == ConsentStatus::Revoked && one.consent_id.as_u128() == 1)
                .for_each(change);
            held(all)
        };
        // Texts are stopped, or calls for something else: the other consent stays.
        let is_first_case = hold.is_empty() && versions.len() == 3;
        if is_first_case {
            assert_eq!(
                elsewhere(|one| one.channels = Json(vec!["sms".to_owned()])),
                [2]
            );
            assert_eq!(elsewhere(|one| one.purpose = Purpose::Service), [2]);
        }
    }

    #[rstest]
    #[case(
        r#"[{"kind": "web_form", "uri": "https://example.com/1"}]"#,
        true,
        true
    )]
    #[case(r#"[{"kind": "recording", "uri": "s3://calls/1"}]"#, true, false)]
    #[case(r#"[{"kind": "written"}]"#, false, true)]
    #[case(r#"[{"kind": "written", "text": "x", "sha256": "abc"}]"#, false, true)]
    fn a_proof_says_something(
        #[case] json: &str,
        #[case] is_right: bool,
        #[case] is_written: bool,
    ) {
        let proofs: Vec<Proof> = serde_json::from_str(json).unwrap();
        assert_eq!(check_proofs(&proofs).is_ok(), is_right);
        let consent = Consent {
            proofs: Json(proofs),
            ..Consent::default()
        };
        assert_eq!(consent.is_written(), is_written);
    }
}
