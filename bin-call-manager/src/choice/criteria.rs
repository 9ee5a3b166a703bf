//! Which calls a profile takes: its conditions on the wire, and ready for calls.

use bin_common_handler::models::{
    error::{Error, Result},
    hours::Hours,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Number},
    exclusion::{Exclusion, TagMiss},
    moment::Moment,
    place::{Circle, Code, Radius},
    tags::{TagOp, TagRule, TagSpec},
};

/// Reason of a 400: a condition cannot be read.
pub const BAD_CRITERIA: &str = "BAD_CRITERIA";

/// Entries of a list of countries, states or area codes.
const CODES_MAX: usize = 1_000;
/// Postal codes of one profile: each is a place in the index.
const ZIPS_MAX: usize = 5_000;
const TAGS_MAX: usize = 50;
const NUMBERS_MAX: usize = 10_000;

/// A profile's conditions on the wire. Empty or absent = any; all that are present must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CriteriaSpec {
    /// ISO 3166-1 alpha-2.
    pub countries: Vec<String>,
    /// Two or three letters.
    pub states: Vec<String>,
    /// Area codes, 200 to 999.
    pub npas: Vec<u16>,
    /// Postal codes.
    pub zips: Vec<String>,
    /// A circle that the consumer is in.
    pub radius: Option<Radius>,
    /// Conditions on the call's tags.
    pub tags: Vec<TagSpec>,
    /// Consumers' numbers, E.164, whose calls are never taken.
    pub exclude_numbers: Vec<String>,
    /// When calls are taken, in the buyer's zone.
    pub hours: Hours,
    /// Most that one call may cost, in minor units.
    pub max_price: Option<i64>,
}

/// A profile's conditions, ready for calls. Lists are sorted.
#[derive(Debug, Clone, Default)]
pub struct Criteria {
    pub(super) countries: Box<[Code]>,
    pub(super) states: Box<[Code]>,
    pub(super) npas: Box<[u16]>,
    pub(super) zips: Box<[Code]>,
    pub(super) circle: Option<Circle>,
    tags: Box<[TagRule]>,
    numbers: Box<[Number]>,
    hours: Hours,
    max_price: Option<i64>,
    /// Different tags that must be there for the conditions to hold.
    named_tags: usize,
}

impl Criteria {
    /// Reads the conditions; patterns are compiled here, once.
    ///
    /// # Errors
    /// 400 `BAD_CRITERIA` that names the field.
    pub fn new(spec: &CriteriaSpec) -> Result<Self> {
        let tags = tag_rules(&spec.tags)?;
        let circle = spec.radius.map(Circle::new);
        if circle == Some(None) {
            return Err(bad(
                "radius",
                "must have lat, lon and more than 0, at most 12,437 miles",
            ));
        }
        if spec.max_price.is_some_and(|price| price < 0) {
            return Err(bad("max_price", "must not be negative"));
        }
        let npa = |npa: &u16| (200..=999).contains(npa).then_some(*npa);
        Ok(Self {
            countries: sorted("countries", &spec.countries, CODES_MAX, |c| Code::region(c))?,
            states: sorted("states", &spec.states, CODES_MAX, |state| {
                Code::region(state)
            })?,
            npas: sorted("npas", &spec.npas, CODES_MAX, npa)?,
            zips: sorted("zips", &spec.zips, ZIPS_MAX, |zip| Code::zip(zip))?,
            circle: circle.flatten(),
            named_tags: named(&spec.tags),
            tags,
            numbers: sorted(
                "exclude_numbers",
                &spec.exclude_numbers,
                NUMBERS_MAX,
                |number| Number::new(number),
            )?,
            hours: spec.hours.clone(),
            max_price: spec.max_price,
        })
    }

    /// Whether the call meets all of them but the price; `zone` is the buyer's.
    ///
    /// # Errors
    /// The first one that it does not meet.
    pub fn check(&self, call: &Call, zone: Tz, moment: &mut Moment) -> Result<(), Exclusion> {
        self.check_place(call)?;
        if let Some(rule) = self.tags.iter().find(|rule| !rule.holds(&call.tags)) {
            return Err(Exclusion::Tag(TagMiss::new(rule, &call.tags)));
        }
        if let Some(number) = call.number
            && self.numbers.binary_search(&number).is_ok()
        {
            return Err(Exclusion::NumberExcluded);
        }
        self.check_hours(zone, moment)
    }

    fn check_place(&self, call: &Call) -> Result<(), Exclusion> {
        if !has(&self.countries, call.country) {
            return Err(Exclusion::Country { call: call.country });
        }
        if !has(&self.states, call.state) {
            return Err(Exclusion::State { call: call.state });
        }
        if !has(&self.npas, call.npa) {
            return Err(Exclusion::Npa { call: call.npa });
        }
        if !has(&self.zips, call.zip) {
            return Err(Exclusion::Zip { call: call.zip });
        }
        let Some(circle) = &self.circle else {
            return Ok(());
        };
        if call.point.is_some_and(|point| circle.holds(&point)) {
            return Ok(());
        }
        Err(Exclusion::radius(circle, call.point.as_ref()))
    }

    fn check_hours(&self, zone: Tz, moment: &mut Moment) -> Result<(), Exclusion> {
        if self.hours.windows().is_empty() {
            return Ok(());
        }
        let minute_of_week = moment.minute_of_week(zone);
        if self.hours.is_open(minute_of_week) {
            return Ok(());
        }
        Err(Exclusion::outside_hours("profile", zone, minute_of_week))
    }

    /// Whether a call may cost as much, in minor units.
    ///
    /// # Errors
    /// `PRICE_TOO_HIGH` when it may not.
    pub fn check_price(&self, most: i64) -> Result<(), Exclusion> {
        match self.max_price {
            Some(max_price) if most > max_price => Err(Exclusion::PriceTooHigh { most, max_price }),
            _ => Ok(()),
        }
    }

    /// The key and the value of a tag that a call must have, when there is such a condition.
    pub(super) fn equal_tag(&self) -> Option<(&str, &str)> {
        let specs = self.tags.iter().map(TagRule::spec);
        specs
            .filter(|spec| spec.op == TagOp::Eq)
            .map(|spec| (spec.key.as_str(), spec.value.as_str()))
            .next()
    }

    /// How many of the call's tags it names; meaningful for a call that meets it.
    pub(super) const fn named_tags(&self) -> usize {
        self.named_tags
    }
}

fn has<T: Ord>(list: &[T], value: Option<T>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.binary_search(&value).is_ok())
}

fn sorted<W, T: Ord>(
    field: &str,
    given: &[W],
    most: usize,
    read: impl Fn(&W) -> Option<T>,
) -> Result<Box<[T]>> {
    if given.len() > most {
        return Err(bad(field, &format!("must have at most {most} entries")));
    }
    let read = given.iter().enumerate().map(|(at, entry)| {
        read(entry).ok_or_else(|| bad(&format!("{field}[{at}]"), "cannot be read"))
    });
    let mut list = read.collect::<Result<Vec<T>>>()?;
    list.sort_unstable();
    list.dedup();
    Ok(list.into_boxed_slice())
}

fn tag_rules(given: &[TagSpec]) -> Result<Box<[TagRule]>> {
    if given.len() > TAGS_MAX {
        return Err(bad(
            "tags",
            &format!("must have at most {TAGS_MAX} entries"),
        ));
    }
    let rules = given.iter().enumerate().map(|(at, spec)| {
        TagRule::new(spec.clone())
            .map_err(|(field, problem)| bad(&format!("tags[{at}].{field}"), problem))
    });
    rules.collect()
}

fn named(given: &[TagSpec]) -> usize {
    let mut keys: Vec<&str> = given
        .iter()
        .filter(|spec| spec.op != TagOp::Ne)
        .map(|spec| spec.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

fn bad(field: &str, problem: &str) -> Error {
    Error::invalid_argument(BAD_CRITERIA, format!("criteria.{field} {problem}."))
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::time::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::choice::place::Point;

    /// A Friday, 15:00 in Los Angeles.
    fn now() -> Timestamp {
        "2026-11-27T23:00:00Z".parse().unwrap()
    }

    fn call() -> Call {
        Call {
            number: Number::new("+14155550100"),
            country: Code::region("US"),
            state: Code::region("CA"),
            npa: Some(415),
            zip: Code::zip("94105"),
            point: Point::new(37.79, -122.39),
            tags: [("product".to_owned(), "solar".to_owned())].into(),
            ..Call::default()
        }
    }

    fn check(json: &str, call: &Call) -> std::result::Result<(), &'static str> {
        let spec: CriteriaSpec = serde_json::from_str(json).unwrap();
        Criteria::new(&spec)
            .unwrap()
            .check(
                call,
                chrono_tz::America::Los_Angeles,
                &mut Moment::new(now()),
            )
            .map_err(|fault| fault.excluded_by())
    }

    #[rstest]
    #[case("{}", Ok(()))]
    #[case(r#"{"countries":["us","CA"]}"#, Ok(()))]
    #[case(r#"{"countries":["GB"]}"#, Err("COUNTRY"))]
    #[case(r#"{"states":["CA"]}"#, Ok(()))]
    #[case(r#"{"states":["NV","AZ"]}"#, Err("STATE"))]
    #[case(r#"{"npas":[628,415]}"#, Ok(()))]
    #[case(r#"{"npas":[628]}"#, Err("NPA"))]
    #[case(r#"{"zips":["94105-1234"]}"#, Ok(()))]
    #[case(r#"{"zips":["94106"]}"#, Err("ZIP"))]
    #[case(r#"{"radius":{"lat":37.77,"lon":-122.42,"miles":5}}"#, Ok(()))]
    #[case(r#"{"radius":{"lat":37.77,"lon":-122.42,"miles":1}}"#, Err("RADIUS"))]
    #[case(r#"{"tags":[{"key":"product","op":"eq","value":"solar"}]}"#, Ok(()))]
    #[case(r#"{"tags":[{"key":"age","op":"gt","value":"64"}]}"#, Err("TAG"))]
    #[case(r#"{"exclude_numbers":["+14155550100"]}"#, Err("NUMBER_EXCLUDED"))]
    #[case(r#"{"exclude_numbers":["+14155550101"]}"#, Ok(()))]
    #[case(r#"{"hours":"09:00-17:00"}"#, Ok(()))]
    #[case(r#"{"hours":"22:00-15:00"}"#, Err("OUTSIDE_HOURS"))]
    #[case(r#"{"hours":"22:00-15:01"}"#, Ok(()))]
    #[case(r#"{"countries":["US"],"states":["CA"],"npas":[628]}"#, Err("NPA"))]
    fn all_that_are_present_must_hold(
        #[case] json: &str,
        #[case] result: std::result::Result<(), &str>,
    ) {
        assert_eq!(check(json, &call()), result);
    }

    #[rstest]
    #[case(r#"{"countries":["US"]}"#, "COUNTRY")]
    #[case(r#"{"states":["CA"]}"#, "STATE")]
    #[case(r#"{"npas":[415]}"#, "NPA")]
    #[case(r#"{"zips":["94105"]}"#, "ZIP")]
    #[case(r#"{"radius":{"lat":0,"lon":0,"miles":12000}}"#, "RADIUS")]
    #[case(r#"{"tags":[{"key":"age","op":"match","value":""}]}"#, "TAG")]
    fn what_is_unknown_of_a_call_meets_no_condition(#[case] json: &str, #[case] reason: &str) {
        assert_eq!(check(json, &Call::default()), Err(reason));
    }

    #[rstest]
    #[case(r#"{"countries":["Germany"]}"#, "criteria.countries[0]")]
    #[case(r#"{"npas":[415,1415]}"#, "criteria.npas[1]")]
    #[case(r#"{"zips":["94105","?"]}"#, "criteria.zips[1]")]
    #[case(r#"{"radius":{"lat":91,"lon":0,"miles":5}}"#, "criteria.radius")]
    #[case(
        r#"{"tags":[{"key":"a","op":"match","value":"("}]}"#,
        "criteria.tags[0].value"
    )]
    #[case(r#"{"exclude_numbers":["4155550100"]}"#, "criteria.exclude_numbers[0]")]
    #[case(r#"{"max_price":-1}"#, "criteria.max_price")]
    fn what_cannot_be_read_is_a_400_that_names_the_field(#[case] json: &str, #[case] field: &str) {
        let spec: CriteriaSpec = serde_json::from_str(json).unwrap();
        let fault = Criteria::new(&spec).unwrap_err();
        assert_eq!(fault.reason(), BAD_CRITERIA);
        assert!(fault.message().starts_with(field), "{}", fault.message());
    }

    #[test]
    fn lists_are_bounded() {
        let mut spec = CriteriaSpec {
            zips: vec!["94105".to_owned(); ZIPS_MAX],
            ..CriteriaSpec::default()
        };
        assert!(Criteria::new(&spec).is_ok());
        spec.zips.push("94105".to_owned());
        assert!(Criteria::new(&spec).is_err());
        spec.zips.clear();
        spec.tags = (0..=TAGS_MAX)
            .map(|_| TagSpec {
                key: "a".to_owned(),
                op: TagOp::Eq,
                value: String::new(),
            })
            .collect();
        assert!(Criteria::new(&spec).is_err());
    }

    #[rstest]
    #[case(None, 1_000, true)]
    #[case(Some(1_000), 1_000, true)]
    #[case(Some(999), 1_000, false)]
    fn a_price_has_a_ceiling(#[case] max_price: Option<i64>, #[case] most: i64, #[case] ok: bool) {
        let spec = CriteriaSpec {
            max_price,
            ..CriteriaSpec::default()
        };
        assert_eq!(Criteria::new(&spec).unwrap().check_price(most).is_ok(), ok);
    }
}
