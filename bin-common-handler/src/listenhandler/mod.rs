//! Routes: a table of methods and URI templates, each with a handler whose signature is its contract.

pub mod describe;
mod edge;
mod envelope;
mod extract;
mod intake;
mod live;
mod path;
mod query;
mod raw;
mod reply;
mod router;
mod routes;
mod scopes;
#[cfg(test)]
mod simulation;
mod values;
mod wired;

pub use describe::{Operation, Signature};
pub use edge::{Access, AddressRate, Check, Document, Export, HttpOptions, Identity};
pub use extract::{Endpoint, Extract, Input, Json, List, OptionalJson, State};
pub use intake::Intake;
pub use live::{AccountView, Carrier, Op, Room, RoomKey, Topic, Views, VisitorIdentity};
pub use path::{FromPath, Path, PathParameter, PathValue};
pub(crate) use query::parse_query;
pub use query::{NamedTenant, Parameters, Query};
pub use raw::{Form, Raw, form_fields, read_form};
pub use reply::Reply;
pub use router::Router;
pub use routes::{BadRoutes, RouteInfo, RouteMatcher, Routes};
pub use scopes::Scopes;
pub use wired::{RouterContext, Wired};
