//! What a caller sends of a resource: read from JSON into its typed patch.

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::Resource;
use crate::{
    listenhandler::{Extract, Input, Json as Body, Operation, Query},
    models::{
        bad_json,
        check::ensure,
        error::{Error, Result},
        identity::parse_uuid,
        json,
    },
};

/// The patch of a resource: its settable fields, and those that only a request has. Derived with the resource.
pub trait ResourcePatch: DeserializeOwned + JsonSchema + Default + Send + Sync + 'static {
    /// The resource.
    type Row: Resource;
    /// The names of its fields in JSON.
    const KEYS: &'static [&'static str];

    /// Changes those fields of the row that are present; null is the field's default.
    fn apply(&self, row: &mut Self::Row);
    /// The tenant that a new row is for.
    fn customer_id(&self) -> &NamedCustomer;
}

/// `row` with what the patch says; it is not checked yet.
#[must_use]
pub fn patched<R: Resource>(row: &R, patch: &R::Patch) -> R {
    let mut row = row.clone();
    patch.apply(&mut row);
    row
}

/// Reads a patch from the fields of an object.
///
/// # Errors
/// 400 naming the field whose value has the wrong shape, or that is there twice in different cases.
pub fn read_fields<P: ResourcePatch>(fields: Map<String, Json>) -> Result<P> {
    for name in P::KEYS {
        json::field(&fields, name)?;
    }
    bad_json::from_value(Json::Object(fields))
        .map_err(|bad| Error::invalid_argument("INVALID_FIELD", format!("{bad}.")))
}

/// The body of a route that makes or changes a resource. A value of the wrong shape is refused by its field
/// (`INVALID_FIELD`), and what is no JSON object as any other body (`INVALID_BODY`).
pub struct PatchJson<P>(pub P);

impl<S, P: ResourcePatch> Extract<S> for PatchJson<P> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let Body(fields) = Body::<Map<String, Json>>::extract(input)?;
        read_fields(fields).map(Self)
    }

    fn describe(operation: &mut Operation) {
        <Body<P> as Extract<S>>::describe(operation);
    }
}

/// As [`PatchJson`], with the fields as they were sent: a route can tell what it does not change ([`ensure_kept`]).
pub struct PatchFields<P>(pub P, pub Map<String, Json>);

impl<S, P: ResourcePatch> Extract<S> for PatchFields<P> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let Body(fields) = Body::<Map<String, Json>>::extract(input)?;
        Ok(Self(read_fields(fields.clone())?, fields))
    }

    fn describe(operation: &mut Operation) {
        <Body<P> as Extract<S>>::describe(operation);
    }
}

/// Makes sure that the fields of a row that no patch changes are sent as they are, if at all: whoever sends another value
/// believes that it was taken. The time of the last change may be an older one.
///
/// # Errors
/// 400 naming the field.
pub fn ensure_kept<R>(row: &R, fields: &Map<String, Json>) -> Result<()>
where
    R: Resource + DeserializeOwned,
{
    let Json::Object(known) = serde_json::to_value(row).map_err(Error::internal)? else {
        return Ok(());
    };
    for (name, kept) in &known {
        let is_patched = R::Patch::KEYS.contains(&name.as_str()) || name == "tm_update";
        let sent = json::field(fields, name)?.filter(|sent| !is_patched && *sent != kept);
        let Some(sent) = sent else {
            continue;
        };
        let mut other = known.clone();
        other.insert(name.clone(), sent.clone());
        // Read as the field, a time in another form is the same time.
        let other = bad_json::from_value::<R>(Json::Object(other)).ok();
        let other = other.and_then(|row| serde_json::to_value(row).ok());
        let is_kept = other.is_some_and(|other| other.get(name) == Some(kept));
        ensure(is_kept, name, "cannot be changed here")?;
    }
    Ok(())
}

/// The `customer_id` of a body, as it was sent. Only a new row reads it: changes have the tenant of their row.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct NamedCustomer(#[schemars(with = "Option<Uuid>")] Option<Json>);

impl NamedCustomer {
    /// The tenant; none where it is absent, null, empty or nil.
    ///
    /// # Errors
    /// 400 when it is no UUID.
    pub fn read(&self) -> Result<Option<Uuid>> {
        named_customer(self.0.as_ref())
    }
}

/// Reads the tenant that a query or a body names.
///
/// # Errors
/// 400 when it is no UUID.
pub fn named_customer(value: Option<&Json>) -> Result<Option<Uuid>> {
    let text = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text,
        Some(_) => return Err(bad_customer()),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let id = parse_uuid(text).ok_or_else(bad_customer)?;
    Ok(Some(id).filter(|id| !id.is_nil()))
}

/// The tenant that a query names.
///
/// # Errors
/// 400 when it is no UUID.
pub fn query_customer(query: &Query) -> Result<Option<Uuid>> {
    let text = query.0.get("customer_id").cloned().map(Json::String);
    named_customer(text.as_ref())
}

fn bad_customer() -> Error {
    Error::invalid_argument("INVALID_CUSTOMER_ID", "customer_id must be a UUID.")
}
