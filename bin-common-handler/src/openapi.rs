//! OpenAPI 3.1 of the route tables: made from the types of their handlers and from the tables' own words.

mod operation;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    listenhandler::{RouteInfo, describe::schema},
    models::error::Status,
};
use operation::describe;
use schemas::Schemas;

/// The document of the routes that are served over HTTP, by (manager's name, its routes).
pub fn document(tables: &[(&str, Vec<RouteInfo>)]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags = Vec::new();
    for (service, routes) in tables {
        let served: Vec<_> = routes
            .iter()
            .filter(|route| !route.edge.is_internal)
            .collect();
        if served.is_empty() {
            continue;
        }
        tags.push(json!({ "name": word(service) }));
        for route in served {
            let operation = describe(service, route, &mut schemas);
            let method = route.method.as_str().to_ascii_lowercase();
            let path = paths.entry(braced(route.template)).or_default();
            path.insert(method, operation);
        }
    }
    let status = schemas.reply(schema::<Status>);
    let mut definitions = schemas.definitions();
    definitions.extend(shared(&status));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every path is served under /api as well.",
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": responses(),
            "securitySchemes": {
                "accessKey": { "type": "apiKey", "in": "header", "name": "x-api-key" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "keyInQuery": { "type": "apiKey", "in": "query", "name": "key" },
            },
        },
    });
    schemas.settle(&mut document);
    document
}

/// `outdial-manager` is called `outdial`.
fn word(service: &str) -> &str {
    service.split('-').next().unwrap_or(service)
}

/// A template as OpenAPI writes it.
fn braced(template: &str) -> String {
    template.replace('<', "{").replace('>', "}")
}

/// What no handler's type says: errors, and the answer to a request that is worked on later.
fn shared(status: &Value) -> [(String, Value); 3] {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    let flag = json!({ "type": "boolean" });
    let error = object(
        &["status", "reason", "domain", "message"],
        json!({
            "status": status,
            "reason": text("What happened, in a word that never changes."),
            "domain": text("Who says so."),
            "message": text("The same for people."),
            "details": { "type": "array", "items": true, "description": "More of it, such as retry_after_s." },
        }),
    );
    let flat = object(
        &["success", "error", "message"],
        json!({
            "success": flag,
            "error": text("What happened, in small letters."),
            "message": text("The same for people."),
        }),
    );
    let accepted = object(
        &["success", "message", "request_id"],
        json!({
            "success": flag,
            "message": text("accepted"),
            "request_id": text("By which logs tell of it."),
        }),
    );
    [
        ("Error", error),
        ("FlatError", flat),
        ("Accepted", accepted),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
}

/// Refusals: one form for all routes, and the flat one that dialers' scripts read.
fn responses() -> Value {
    let refusal = |description: &str, schema: &str| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
        })
    };
    json!({
        "Refused": refusal("Refused, or failed; `reason` is stable.", "Error"),
        "RefusedFlat": refusal("Refused, or failed.", "FlatError"),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{
        listenhandler::{Form, Json, List, NamedTenant, Path, Query, Raw, Routes},
        models::{
            error::Result,
            page::{Filter, FilterKind},
        },
    };

    /// A note.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Note {
        text: String,
        #[serde(default)]
        color: Option<String>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Notes {
        notes: Vec<Note>,
    }

    /// Which ones.
    #[derive(Deserialize, JsonSchema)]
    #[serde(default)]
    #[derive(Default)]
    struct Wanted {
        /// At most so many.
        limit: Option<u32>,
    }

    const FILTERS: &[Filter] = &[
        ("color", FilterKind::OneOf(&["red", "blue"])),
        ("deleted", FilterKind::Deleted),
    ];

    async fn list(_: List) -> Result<Json<Notes>> {
        Ok(Json(Notes { notes: Vec::new() }))
    }

    async fn search(_: Query<Wanted>) -> Result<Json<Notes>> {
        Ok(Json(Notes { notes: Vec::new() }))
    }

    async fn create(_: NamedTenant, Json(note): Json<Note>) -> Result<Json<Note>> {
        Ok(Json(note))
    }

    async fn hook(_: Path<(String, uuid::Uuid)>, _: Raw, _: Form<Note>) -> Result<Json<()>> {
        Ok(Json(()))
    }

    fn made() -> Value {
        let routes = Routes::<()>::default()
            .get("/v1/notes", list)
            .filtered_by(FILTERS)
            .post("/v1/notes", create)
            .scope("note:make")
            .get("/v1/notes/search", search)
            .flat_errors()
            .text("text")
            .post("/v1/hooks/<provider>/<number-id>", hook)
            .public()
            .raw(&["x-signature"])
            .deferred()
            .get("/v1/hidden", list)
            .internal();
        document(&[("note-manager", routes.infos())])
    }

    #[rstest]
    #[case("/openapi", json!("3.1.0"))]
    #[case("/tags", json!([{ "name": "note" }]))]
    #[case("/paths/~1v1~1hidden", Value::Null)]
    #[case("/paths/~1v1~1notes/get/operationId", json!("get_notes"))]
    #[case("/paths/~1v1~1notes/get/parameters/0/name", json!("page_size"))]
    #[case("/paths/~1v1~1notes/get/parameters/3/schema/enum", json!(["red", "blue"]))]
    #[case("/paths/~1v1~1notes/get/parameters/4/schema/type", json!("boolean"))]
    #[case("/paths/~1v1~1notes/get/responses/200/content/application~1json/schema/$ref", json!("#/components/schemas/Notes"))]
    #[case("/paths/~1v1~1notes/post/requestBody/content/application~1json/schema/$ref", json!("#/components/schemas/NoteInput"))]
    #[case("/paths/~1v1~1notes/post/parameters/0/name", json!("customer_id"))]
    #[case("/components/schemas/NoteInput/required", json!(["text"]))]
    #[case("/components/schemas/Note/required", json!(["text", "color"]))]
    #[case("/components/schemas/Notes/properties/notes/items/$ref", json!("#/components/schemas/Note"))]
    #[case("/paths/~1v1~1notes~1search/get/parameters/0/description", json!("At most so many."))]
    #[case("/paths/~1v1~1notes~1search/get/parameters/0/schema", json!({ "type": "integer", "format": "uint32", "minimum": 0 }))]
    #[case("/paths/~1v1~1notes~1search/get/responses/default/$ref", json!("#/components/responses/RefusedFlat"))]
    #[case("/paths/~1v1~1notes~1search/get/responses/200/content/text~1plain/schema/type", json!("string"))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/security", json!([]))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/parameters/0/name", json!("provider"))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/parameters/1/schema/format", json!("uuid"))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/parameters/2/name", json!("x-signature"))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/requestBody/content/application~1x-www-form-urlencoded/schema/$ref", json!("#/components/schemas/NoteInput"))]
    #[case("/paths/~1v1~1hooks~1{provider}~1{number-id}/post/responses/200/content/application~1json/schema/$ref", json!("#/components/schemas/Accepted"))]
    fn a_route_describes_itself(#[case] pointer: &str, #[case] expected: Value) {
        let document = made();
        let found = document.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(*found, expected);
    }
}
