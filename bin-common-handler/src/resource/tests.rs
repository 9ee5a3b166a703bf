//! What is derived from one declaration of a resource.

use std::collections::BTreeMap;

use proptest::{option, prelude::*};
use rstest::rstest;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sqlx::types::Json as Column;
use uuid::Uuid;

use super::{Resource, ResourcePatch, ensure_kept, patched, read_fields};
use crate::{
    databasehandler::{Entity, Value, scratch},
    models::{
        check::ensure, error::Result, identity::uuid_or_nil, page::FilterKind, patch::Patch,
        time::Timestamp,
    },
    text_enum,
};

text_enum!(
    /// How hot it is.
    pub enum Heat {
        /// Not at all.
        Mild = "mild",
        /// Much.
        Hot = "hot",
    }
);

/// A dish of a restaurant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, crate::Resource)]
#[resource(
    name = "dish",
    table = "test_dishes",
    check = check,
    body {
        /// Words about it that are not kept.
        note: Patch<String>
    }
)]
struct Dish {
    /// UUIDv7.
    id: Uuid,
    /// The restaurant.
    customer_id: Uuid,
    /// As the menu has it.
    #[resource(set, filter, not_blank, max_chars = 10)]
    name: String,
    /// The menu it is on; nil = none.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    menu_id: Uuid,
    /// How hot it is.
    #[resource(set, filter)]
    heat: Heat,
    /// Portions a day; null = no limit.
    #[resource(set, min = 1, max = 500)]
    portions: Option<i32>,
    /// What is in it, in grams.
    #[resource(set, check = check_parts)]
    #[schemars(with = "BTreeMap<String, i32>")]
    parts: Column<BTreeMap<String, i32>>,
    /// Set by the kitchen.
    #[resource(filter = FilterKind::Digits(3))]
    code: String,
    #[serde(skip)]
    seq: i64,
    /// When it was made.
    tm_create: Timestamp,
    /// When it was changed; null until then.
    tm_update: Option<Timestamp>,
    /// When it was taken off.
    tm_delete: Option<Timestamp>,
}

impl Default for Dish {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: "Soup".to_owned(),
            menu_id: Uuid::nil(),
            heat: Heat::Mild,
            portions: Some(50),
            parts: Column(BTreeMap::new()),
            code: String::new(),
            seq: 7,
            tm_create: Timestamp::UNSET,
            tm_update: None,
            tm_delete: None,
        }
    }
}

fn check(dish: &mut Dish, before: Option<&Dish>, _: Timestamp) -> Result<()> {
    dish.name = dish.name.trim().to_owned();
    let cools = before.is_some_and(|before| before.heat == Heat::Hot && dish.heat == Heat::Mild);
    ensure(!cools, "heat", "does not go down")
}

fn check_parts(field: &str, parts: &BTreeMap<String, i32>) -> Result<()> {
    ensure(parts.len() <= 2, field, "has at most 2 entries")
}

fn patch(json: Json) -> Result<DishPatch> {
    let Json::Object(fields) = json else {
        panic!("no object");
    };
    read_fields(fields)
}

fn told(checked: Result<impl Sized>) -> String {
    checked.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn the_fields_are_the_columns_in_order() {
    let columns = [
        "id",
        "customer_id",
        "name",
        "menu_id",
        "heat",
        "portions",
        "parts",
        "code",
        "seq",
        "tm_create",
        "tm_update",
        "tm_delete",
    ];
    assert_eq!((Dish::TABLE, Dish::COLUMNS), ("test_dishes", &columns[..]));
    let dish = Dish {
        id: Uuid::from_u128(1),
        tm_create: Timestamp::from_micros(5),
        ..Dish::default()
    };
    let values = dish.values();
    assert_eq!(values.len(), columns.len());
    assert_eq!(values[0], Value::Uuid(Uuid::from_u128(1)));
    assert_eq!(values[2], Value::Text("Soup".to_owned()));
    assert_eq!(values[4], Value::Text("mild".to_owned()));
    assert_eq!(values[5], Value::Int(50));
    assert_eq!(values[6], Value::Text("{}".to_owned()));
    assert_eq!(values[10], Value::Null);
    assert_eq!(dish.id(), Uuid::from_u128(1));
    assert_eq!(dish.version(), Timestamp::from_micros(5));
}

#[tokio::test]
async fn a_row_is_read_whatever_its_columns_hold() {
    let (db, _folder) = scratch::database().await;
    let sql = "SELECT x'00000000000000000000000000000001' AS id, NULL AS customer_id, 'Pie' AS name, \
               x'07' AS menu_id, 'tepid' AS heat, 'many' AS portions, 'no json' AS parts, NULL AS code, \
               '9' AS seq, 5 AS tm_create, 5 AS tm_update, NULL AS tm_delete";
    let read: Option<Dish> = db.fetch_optional(sql, vec![]).await.unwrap();
    let expected = Dish {
        id: Uuid::from_u128(1),
        name: "Pie".to_owned(),
        heat: Heat::Other("tepid"),
        portions: Some(0),
        seq: 9,
        tm_create: Timestamp::from_micros(5),
        // Never changed has one form.
        tm_update: None,
        ..Dish::default()
    };
    assert_eq!(read, Some(expected));
}

#[rstest]
#[case(json!({}), None)]
// What a patch changes, and what nobody knows.
#[case(json!({"name": "Soup", "note": "hot", "colour": "red"}), None)]
#[case(json!({"code": "7", "tm_create": "1970-01-01T00:00:00.000005Z"}), None)]
// The same time in another form, and an older version.
#[case(json!({"tm_create": "1970-01-01T02:00:00.000005+02:00", "tm_update": "1970-01-01T00:00:09Z"}), None)]
#[case(json!({"code": "8"}), Some("code"))]
#[case(json!({"Code": "8"}), Some("code"))]
#[case(json!({"code": 7}), Some("code"))]
#[case(json!({"id": Uuid::from_u128(2)}), Some("id"))]
#[case(json!({"tm_create": "1970-01-01T00:00:01Z"}), Some("tm_create"))]
#[case(json!({"tm_create": "soon"}), Some("tm_create"))]
fn what_no_patch_changes_is_sent_as_it_is_or_refused(
    #[case] sent: Json,
    #[case] refused: Option<&str>,
) {
    let dish = Dish {
        id: Uuid::from_u128(1),
        name: "Pie".to_owned(),
        code: "7".to_owned(),
        tm_create: Timestamp::from_micros(5),
        ..Dish::default()
    };
    let kept = ensure_kept(&dish, sent.as_object().unwrap());
    let named = kept.err().map(|error| error.message().to_owned());
    assert_eq!(named.is_some(), refused.is_some(), "{named:?}");
    if let (Some(named), Some(field)) = (named, refused) {
        assert!(named.starts_with(field), "{named}");
    }
}

#[test]
fn what_a_caller_may_set_and_filter_by() {
    assert_eq!(Dish::NAME, "dish");
    assert_eq!(
        Dish::FIELDS,
        ["name", "menu_id", "heat", "portions", "parts"]
    );
    let keys = [
        "customer_id",
        "name",
        "menu_id",
        "heat",
        "portions",
        "parts",
        "note",
    ];
    assert_eq!(DishPatch::KEYS, keys);
    let filters = [
        ("id", FilterKind::Uuid),
        ("customer_id", FilterKind::Uuid),
        ("name", FilterKind::Text),
        ("menu_id", FilterKind::Uuid),
        ("heat", FilterKind::OneOf(&["mild", "hot"])),
        ("code", FilterKind::Digits(3)),
        ("deleted", FilterKind::Deleted),
    ];
    assert_eq!(Dish::FILTERS, filters);
}

#[test]
fn a_patch_changes_what_is_there_and_null_is_the_default() {
    let old = Dish {
        name: "Pie".to_owned(),
        portions: Some(3),
        heat: Heat::Hot,
        seq: 9,
        code: "123".to_owned(),
        ..Dish::default()
    };
    assert_eq!(patched(&old, &patch(json!({})).unwrap()), old);
    let sent = patch(json!({
        "NAME": null, "heat": null, "portions": 4.0, "parts": {"salt": 2}, "code": "999", "seq": 1, "tm_create": 5,
        "note": "x",
    }));
    let sent = sent.unwrap();
    let expected = Dish {
        name: "Soup".to_owned(),
        portions: Some(4),
        heat: Heat::Mild,
        parts: Column(BTreeMap::from([("salt".to_owned(), 2)])),
        ..old.clone()
    };
    assert_eq!(patched(&old, &sent), expected);
    assert_eq!(sent.note, Patch::Value("x".to_owned()));
}

#[rstest]
#[case(json!({"menu_id": "00000000-0000-0000-0000-000000000005"}), 5)]
#[case(json!({"menu_id": "{00000000-0000-0000-0000-000000000005}"}), 5)]
#[case(json!({"menu_id": null}), 0)]
#[case(json!({}), 1)]
fn a_field_is_read_as_in_the_row(#[case] sent: Json, #[case] menu: u128) {
    let old = Dish {
        menu_id: Uuid::from_u128(1),
        ..Dish::default()
    };
    let new = patched(&old, &patch(sent).unwrap());
    assert_eq!(new.menu_id, Uuid::from_u128(menu));
}

#[rstest]
#[case(json!({"name": 5}), "INVALID_FIELD name must be a text.")]
#[case(json!({"Name": {}}), "INVALID_FIELD name must be a text.")]
#[case(json!({"menu_id": "x"}), "INVALID_FIELD menu_id must be a UUID.")]
#[case(json!({"menu_id": 5}), "INVALID_FIELD menu_id must be a text.")]
#[case(json!({"heat": "warm"}), "INVALID_FIELD heat must be one of mild, hot.")]
#[case(json!({"portions": 4.5}), "INVALID_FIELD portions must be a whole number.")]
#[case(json!({"parts": {"salt": "x"}}), "INVALID_FIELD parts.salt must be a whole number.")]
#[case(json!({"note": []}), "INVALID_FIELD note must be a text.")]
#[case(
    json!({"name": "a", "NAME": "b"}),
    "INVALID_BODY The body is not right: name is there twice, in different cases."
)]
fn a_bad_value_is_told_by_its_field(#[case] sent: Json, #[case] expected: &str) {
    assert_eq!(told(patch(sent)), expected);
}

#[rstest]
#[case(json!({}), Ok(None))]
#[case(json!({"customer_id": ""}), Ok(None))]
#[case(json!({"customer_id": "00000000-0000-0000-0000-000000000009"}), Ok(Some(Uuid::from_u128(9))))]
#[case(json!({"customer_id": 9}), Err("INVALID_CUSTOMER_ID customer_id must be a UUID.".to_owned()))]
fn the_tenant_is_read_when_it_is_needed(
    #[case] sent: Json,
    #[case] expected: std::result::Result<Option<Uuid>, String>,
) {
    let read = patch(sent).unwrap().customer_id().read();
    assert_eq!(read.map_err(|error| error.to_string()), expected);
}

#[rstest]
#[case(json!({"name": " Pie "}), "")]
#[case(json!({"name": " "}), "INVALID_FIELD name must not be empty.")]
#[case(json!({"name": "x".repeat(11)}), "TEXT_TOO_LONG name has at most 10 characters.")]
#[case(json!({"portions": 0}), "INVALID_FIELD portions must be from 1 to 500.")]
#[case(json!({"parts": {"a": 1, "b": 1, "c": 1}}), "INVALID_FIELD parts has at most 2 entries.")]
#[case(json!({"heat": "mild"}), "INVALID_FIELD heat does not go down.")]
fn a_row_is_checked_before_it_is_written(#[case] sent: Json, #[case] expected: &str) {
    let old = Dish {
        heat: Heat::Hot,
        ..Dish::default()
    };
    let mut new = patched(&old, &patch(sent).unwrap());
    assert_eq!(told(new.check(Some(&old), Timestamp::UNSET)), expected);
}

#[test]
fn the_server_sets_the_rest() {
    let (made, changed) = (Timestamp::from_micros(5), Timestamp::from_micros(6));
    let mut dish = Dish::default();
    dish.set_created(Uuid::from_u128(1), Uuid::from_u128(2), made);
    assert_eq!(
        (dish.id, dish.customer_id()),
        (Uuid::from_u128(1), Uuid::from_u128(2))
    );
    assert_eq!(
        (dish.tm_create(), dish.tm_update, dish.tm_delete()),
        (made, None, None)
    );
    dish.set_updated(changed);
    assert_eq!((dish.tm_update, dish.version()), (Some(changed), changed));
    dish.set_deleted(changed);
    assert_eq!(dish.tm_delete(), Some(changed));
}

#[test]
fn the_patch_has_a_schema_with_its_limits() {
    let schema = schema_for!(DishPatch).to_value();
    assert_eq!(schema.get("required"), None);
    let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names.len(), DishPatch::KEYS.len());
    let field = |name: &str| schema["properties"][name].clone();
    let expected =
        json!({"description": "As the menu has it.", "type": ["string", "null"], "maxLength": 10});
    assert_eq!(field("name"), expected);
    assert_eq!(
        (&field("portions")["minimum"], &field("portions")["maximum"]),
        (&json!(1), &json!(500))
    );
    assert_eq!(field("parts")["additionalProperties"]["type"], "integer");
    assert_eq!(field("customer_id")["format"], "uuid");
    assert_eq!(
        field("note")["description"],
        "Words about it that are not kept."
    );
}

fn dishes() -> impl Strategy<Value = Dish> {
    (".*", any::<u128>(), option::of(any::<i32>()), any::<bool>()).prop_map(
        |(name, menu, portions, hot)| Dish {
            name,
            menu_id: Uuid::from_u128(menu),
            portions,
            heat: if hot { Heat::Hot } else { Heat::Mild },
            ..Dish::default()
        },
    )
}

proptest! {
    /// What a row says of itself, sent back, makes the same row of any other: but null is the default.
    #[test]
    fn a_row_sent_back_is_itself(row in dishes(), other in dishes()) {
        let sent = patch(serde_json::to_value(&row).unwrap()).unwrap();
        let expected = Dish {
            portions: row.portions.or(Dish::default().portions),
            ..row
        };
        prop_assert_eq!(patched(&other, &sent), expected);
    }

    #[test]
    fn an_empty_patch_changes_nothing(row in dishes()) {
        prop_assert_eq!(patched(&row, &DishPatch::default()), row);
    }
}
