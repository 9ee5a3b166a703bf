//! The description of every route, for programs: made once, kept by its callers until it changes.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use bin_common_handler::{listenhandler::RouteInfo, openapi};
use sha2::{Digest, Sha256};

/// Where it is.
pub(super) const PATH: &str = "/openapi.json";
/// A minute old is new enough: it changes with a release.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What it may be asked with.
pub(super) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The document as it is sent.
#[derive(Debug)]
pub(super) struct Document {
    text: String,
    etag: String,
}

impl Document {
    /// Of these tables: (manager's name, its routes).
    pub(super) fn new(tables: &[(&str, Vec<RouteInfo>)]) -> Self {
        let text = openapi::document(tables).to_string();
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let hex: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            etag: format!("\"{hex}\""),
            text,
        }
    }

    /// The answer to a caller that may have it already.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let is_known = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.trim_start_matches("W/") == self.etag
            });
        let mut response = if is_known {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Body::from(self.text.clone()))
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, CACHE);
        if !is_known {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// Whether a request is for the document.
pub(super) fn is_asked(head: &Parts) -> bool {
    head.uri.path() == PATH && matches!(head.method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::managers;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

    fn tables() -> Vec<(&'static str, Vec<RouteInfo>)> {
        let routes = managers::ALL.iter();
        routes
            .map(|manager| (manager.name, (manager.routes)()))
            .collect()
    }

    fn document() -> Value {
        openapi::document(&tables())
    }

    /// Every operation with its path.
    fn operations(document: &Value) -> Vec<(&str, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        let each = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().values();
            methods.map(move |operation| (path.as_str(), operation))
        });
        each.collect()
    }

    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(reference) if name == "$ref" => {
                            found.insert(reference);
                        }
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_written_document_is_that_of_the_code() {
        let made = format!("{:#}\n", document());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, &made).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(
            written == made,
            "run: UPDATE_DOCS=1 cargo test -p tandem --lib openapi"
        );
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for name in document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
        {
            let reference = format!("#/components/schemas/{name}");
            let is_used = found.contains(reference.as_str()) || name == "Accepted";
            assert!(is_used, "{name}");
        }
    }

    #[test]
    fn every_route_is_there_once_with_its_placeholders_and_its_types() {
        let document = document();
        let operations = operations(&document);
        let served = tables()
            .iter()
            .flat_map(|(_, routes)| routes)
            .filter(|route| !route.edge.is_internal)
            .count();
        assert_eq!(operations.len(), served);
        let mut ids = BTreeSet::new();
        for (path, operation) in operations {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            let parameters = operation["parameters"].as_array();
            let parameters: Vec<_> = parameters.into_iter().flatten().collect();
            let named: BTreeSet<_> = parameters
                .iter()
                .map(|it| (it["in"].as_str().unwrap(), it["name"].as_str().unwrap()))
                .collect();
            assert_eq!(named.len(), parameters.len(), "{id} has a parameter twice");
            let declared = named.iter().filter(|(place, _)| *place == "path");
            let declared: BTreeSet<_> = declared.map(|(_, name)| *name).collect();
            let placeholders = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(declared, placeholders, "{id}");
            let content = operation["responses"]["200"]["content"]
                .as_object()
                .unwrap();
            for (kind, content) in content {
                assert!(
                    content["schema"].is_object(),
                    "{id} answers with unknown {kind}"
                );
            }
            if let Some(json) = operation["requestBody"]["content"].get("application/json") {
                assert!(json["schema"].is_object(), "{id} takes an unknown body");
            }
        }
    }
}
