//! The one form of time: UTC, whole microseconds.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sqlx::{MySql, Sqlite, ValueRef};

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
///
/// On the wire RFC 3339, UTC, `Z`, trailing zeros of the fraction trimmed; in MySQL `DATETIME(6)`;
/// in SQLite an integer of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The first and the last time that a DATETIME holds and RFC 3339 can write, in microseconds.
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// Not known: NULL in SQL, null on the wire.
    pub const UNSET: Self = Self(i64::MIN);

    /// Whether it is not known.
    pub const fn is_unset(self) -> bool {
        self.0 == i64::MIN
    }

    /// The nearest time that can be stored and written.
    #[must_use]
    pub fn in_range(self) -> Self {
        Self(self.0.clamp(FIRST, LAST))
    }

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch; also an entity's version.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, as in the header `x-deadline`.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This time moved forward.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This time moved back.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The version that follows `previous`: now, or one microsecond later when the clock stepped back.
    #[must_use]
    pub fn after(self, previous: Self) -> Self {
        Self(self.0.max(previous.0.saturating_add(1)).min(LAST))
    }

    fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.in_range().0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self
            .to_chrono()
            .to_rfc3339_opts(SecondsFormat::Micros, true);
        let trimmed = full
            .trim_end_matches('Z')
            .trim_end_matches('0')
            .trim_end_matches('.');
        write!(f, "{trimmed}Z")
    }
}

/// A text that is no time in any accepted form.
#[derive(Debug, thiserror::Error)]
#[error("must be a time such as 2026-11-20T10:22:39.248690Z")]
pub struct BadTimestamp;

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    /// Accepts RFC 3339 with any offset, and `YYYY-MM-DD hh:mm:ss.ffffff` taken as UTC.
    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.with_timezone(&Utc))
            .ok()
            .or_else(|| parse_without_zone(text))
            .map(Self::from)
            // A leap second is the first of the year after it.
            .filter(|time| time.in_range() == *time)
            .ok_or(BadTimestamp)
    }
}

fn parse_without_zone(text: &str) -> Option<DateTime<Utc>> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|time| time.and_utc())
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_unset() {
            return serializer.serialize_none();
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(deserializer)?;
        text.map_or(Ok(Self::UNSET), |text| {
            text.parse().map_err(de::Error::custom)
        })
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // One that is not set is null.
        json_schema!({ "type": ["string", "null"], "format": "date-time" })
    }
}

// Bound as DATETIME: a bound TIMESTAMP ends in 2038, and the server makes NULL of what lies beyond.
impl sqlx::Type<MySql> for Timestamp {
    fn type_info() -> <MySql as sqlx::Database>::TypeInfo {
        <NaiveDateTime as sqlx::Type<MySql>>::type_info()
    }

    fn compatible(ty: &<MySql as sqlx::Database>::TypeInfo) -> bool {
        <DateTime<Utc> as sqlx::Type<MySql>>::compatible(ty)
            || <NaiveDateTime as sqlx::Type<MySql>>::compatible(ty)
    }
}

impl<'r> sqlx::Decode<'r, MySql> for Timestamp {
    fn decode(
        value: <MySql as sqlx::Database>::ValueRef<'r>,
    ) -> Result<Self, sqlx::error::BoxDynError> {
        if value.is_null() {
            return Ok(Self::UNSET);
        }
        <NaiveDateTime as sqlx::Decode<'r, MySql>>::decode(value).map(|time| time.and_utc().into())
    }
}

impl<'q> sqlx::Encode<'q, MySql> for Timestamp {
    fn encode_by_ref(
        &self,
        buf: &mut <MySql as sqlx::Database>::ArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        if self.is_unset() {
            return Ok(sqlx::encode::IsNull::Yes);
        }
        <NaiveDateTime as sqlx::Encode<'q, MySql>>::encode_by_ref(
            &self.to_chrono().naive_utc(),
            buf,
        )
    }
}

impl sqlx::Type<Sqlite> for Timestamp {
    fn type_info() -> <Sqlite as sqlx::Database>::TypeInfo {
        <i64 as sqlx::Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &<Sqlite as sqlx::Database>::TypeInfo) -> bool {
        <i64 as sqlx::Type<Sqlite>>::compatible(ty)
    }
}

impl<'r> sqlx::Decode<'r, Sqlite> for Timestamp {
    fn decode(
        value: <Sqlite as sqlx::Database>::ValueRef<'r>,
    ) -> Result<Self, sqlx::error::BoxDynError> {
        if value.is_null() {
            return Ok(Self::UNSET);
        }
        <i64 as sqlx::Decode<'r, Sqlite>>::decode(value).map(|micros| Self(micros).in_range())
    }
}

impl<'q> sqlx::Encode<'q, Sqlite> for Timestamp {
    fn encode_by_ref(
        &self,
        buf: &mut <Sqlite as sqlx::Database>::ArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        if self.is_unset() {
            return Ok(sqlx::encode::IsNull::Yes);
        }
        <i64 as sqlx::Encode<'q, Sqlite>>::encode_by_ref(&self.0, buf)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-11-20T10:22:39.24869Z", "2026-11-20T10:22:39.24869Z")]
    #[case("2026-11-20T10:22:39.000000Z", "2026-11-20T10:22:39Z")]
    #[case("2026-11-20T12:22:30.5+02:00", "2026-11-20T10:22:30.5Z")]
    #[case("2026-11-20 10:22:39.248690", "2026-11-20T10:22:39.24869Z")]
    #[case("2026-11-20 10:22:30", "2026-11-20T10:22:30Z")]
    #[case("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z")]
    fn reads_every_accepted_form_and_writes_one(#[case] text: &str, #[case] wire: &str) {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), wire);
    }

    #[rstest]
    #[case("")]
    #[case("yesterday")]
    #[case("9999-12-31T23:59:60Z")]
    #[case("2026-13-01T00:00:00Z")]
    #[case("1763634159")]
    fn refuses_what_is_no_time(#[case] text: &str) {
        assert!(text.parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_version_never_steps_back() {
        let old = Timestamp::from_micros(100);
        assert_eq!(
            Timestamp::from_micros(40).after(old),
            Timestamp::from_micros(101)
        );
        assert_eq!(
            Timestamp::from_micros(400).after(old),
            Timestamp::from_micros(400)
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        assert_eq!(serde_json::to_string(&Timestamp::UNSET).unwrap(), "null");
        let read = serde_json::from_str::<Timestamp>("null").unwrap();
        assert!(read.is_unset());
        assert_eq!(
            Timestamp::from_micros(40).after(Timestamp::UNSET),
            Timestamp::from_micros(40)
        );
    }

    #[test]
    fn no_version_is_later_than_can_be_stored() {
        let last = Timestamp::from_micros(i64::MAX).in_range();
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_micros(40).after(last), last);
    }

    proptest! {
        #[test]
        fn survives_the_wire(micros in 0_i64..4_000_000_000_000_000) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
