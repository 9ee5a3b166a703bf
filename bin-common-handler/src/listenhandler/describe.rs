//! What the types of a route say of it: parameters, body and reply, as JSON schemas. OpenAPI is made from it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Routes;

/// Makes a schema, and those that it refers to.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// What is known of a request and its reply. Arguments and reply of a handler each add their part.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// A schema for each placeholder of the path that the handler takes, in their order.
    pub path: Vec<SchemaOf>,
    /// Objects whose properties are parameters of the query.
    pub query: Vec<SchemaOf>,
    /// It takes page and filters of a list.
    pub is_list: bool,
    /// Its body, where it takes one.
    pub body: Option<Body>,
    /// The reply.
    pub reply: Option<SchemaOf>,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds; nothing is known of bytes.
    pub schema: Option<SchemaOf>,
    /// Whether the request is refused without it.
    pub is_required: bool,
}

impl Body {
    /// A body of `T`.
    pub fn of<T: JsonSchema>(media_type: &'static str) -> Self {
        Self {
            media_type,
            schema: Some(schema::<T>),
            is_required: true,
        }
    }
}

/// The schema of `T`: a reference, where it has a name.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schema of `T` itself, never a reference.
pub fn object<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

type Describe = fn(&mut Operation);

/// What a route's types say, and what its table says instead of them.
#[derive(Clone, Default)]
pub struct Signature(Vec<Describe>);

impl Signature {
    pub(super) fn of(describe: Describe) -> Self {
        Self(vec![describe])
    }

    /// All that is known.
    pub fn operation(&self) -> Operation {
        let mut operation = Operation::default();
        for describe in &self.0 {
            describe(&mut operation);
        }
        operation
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature")
    }
}

// Functions cannot be compared; routes are told apart by method and template.
impl PartialEq for Signature {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Signature {}

/// Words for what the types do not say; each is about the route before it.
impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Its body is `T`, whatever type its handler reads it as.
    #[must_use]
    pub fn takes<T: JsonSchema>(self) -> Self {
        self.describe(|operation| operation.body = Some(Body::of::<T>(JSON)))
    }

    /// Its query has the parameters of `T`, whatever type its handler reads it as.
    #[must_use]
    pub fn asks<T: JsonSchema>(self) -> Self {
        self.describe(|operation| operation.query = vec![object::<T>])
    }

    /// Its reply is `T`, whatever type its handler makes it of.
    #[must_use]
    pub fn replies<T: JsonSchema>(self) -> Self {
        self.describe(|operation| operation.reply = Some(schema::<T>))
    }

    /// Something about its description that no other word says.
    #[must_use]
    pub fn describe(mut self, describe: fn(&mut Operation)) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.info.signature.0.push(describe);
        }
        self
    }
}
