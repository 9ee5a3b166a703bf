//! Tokens of visitors: JSON Web Tokens (RFC 7519), HS256, under a key that the first replica makes and all share.

use std::time::Duration;

use bin_common_handler::{
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    redact::Secret,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{app::App, models::chatsession::ChatSession};

/// How long a token is good.
const TOKEN_MAX: Duration = Duration::from_secs(6 * 3_600);
/// A token that is good for less than this is renewed when it is used.
const RENEWED_BEFORE: Duration = Duration::from_secs(3 * 3_600);
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 2_048;
/// The key's row.
const KEY: &str = "sessions";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The session.
    pub sub: Uuid,
    /// Its conversation.
    pub conversation_id: Uuid,
    /// Until when, in seconds since 1970.
    pub exp: i64,
}

/// The refusal of a token, whatever is wrong with it.
pub(crate) fn refused() -> Error {
    Error::unauthenticated("BAD_TOKEN", "The token is not right, or not any more.")
}

/// The key of this installation.
///
/// # Errors
/// 503 where SECRETS_KEY is missing or the database is away.
pub(crate) async fn key(app: &App) -> Result<Secret> {
    app.shared_key(&app.session_key, KEY).await
}

const fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// A token of a session, good for 6 hours and never longer than the session.
///
/// # Errors
/// 500.
pub(crate) fn sign(key: &Secret, session: &ChatSession, now: Timestamp) -> Result<String> {
    let claims = Claims {
        sub: session.id,
        conversation_id: session.conversation_id,
        exp: seconds(now.plus(TOKEN_MAX).min(session.expires_at)),
    };
    let key = EncodingKey::from_secret(key.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::internal)
}

/// What a good token says. Whether its session goes on is the caller's to ask.
///
/// # Errors
/// 401.
pub(crate) fn verify(key: &Secret, token: &str, now: Timestamp) -> Result<Claims> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refused());
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // The time of day is this daemon's clock, below.
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(key.expose().as_bytes());
    let read = jsonwebtoken::decode::<Claims>(token, &key, &validation);
    let claims = read.map_err(|_| refused())?.claims;
    if claims.exp <= seconds(now) {
        return Err(refused());
    }
    Ok(claims)
}

/// A token in place of one with these claims, where that is soon over and the session is not.
///
/// # Errors
/// 500.
pub(crate) fn renewed(
    key: &Secret,
    session: &ChatSession,
    claims: &Claims,
    now: Timestamp,
) -> Result<Option<String>> {
    let is_last = claims.exp >= seconds(session.expires_at);
    if is_last || !is_old(claims, now) {
        return Ok(None);
    }
    sign(key, session, now).map(Some)
}

/// Whether a token with these claims is to be replaced by a new one.
pub(crate) fn is_old(claims: &Claims, now: Timestamp) -> bool {
    claims.exp < seconds(now.plus(RENEWED_BEFORE))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HOUR: u64 = 3_600;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(Duration::from_secs(seconds))
    }

    fn session() -> ChatSession {
        ChatSession {
            id: Uuid::from_u128(1),
            conversation_id: Uuid::from_u128(2),
            expires_at: at(7 * 24 * HOUR),
            ..ChatSession::default()
        }
    }

    #[rstest]
    #[case::at_once(0, 0, true)]
    #[case::before_its_end(0, 6 * HOUR - 1, true)]
    #[case::at_its_end(0, 6 * HOUR, false)]
    #[case::within_the_session(7 * 24 * HOUR - 60, 7 * 24 * HOUR - 1, true)]
    #[case::beyond_the_session(7 * 24 * HOUR - 60, 7 * 24 * HOUR, false)]
    fn a_token_is_good_for_a_while(#[case] made: u64, #[case] used: u64, #[case] good: bool) {
        let key = Secret::new("key");
        let token = sign(&key, &session(), at(made)).unwrap();
        let read = verify(&key, &token, at(used));
        assert_eq!(
            read.as_ref().map(|claims| claims.sub).ok(),
            good.then_some(Uuid::from_u128(1))
        );
    }

    #[test]
    fn no_other_key_and_no_other_algorithm_is_taken() {
        let token = sign(&Secret::new("key"), &session(), at(0)).unwrap();
        assert_eq!(
            verify(&Secret::new("other"), &token, at(1))
                .unwrap_err()
                .status()
                .code(),
            401
        );
        // {"alg":"none"}, and the same claims.
        let claims = token.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
        assert!(verify(&Secret::new("key"), &unsigned, at(1)).is_err());
        for text in ["", "a.b.c", &"a".repeat(3_000), &token[..token.len() - 1]] {
            assert!(verify(&Secret::new("key"), text, at(1)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_renewed_in_its_second_half() {
        let key = Secret::new("key");
        let token = sign(&key, &session(), at(0)).unwrap();
        let claims = verify(&key, &token, at(0)).unwrap();
        assert!(!is_old(&claims, at(3 * HOUR)));
        assert!(is_old(&claims, at(3 * HOUR + 1)));
        let new = |now| renewed(&key, &session(), &claims, at(now)).unwrap();
        assert_eq!(new(3 * HOUR), None);
        let token = new(4 * HOUR).unwrap();
        assert!(verify(&key, &token, at(9 * HOUR)).is_ok());
        // Once, until that is old, too; the last one of a session is not renewed.
        let later = verify(&key, &token, at(4 * HOUR)).unwrap();
        let again = renewed(&key, &session(), &later, at(5 * HOUR)).unwrap();
        assert_eq!(again, None);
        let end = 7 * 24 * HOUR;
        let last = verify(
            &key,
            &sign(&key, &session(), at(end - HOUR)).unwrap(),
            at(0),
        )
        .unwrap();
        let again = renewed(&key, &session(), &last, at(end - 60)).unwrap();
        assert_eq!(again, None);
    }
}
