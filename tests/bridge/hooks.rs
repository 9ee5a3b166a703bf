//! A manager whose routes are called by strangers. Each answers what came.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{AddressRate, Form, Json, Path, Raw, Routes},
    models::error::{Error, Result},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Its name.
pub const NAME: &str = "hook-manager";

/// Its table.
pub fn routes() -> Routes<()> {
    const SIGNATURE: &[&str] = &["x-signature"];
    Routes::default()
        .post("/v1/hooks/<provider>", envelope)
        .public()
        .raw(SIGNATURE)
        .get("/v1/hooks/<provider>", envelope)
        .public()
        .raw(SIGNATURE)
        .post("/v1/hooks/signed", signed)
        .public()
        .raw(SIGNATURE)
        .post("/v1/hooks/later", later)
        .public()
        .raw(SIGNATURE)
        .deferred()
        .post("/v1/hooks/form", form)
        .public()
        .raw(&[])
        .post("/v1/hooks/plain", plain)
        .public()
        .post("/v1/hooks/few", plain)
        .public()
        .address_rate(AddressRate {
            per_second: 1,
            burst: 2,
        })
        .post("/v1/forms", form)
        .form()
        .put("/v1/hooks/signed", signed)
        .raw(SIGNATURE)
}

/// The envelope's data as it is, and who is said to ask.
async fn envelope(
    Path(provider): Path<String>,
    ctx: RequestContext,
    Json(data): Json<Value>,
) -> Result<Json<Value>> {
    Ok(Json(json!({
        "provider": provider,
        "data": data,
        "customer_id": ctx.scope.customer_id(),
        "access_key_id": ctx.access_key_id,
        "client_request_id": ctx.client_request_id,
        "is_keyed": ctx.operation.is_some_and(|operation| operation.key_from_caller),
    })))
}

async fn signed(raw: Raw) -> Result<Json<Value>> {
    let signature = raw
        .header("x-signature")
        .ok_or_else(|| Error::permission_denied("SIGNATURE_REQUIRED", "Sign it once."))?;
    Ok(Json(json!({
        "signature": signature,
        "url": raw.url(),
        "bytes": raw.body(),
    })))
}

async fn later(raw: Raw) -> Result<Json<()>> {
    match raw.body() {
        b"away" => Err(Error::unavailable("database", "gone")),
        _ => Ok(Json(())),
    }
}

/// A message as a carrier tells of it.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Message {
    #[serde(rename = "From")]
    from: String,
    #[serde(rename = "Body", default)]
    body: String,
    #[serde(rename = "NumMedia", default)]
    media: Option<u32>,
}

async fn form(Form(message): Form<Message>) -> Result<Json<Message>> {
    Ok(Json(message))
}

async fn plain(Json(body): Json<Value>) -> Result<Json<Value>> {
    Ok(Json(body))
}
