//! Every URI of the daemon.

mod bookings;

use bin_common_handler::listenhandler::Routes;

use crate::{app::App, models::template::Template};

/// Reads.
const READ: &str = "chat:read";
/// Everything that changes something.
const WRITE: &str = "chat:write";

/// The route table.
pub(crate) fn routes() -> Routes<App> {
    let routes = word_routes(Routes::default());
    let routes = bookings::offer_routes(routes);
    let routes = bookings::booking_routes(routes);
    bookings::lead_routes(routes)
}

/// What is said by itself.
fn word_routes(routes: Routes<App>) -> Routes<App> {
    routes.resource_for::<Template>("/v1/templates", "/v1/templates/<template-id>", READ, WRITE)
}
