//! Digest authentication (RFC 7616, RFC 3261 22.4): MD5, which switches know, and SHA-256; `qop=auth` only.
//!
//! A nonce is the time and a MAC of it, so nothing is kept of those that are given out. Of those that were used the
//! count is kept until they end: a message that was recorded opens nothing.

use std::collections::HashMap;

use bin_common_handler::{
    models::{text::hex, time::Timestamp},
    redact::Secret,
};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

/// How long a nonce may be used, in microseconds.
const NONCE_MICROS: i64 = 60_000_000;
/// Nonces in use that are remembered.
const NONCES_MAX: usize = 10_000;
/// The realm of our users.
const REALM: &str = "tandem";

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no digest, or not a right one.
    Wrong,
    /// The digest was right; its nonce is over.
    Stale,
}

/// Who may send.
pub(super) struct Users {
    passwords: HashMap<String, Secret>,
    key: [u8; 32],
    /// The highest count of each nonce, and when it ends.
    used: HashMap<String, (u32, i64)>,
}

impl Users {
    /// From a setting: `user:password`, separated by commas; `None` where it is none.
    pub(super) fn new(text: &Secret, key: [u8; 32]) -> Option<Self> {
        let mut passwords = HashMap::new();
        for pair in text
            .expose()
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty())
        {
            let (user, password) = pair.split_once(':')?;
            if user.is_empty() || password.len() < 8 {
                return None;
            }
            passwords.insert(user.to_owned(), Secret::new(password.to_owned()));
        }
        Some(Self {
            passwords,
            key,
            used: HashMap::new(),
        })
    }

    pub(super) fn set_key(&mut self, key: [u8; 32]) {
        self.key = key;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    /// What is asked of a sender: SHA-256 first, MD5 for those who know no other.
    pub(super) fn challenges(&self, now: Timestamp, is_stale: bool) -> Vec<(&'static str, String)> {
        let nonce = self.nonce(now.micros());
        let stale = if is_stale { ", stale=true" } else { "" };
        ["SHA-256", "MD5"]
            .map(|algorithm| {
                let text = format!(
                    "Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={algorithm}{stale}"
                );
                ("WWW-Authenticate", text)
            })
            .to_vec()
    }

    fn nonce(&self, micros: i64) -> String {
        let time = format!("{micros:016x}");
        format!("{time}{}", self.mac(&time))
    }

    fn mac(&self, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Lets a request in, once for each count of its nonce.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn check(
        &mut self,
        header: &str,
        method: &str,
        uri: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let given = fields(header).ok_or(Refusal::Wrong)?;
        let field = |name: &str| given.get(name).map_or("", String::as_str);
        let (nonce, count) = (field("nonce"), field("nc"));
        if field("realm") != REALM || field("qop") != "auth" || field("uri") != uri {
            return Err(Refusal::Wrong);
        }
        let born = self.born(nonce).ok_or(Refusal::Wrong)?;
        let password = self
            .passwords
            .get(field("username"))
            .ok_or(Refusal::Wrong)?;
        let hash = match field("algorithm").to_ascii_uppercase().as_str() {
            "" | "MD5" => |text: &str| hex(&Md5::digest(text.as_bytes())),
            "SHA-256" => |text: &str| hex(&Sha256::digest(text.as_bytes())),
            _ => return Err(Refusal::Wrong),
        };
        let own = format!("{}:{REALM}:{}", field("username"), password.expose());
        let what = format!("{method}:{uri}");
        let expected = hash(&format!(
            "{}:{nonce}:{count}:{}:auth:{}",
            hash(&own),
            field("cnonce"),
            hash(&what)
        ));
        if !is_same(&expected, &field("response").to_ascii_lowercase()) {
            return Err(Refusal::Wrong);
        }
        if !(0..NONCE_MICROS).contains(&now.micros().saturating_sub(born)) {
            return Err(Refusal::Stale);
        }
        let count = u32::from_str_radix(count, 16).map_err(|_| Refusal::Wrong)?;
        self.note(nonce, count, born.saturating_add(NONCE_MICROS), now)
    }

    /// When we made a nonce; nothing where we did not.
    fn born(&self, nonce: &str) -> Option<i64> {
        let (time, mac) = nonce.split_at_checked(16)?;
        let is_ours = is_same(&self.mac(time), mac);
        is_ours
            .then(|| i64::from_str_radix(time, 16).ok())
            .flatten()
    }

    /// A count is used once, and they grow.
    fn note(&mut self, nonce: &str, count: u32, end: i64, now: Timestamp) -> Result<(), Refusal> {
        if self.used.len() >= NONCES_MAX {
            self.used.retain(|_, (_, end)| *end > now.micros());
        }
        if self.used.len() >= NONCES_MAX && !self.used.contains_key(nonce) {
            return Err(Refusal::Stale);
        }
        let entry = self.used.entry(nonce.to_owned()).or_insert((0, end));
        if count <= entry.0 {
            return Err(Refusal::Stale);
        }
        entry.0 = count;
        Ok(())
    }
}

/// What may be used once: the nonce of an answer with its count, as SHA-256 in hexadecimal digits; nothing where there is
/// none. Right it is where [`Users::check`] said so.
pub(super) fn once(header: &str) -> Option<String> {
    let given = fields(header)?;
    let count = u32::from_str_radix(given.get("nc")?, 16).ok()?;
    let text = format!("{}:{count}", given.get("nonce")?);
    Some(hex(&Sha256::digest(text.as_bytes())))
}

/// How long a count that was used is remembered by all processes: as long as their clocks might find its nonce good.
pub(super) const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(300);

/// Compared in a time that tells nothing.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .fold(0, |seen, (a, b)| seen | (a ^ b))
            == 0
}

/// `name=value` and `name="value"`, separated by commas.
fn fields(header: &str) -> Option<HashMap<String, String>> {
    let (scheme, mut rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut found = HashMap::new();
    while !rest.trim().is_empty() && found.len() < 20 {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => {
                let end = value.find(',').unwrap_or(value.len());
                value.split_at_checked(end)?
            }
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = after.trim_start().trim_start_matches(',');
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "sip:+14155550100@sip.example";

    fn users() -> Users {
        Users::new(&Secret::new("switch:correct horse"), [7; 32]).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_168_800_000_000 + seconds * 1_000_000)
    }

    fn header(users: &Users, seconds: i64, algorithm: &str, password: &str, count: u32) -> String {
        let nonce = users.nonce(at(seconds).micros());
        let hash = |text: String| match algorithm {
            "MD5" => hex(&Md5::digest(text.as_bytes())),
            _ => hex(&Sha256::digest(text.as_bytes())),
        };
        let own = hash(format!("switch:tandem:{password}"));
        let what = hash(format!("INVITE:{URI}"));
        let response = hash(format!("{own}:{nonce}:{count:08x}:abc:auth:{what}"));
        format!(
            "Digest username=\"switch\",realm=\"tandem\",nonce=\"{nonce}\",uri=\"{URI}\",\
             response=\"{response}\", algorithm={algorithm}, cnonce=\"abc\", qop=auth, nc={count:08x}"
        )
    }

    #[test]
    fn what_is_used_once_is_the_nonce_with_its_count_in_whatever_form() {
        let first = once("Digest nonce=\"n\", nc=00000001, cnonce=\"c\"");
        assert!(first.is_some());
        for (header, is_same) in [
            ("digest nc=1 , nonce=\"n\", cnonce=\"other\"", true),
            ("Digest nonce=n, nc=\"01\"", true),
            ("Digest nonce=\"n\", nc=00000002", false),
            ("Digest nonce=\"m\", nc=00000001", false),
        ] {
            assert_eq!(once(header) == first, is_same, "{header}");
        }
        for none in [
            "",
            "Basic x",
            "Digest nonce=\"n\"",
            "Digest nonce=\"n\", nc=x",
        ] {
            assert_eq!(once(none), None, "{none}");
        }
    }

    #[test]
    fn who_knows_the_password_is_let_in_once_for_each_count() {
        for algorithm in ["MD5", "SHA-256"] {
            let mut users = users();
            let one = header(&users, 0, algorithm, "correct horse", 1);
            assert_eq!(users.check(&one, "INVITE", URI, at(1)), Ok(()));
            assert_eq!(
                users.check(&one, "INVITE", URI, at(1)),
                Err(Refusal::Stale),
                "again"
            );
            let two = header(&users, 0, algorithm, "correct horse", 2);
            assert_eq!(users.check(&two, "BYE", URI, at(1)), Err(Refusal::Wrong));
            assert_eq!(
                users.check(&two, "INVITE", "sip:other", at(1)),
                Err(Refusal::Wrong)
            );
            assert_eq!(
                users.check(&two, "INVITE", URI, at(61)),
                Err(Refusal::Stale)
            );
            let wrong = header(&users, 0, algorithm, "battery staple", 3);
            assert_eq!(
                users.check(&wrong, "INVITE", URI, at(1)),
                Err(Refusal::Wrong)
            );
        }
        let mut users = users();
        let foreign = header(
            &Users::new(&Secret::new("a:12345678"), [8; 32]).unwrap(),
            0,
            "MD5",
            "correct horse",
            1,
        );
        for header in [
            foreign.as_str(),
            "",
            "Basic abc",
            "Digest",
            "Digest =",
            "Digest nonce=\"",
            "Digest a=b,c",
        ] {
            assert_eq!(
                users.check(header, "INVITE", URI, at(0)),
                Err(Refusal::Wrong),
                "{header}"
            );
        }
    }
}
