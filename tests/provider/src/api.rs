//! The routes of the API, and who may call them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::listenhandler::form_fields;
use http::{Method, StatusCode, header};

use crate::{
    messages, numbers,
    server::{Asked, Told, first},
    services,
    state::{Route, Shared},
};

/// What the paths of an account start with.
const ACCOUNTS: &str = "/2010-04-01/Accounts/";
/// What the paths of messaging services start with.
const SERVICES: &str = "/v1/Services";

/// A call of the API by an account that may.
pub(crate) struct ApiCall<'a> {
    pub account_sid: String,
    /// What follows the account, without `.json`, in its parts.
    pub path: Vec<&'a str>,
    pub asked: &'a Asked,
    pub form: Vec<(String, String)>,
    pub shared: &'a Arc<Shared>,
}

impl ApiCall<'_> {
    /// A field of the form; none where it is empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        first(&self.form, name).filter(|value| !value.is_empty())
    }

    /// A field of the form as it is.
    pub fn text(&self, name: &str) -> String {
        self.field(name).unwrap_or_default().to_owned()
    }
}

fn path(asked: &Asked) -> Option<(Option<&str>, Vec<&str>)> {
    if let Some(rest) = asked.path.strip_prefix(ACCOUNTS) {
        let (sid, rest) = rest.split_once('/')?;
        let rest = rest.strip_suffix(".json").unwrap_or(rest);
        return Some((Some(sid), rest.split('/').collect()));
    }
    let rest = asked.path.strip_prefix(SERVICES)?;
    let parts = rest.split('/').filter(|part| !part.is_empty());
    Some((None, std::iter::once("Services").chain(parts).collect()))
}

/// The kind of a request; none for what the API does not have.
pub(crate) fn route(asked: &Asked) -> Option<Route> {
    let (_, parts) = path(asked)?;
    match (&asked.method, parts.as_slice()) {
        (&Method::POST, ["Messages"]) => Some(Route::Send),
        (&Method::GET, ["Messages"] | ["Messages", _]) => Some(Route::List),
        (&Method::GET, ["AvailablePhoneNumbers", _, "Local"]) => Some(Route::Search),
        (&Method::POST, ["IncomingPhoneNumbers"]) => Some(Route::Buy),
        (&Method::GET, ["IncomingPhoneNumbers"] | ["IncomingPhoneNumbers", _]) => {
            Some(Route::Owned)
        }
        (&Method::POST, ["IncomingPhoneNumbers", _]) => Some(Route::Update),
        (&Method::DELETE, ["IncomingPhoneNumbers", _]) => Some(Route::Release),
        (_, ["Services", ..]) => Some(Route::Service),
        _ => None,
    }
}

/// Does what is asked.
pub(crate) fn answer(route: Route, asked: &Asked, shared: &Arc<Shared>) -> Told {
    let Some((named, parts)) = path(asked) else {
        return Told::unknown();
    };
    let Some(account_sid) = account(asked, shared) else {
        return Told::refused(StatusCode::UNAUTHORIZED, 20003, "authentication error");
    };
    if named.is_some_and(|named| named != account_sid) {
        return Told::unknown();
    }
    let call = ApiCall {
        account_sid,
        path: parts,
        asked,
        form: form_fields(&asked.body).collect(),
        shared,
    };
    match route {
        Route::Send => messages::send(&call),
        Route::List => messages::list(&call),
        Route::Search => numbers::search(&call),
        Route::Buy => numbers::buy(&call),
        Route::Owned => numbers::owned(&call),
        Route::Update => numbers::update(&call),
        Route::Release => numbers::release(&call),
        Route::Service => services::answer(&call),
        // Pictures have no JSON, and are answered before.
        Route::Picture => Told::unknown(),
    }
}

/// The account whose sid and token the caller shows.
pub(crate) fn account(asked: &Asked, shared: &Shared) -> Option<String> {
    let shown = asked.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let shown = BASE64.decode(shown.strip_prefix("Basic ")?).ok()?;
    let shown = String::from_utf8(shown).ok()?;
    let (sid, token) = shown.split_once(':')?;
    shared.read(|state| {
        let known = state.accounts.get(sid).is_some_and(|known| known == token);
        known.then(|| sid.to_owned())
    })
}
