//! Visitors: strangers with a token of one session, which a manager verifies for each socket anew.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use bin_common_handler::{
    listenhandler::VisitorIdentity,
    models::{
        error::{Error, Result},
        sock::{Method, Request},
    },
    requesthandler::Requester,
};

use crate::bridge::NAME;

/// How long the manager may take.
const ASK_MAX: Duration = Duration::from_millis(1_500);

/// The route by which a manager says whose a visitor's token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bridge) struct VisitorRoute {
    /// The manager's name.
    pub service: &'static str,
    pub method: Method,
    pub uri: &'static str,
    pub identity: VisitorIdentity,
}

/// What a token opens.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub(in crate::bridge) struct Visitor {
    /// The session.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The token from now on, where the one that was shown is soon over.
    #[serde(default)]
    pub token: Option<String>,
}

impl fmt::Debug for Visitor {
    /// Without the token, which is a secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Visitor({})", self.id)
    }
}

#[derive(Serialize)]
struct Question<'q> {
    token: &'q str,
    origin: Option<&'q str>,
}

/// Asks about visitors' tokens.
pub(in crate::bridge) struct VisitorVerifier {
    route: VisitorRoute,
    requester: Requester,
}

impl VisitorVerifier {
    pub(in crate::bridge) fn new(route: VisitorRoute, requester: Requester) -> Self {
        Self { route, requester }
    }

    /// Whose a token is, shown by a page of this origin.
    ///
    /// # Errors
    /// 401 for a token that is good for nothing, 403 for a page that may not show it, 503.
    pub(super) async fn of(&self, token: &str, origin: Option<&str>) -> Result<Arc<Visitor>> {
        let VisitorRoute {
            service,
            method,
            uri,
            ..
        } = self.route;
        let request = Request::new(method, uri, NAME)
            .json(&Question { token, origin })
            .map_err(Error::internal)?;
        let reply = self.requester.send(service, &request, ASK_MAX).await?;
        if reply.status_code != 200 {
            return Err(Error::from_reply(&reply));
        }
        serde_json::from_str(reply.body())
            .map(Arc::new)
            .map_err(Error::internal)
    }
}

/// Whether it looks like a visitor's token: a JSON Web Token has three parts.
pub(in crate::bridge) fn is_visitors(token: &str) -> bool {
    token.split('.').count() == 3
}
