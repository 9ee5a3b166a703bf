//! What a handler may return.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Json, Operation, describe::schema};
use crate::models::sock::Response;

/// Something that becomes a response.
pub trait Reply {
    /// Its wire form.
    fn into_response(self) -> Response;

    /// Says what it is, for OpenAPI.
    fn describe(operation: &mut Operation) {
        let _ = operation;
    }
}

impl<T: Serialize + JsonSchema> Reply for Json<T> {
    fn into_response(self) -> Response {
        Response::ok(&self.0)
    }

    fn describe(operation: &mut Operation) {
        operation.reply = Some(schema::<T>);
    }
}

impl Reply for Response {
    fn into_response(self) -> Response {
        self
    }
}
