//! What a handler may return.

use serde::Serialize;

use super::Json;
use crate::models::sock::Response;

/// Something that becomes a response.
pub trait Reply {
    /// Its wire form.
    fn into_response(self) -> Response;
}

impl<T: Serialize> Reply for Json<T> {
    fn into_response(self) -> Response {
        Response::ok(&self.0)
    }
}

impl Reply for Response {
    fn into_response(self) -> Response {
        self
    }
}
