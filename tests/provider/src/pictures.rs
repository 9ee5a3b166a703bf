//! Pictures of texts: kept until somebody of the account asks for them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::{
    Provider, api,
    server::Asked,
    state::{Fault, Route, Shared, sid},
};

/// What stands before the id of a picture.
const MEDIA: &str = "/Media/";

impl Provider {
    /// A picture of the first account; its URL.
    pub fn picture(&self, bytes: &[u8]) -> String {
        let (message, picture) = (sid("MM"), sid("ME"));
        let account = self.account().sid;
        let path = format!("/2010-04-01/Accounts/{account}/Messages/{message}{MEDIA}{picture}");
        let url = format!("{}{path}", self.url());
        self.shared
            .change(|state| state.pictures.insert(path, bytes.to_vec()));
        url
    }

    /// How often pictures were asked for.
    pub fn pictures_asked(&self) -> usize {
        self.shared.read(|state| state.pictures_asked)
    }
}

/// The answer to a request for a picture; none for anything else.
pub(crate) fn answer(asked: &Asked, shared: &Arc<Shared>) -> Option<Response<Full<Bytes>>> {
    if asked.method != Method::GET || !asked.path.contains(MEDIA) {
        return None;
    }
    let (found, fault) = shared.change(|state| {
        state.pictures_asked += 1;
        let found = state.pictures.get(&asked.path).cloned();
        (found, state.fault(Route::Picture))
    });
    let is_allowed = api::account(asked, shared).is_some();
    let (status, bytes) = match (fault, found) {
        _ if !is_allowed => (StatusCode::UNAUTHORIZED, Vec::new()),
        (Some(Fault::Status(status)), _) => {
            let status = StatusCode::from_u16(status);
            (status.unwrap_or(StatusCode::BAD_GATEWAY), Vec::new())
        }
        (_, Some(bytes)) => (StatusCode::OK, bytes),
        (_, None) => (StatusCode::NOT_FOUND, Vec::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    *response.status_mut() = status;
    Some(response)
}
