//! Routes: a table of methods and URI templates, each with a handler whose signature is its contract.

mod edge;
mod envelope;
mod extract;
mod intake;
mod reply;
mod router;
mod routes;
#[cfg(test)]
mod simulation;
mod wired;

pub use edge::{Access, Check, Export, HttpOptions};
pub use extract::{Endpoint, Extract, Input, Json, List, OptionalJson, Path, Query, State};
pub use intake::Intake;
pub use reply::Reply;
pub use router::Router;
pub use routes::{BadRoutes, RouteInfo, RouteMatcher, Routes};
pub use wired::{RouterContext, Wired};
