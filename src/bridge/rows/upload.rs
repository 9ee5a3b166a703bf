//! What comes to a route that takes files: a form, CSV or JSON, under whatever name it has.

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use tokio::time::Instant;

use super::{
    batches::{Batches, Rows},
    chunks::Chunks,
};
use bin_common_handler::{
    models::error::Result,
    table::{Kind, Reader, Schema},
};

/// Whether a request says that it brings a form or CSV.
pub(in crate::bridge) fn is_file(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers);
    multer::parse_boundary(content_type).is_ok() || by_media_type(content_type) == Some(Kind::Csv)
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The rows of a request.
///
/// # Errors
/// 400 when a form holds no file.
pub(in crate::bridge) async fn open(
    headers: &HeaderMap,
    body: Body,
    deadline: Instant,
    schema: &'static Schema,
) -> Result<Batches> {
    let content_type = content_type(headers);
    let (chunks, kind) = match multer::parse_boundary(content_type) {
        Ok(boundary) => {
            let (chunks, name, kind) = Chunks::file_of(body, boundary, deadline).await?;
            (chunks, by_name(&name).or_else(|| by_media_type(&kind)))
        }
        Err(_) => (Chunks::whole(body, deadline)?, by_media_type(content_type)),
    };
    let table = Reader::new(schema, kind);
    Ok(Batches::new(chunks, Rows::Table(Box::new(table))))
}

fn by_name(name: &str) -> Option<Kind> {
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "csv" | "tsv" => Some(Kind::Csv),
        "json" => Some(Kind::Json),
        _ => None,
    }
}

fn by_media_type(media_type: &str) -> Option<Kind> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "text/csv"
        | "application/csv"
        | "text/tab-separated-values"
        | "application/vnd.ms-excel" => Some(Kind::Csv),
        "application/json" => Some(Kind::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use bin_common_handler::table::Field;

    static SCHEMA: Schema = Schema {
        fields: &[Field::number("number", &["cid"])],
    };

    async fn rows(content_type: &str, body: &str) -> Result<Vec<Value>> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        // A byte at a time.
        let chunks: Vec<_> = body
            .bytes()
            .map(|byte| Ok::<_, std::io::Error>(vec![byte]))
            .collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut batches = open(&headers, body, deadline, &SCHEMA).await?;
        let mut rows = Vec::new();
        while let Some(batch) = batches.next().await? {
            rows.extend(serde_json::from_str::<Vec<Value>>(batch.data.get()).unwrap());
        }
        Ok(rows)
    }

    fn form(name: &str, file_name: &str, media_type: &str, file: &str) -> String {
        format!(
            "--x\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\n[1]\r\n\
             --x\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             content-type: {media_type}\r\n\r\n{file}\r\n--x--\r\n"
        )
    }

    #[rstest]
    #[case("text/csv", "cid\n4155550123\n")]
    #[case("Text/CSV; charset=utf-8", "\u{feff}cid\r\n4155550123")]
    #[case("", "\u{feff}\"cid\"\n4155550123\n")]
    #[case("application/x-www-form-urlencoded", "cid\n4155550123\n")]
    #[case("application/json", r#"[{"cid":"4155550123"}]"#)]
    #[case("application/json", "\u{feff} [{\"cid\":\"4155550123\"}]")]
    #[case("", r#"{"dids":[{"cid":"4155550123"}]}"#)]
    #[case("text/plain", r#" [{"cid":"4155550123"}]"#)]
    #[tokio::test]
    async fn a_body_is_what_it_says_or_looks_like(#[case] kind: &str, #[case] body: &str) {
        assert_eq!(
            rows(kind, body).await.unwrap(),
            [json!({"cid": "4155550123"})]
        );
    }

    #[rstest]
    #[case("list.csv", "application/octet-stream", "cid\n4155550123\n")]
    #[case("LIST.CSV", "application/json", "cid\n4155550123\n")]
    #[case("list.json", "text/csv", r#"[{"cid":"4155550123"}]"#)]
    #[case("list", "text/csv", "cid\n4155550123\n")]
    #[case("list", "application/json", r#"{"n":1,"data":[{"cid":"4155550123"}]}"#)]
    #[case("list.txt", "text/plain", "\u{feff}cid\n4155550123\n")]
    #[case("", "application/octet-stream", r#"[{"cid":"4155550123"}]"#)]
    #[tokio::test]
    async fn a_file_in_a_form_too(#[case] name: &str, #[case] kind: &str, #[case] file: &str) {
        let body = form("file", name, kind, file);
        let said = rows("multipart/form-data; boundary=x", &body).await;
        assert_eq!(said.unwrap(), [json!({"cid": "4155550123"})]);
    }

    #[rstest]
    #[case(
        "multipart/form-data; boundary=x",
        form("files", "a.csv", "text/csv", "cid\n1\n")
    )]
    #[case("multipart/form-data; boundary=x", "--x--\r\n".to_owned())]
    #[case("multipart/form-data; boundary=x", "cid\n4155550123\n".to_owned())]
    #[case("multipart/form-data; boundary=x", form("file", "a.csv", "text/csv", "cid\n1").replace("\r\n--x--", ""))]
    #[case("text/csv", "PK\u{3}\u{4}\0\0".to_owned())]
    #[case("text/csv", String::new())]
    #[case("application/json", "cid\n4155550123\n".to_owned())]
    #[tokio::test]
    async fn anything_else_is_refused(#[case] kind: &str, #[case] body: String) {
        assert_eq!(
            rows(kind, &body).await.unwrap_err().reason(),
            "INVALID_BODY"
        );
    }
}
