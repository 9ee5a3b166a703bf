//! One route as OpenAPI has it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{schemas::Schemas, word};
use crate::{
    listenhandler::{Access, Operation, RouteInfo, describe},
    models::page::{Filter, FilterKind, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX},
};

/// The operation object of a route.
pub(super) fn describe(service: &str, route: &RouteInfo, schemas: &mut Schemas) -> Value {
    let operation = route.signature.operation();
    let mut object = Map::new();
    object.insert("operationId".to_owned(), id(route).into());
    object.insert("tags".to_owned(), json!([word(service)]));
    let description = description(service, route);
    object.insert("description".to_owned(), description.into());
    let parameters = parameters(route, &operation, schemas);
    if !parameters.is_empty() {
        object.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = body(route, &operation, schemas) {
        object.insert("requestBody".to_owned(), body);
    }
    object.insert(
        "responses".to_owned(),
        responses(route, &operation, schemas),
    );
    object.insert("security".to_owned(), security(route));
    Value::Object(object)
}

/// `get_outdials_by_outdial_id_targets`.
fn id(route: &RouteInfo) -> String {
    let mut id = route.method.as_str().to_ascii_lowercase();
    let parts = route.template.split('/').filter(|part| !part.is_empty());
    for part in parts.skip_while(|part| *part == "v1") {
        let name = part.trim_matches(['<', '>']);
        id.push_str(if name == part { "_" } else { "_by_" });
        id.push_str(&name.replace('-', "_"));
    }
    id
}

/// What the table says of the route, in sentences.
fn description(service: &str, route: &RouteInfo) -> String {
    let word = word(service);
    let edge = &route.edge;
    let mut said = vec![match edge.access {
        Access::Scope(scope) => format!("Needs the scope `{scope}`."),
        Access::ByEffect if route.is_effect => format!("Needs the scope `{word}:write`."),
        Access::ByEffect => format!("Needs the scope `{word}:read`."),
        Access::Operator => "For the operator's key.".to_owned(),
        Access::Public => "Needs no key.".to_owned(),
    }];
    if edge.is_deferred {
        said.push("Answered when the request is safe, and worked on later.".to_owned());
    }
    if edge.raw.is_some() {
        said.push("Passed on as it was sent, so that its signature can be verified.".to_owned());
    }
    if route.is_bulk {
        said.push("Takes rows in batches; those that are refused are told.".to_owned());
    }
    if edge.upload.is_some() {
        said.push("Rows may come as an uploaded CSV or JSON file.".to_owned());
    }
    if edge.stream.is_some() {
        said.push("The list can be followed over a socket.".to_owned());
    }
    said.push(format!(
        "Answered within {} ms.",
        u64::try_from(edge.within.as_millis()).unwrap_or(u64::MAX)
    ));
    said.join(" ")
}

fn parameters(route: &RouteInfo, operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let mut all = path_parameters(route, operation, schemas);
    if operation.is_list {
        all.extend(list_parameters(route.filters));
    }
    for schema in &operation.query {
        let schema = schemas.request(*schema);
        all.extend(query_parameters(&schema));
    }
    for name in route.edge.raw.unwrap_or_default() {
        all.push(json!({ "name": name, "in": "header", "schema": { "type": "string" } }));
    }
    if route.is_effect && route.edge.access != Access::Public {
        all.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A repetition under the same key is answered as the first was.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        }));
    }
    all
}

/// Every placeholder of the template; a handler that takes only some says nothing of the rest.
fn path_parameters(route: &RouteInfo, operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let names = route.template.split('/').filter_map(|part| {
        let name = part.strip_prefix('<')?;
        name.strip_suffix('>')
    });
    let mut known = operation.path.iter();
    names
        .map(|name| {
            let schema = match known.next() {
                Some(schema) => schemas.request(*schema),
                None if name.ends_with("-id") => schemas.request(describe::schema::<Uuid>),
                None => json!({ "type": "string" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

fn list_parameters(filters: &[Filter]) -> Vec<Value> {
    let parameter = |name: &str, description: &str, schema: Value| {
        let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
        if !description.is_empty() {
            set(&mut parameter, "description", description.into());
        }
        parameter
    };
    let mut all = vec![
        parameter(
            "page_size",
            "Rows of a page.",
            json!({ "type": "integer", "default": PAGE_SIZE_DEFAULT, "minimum": 0, "maximum": PAGE_SIZE_MAX }),
        ),
        parameter(
            "page_token",
            "The `tm_create` of the last row of the page before: the list is newest first.",
            json!({ "type": "string", "format": "date-time" }),
        ),
        parameter(
            "customer_id",
            "The tenant; a key that belongs to one leaves it out.",
            json!({ "type": "string", "format": "uuid" }),
        ),
    ];
    let own = filters.iter().filter(|(name, _)| *name != "customer_id");
    all.extend(own.map(|(name, kind)| match kind {
        FilterKind::Uuid => parameter(name, "", json!({ "type": "string", "format": "uuid" })),
        FilterKind::Text => parameter(name, "Compared whole.", json!({ "type": "string" })),
        FilterKind::Phone => parameter(name, "A phone number.", json!({ "type": "string" })),
        FilterKind::OneOf(words) => parameter(name, "", json!({ "type": "string", "enum": words })),
        FilterKind::Digits(count) => parameter(
            name,
            "",
            json!({ "type": "string", "pattern": format!("^[0-9]{{{count}}}$") }),
        ),
        FilterKind::Read(reader) => parameter(
            name,
            &format!("{}.", reader.wanted),
            json!({ "type": "string" }),
        ),
        FilterKind::Deleted => parameter(
            name,
            "Deleted rows, or those that are not.",
            json!({ "type": "boolean" }),
        ),
    }));
    all
}

/// Each property of an object is a parameter.
fn query_parameters(schema: &Value) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|it| it == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, property)| {
            let mut property = property.clone();
            let described = property
                .as_object_mut()
                .and_then(|it| it.remove("description"));
            without_null(&mut property);
            let mut parameter = json!({ "name": name, "in": "query", "schema": property });
            if let Some(description) = described {
                set(&mut parameter, "description", description);
            }
            if is_required(name) {
                set(&mut parameter, "required", true.into());
            }
            parameter
        })
        .collect()
}

/// A parameter is there or not; there is no null.
fn without_null(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    let kinds = fields.get("type").and_then(Value::as_array);
    let mut kinds = kinds.into_iter().flatten().filter(|kind| *kind != "null");
    if let (Some(kind), None) = (kinds.next().cloned(), kinds.next()) {
        fields.insert("type".to_owned(), kind);
    }
}

fn body(route: &RouteInfo, operation: &Operation, schemas: &mut Schemas) -> Option<Value> {
    let body = operation.body.as_ref()?;
    let schema = body.schema.map(|schema| schemas.request(schema));
    let mut content = Map::new();
    content.insert(
        body.media_type.to_owned(),
        schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema })),
    );
    if route.edge.upload.is_some() {
        content.insert("text/csv".to_owned(), json!({}));
        content.insert("multipart/form-data".to_owned(), json!({}));
    }
    Some(json!({ "required": body.is_required, "content": content }))
}

/// A media type without its parameters.
fn media_type(text: &str) -> String {
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().to_owned()
}

fn responses(route: &RouteInfo, operation: &Operation, schemas: &mut Schemas) -> Value {
    let edge = &route.edge;
    let mut content = Map::new();
    let text = json!({ "schema": { "type": "string" } });
    // The pages of an export are the bridge's business.
    if let Some(document) = edge.document {
        content.insert(media_type(document.media_type), text.clone());
    } else if let Some(file) = edge.export {
        content.insert(media_type(file.content_type), text.clone());
    } else if edge.is_file {
        let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
        content.insert("application/octet-stream".to_owned(), bytes);
    } else {
        let schema = match operation.reply {
            _ if edge.is_deferred => Some(json!({ "$ref": "#/components/schemas/Accepted" })),
            reply => reply.map(|reply| schemas.reply(reply)),
        };
        let json = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
        content.insert(describe::JSON.to_owned(), json);
    }
    if edge.text_field.is_some() {
        content.insert("text/plain".to_owned(), text.clone());
    }
    if edge.csv_field.is_some() {
        content.insert("text/csv".to_owned(), text);
    }
    let mut responses = json!({ "200": { "description": "Done.", "content": content } });
    if route.is_bulk {
        let some = json!({ "description": "Done but for some rows.", "content": content });
        set(&mut responses, "207", some);
    }
    let refused = if edge.has_flat_errors {
        "RefusedFlat"
    } else {
        "Refused"
    };
    let refused = json!({ "$ref": format!("#/components/responses/{refused}") });
    set(&mut responses, "default", refused);
    responses
}

fn security(route: &RouteInfo) -> Value {
    if route.edge.access == Access::Public {
        return json!([]);
    }
    let mut any = vec![json!({ "accessKey": [] }), json!({ "bearer": [] })];
    if route.edge.takes_key_in_query {
        any.push(json!({ "keyInQuery": [] }));
    }
    any.into()
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
