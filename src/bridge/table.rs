//! Which manager serves a request: the route tables of all managers as one.

use bin_common_handler::listenhandler::{BadRoutes, Carrier, RouteInfo, RouteMatcher};
use bin_common_handler::models::sock::Method;

use super::keys::{Verifier, VisitorRoute};

const METHODS: [Method; 4] = [Method::Get, Method::Post, Method::Put, Method::Delete];

/// The routes of all managers.
#[derive(Debug)]
pub struct Table {
    matcher: RouteMatcher,
    /// Without those that are not served over HTTP.
    routes: Vec<(&'static str, RouteInfo)>,
    /// Sockets of other protocols, with their managers' names.
    carriers: Vec<(&'static str, RouteInfo)>,
    verifier: Option<Verifier>,
    visitors: Option<VisitorRoute>,
    /// What sockets may follow and say; some of it is served over sockets only.
    live: Vec<(&'static str, RouteInfo)>,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// The manager's name, e.g. `outdial-manager`.
    pub service: &'static str,
    /// Its route.
    pub route: &'a RouteInfo,
    /// The path as the manager knows it: `/v1/…`.
    pub path: &'a str,
}

impl Table {
    /// Joins tables of (manager's name, its routes).
    ///
    /// # Errors
    /// When two routes would take the same requests.
    pub fn new(tables: Vec<(&'static str, Vec<RouteInfo>)>) -> Result<Self, BadRoutes> {
        let all = tables
            .into_iter()
            .flat_map(|(service, routes)| routes.into_iter().map(move |route| (service, route)));
        let mut verifier = None;
        let (mut routes, mut carriers) = (Vec::new(), Vec::new());
        let (mut visitors, mut live) = (None, Vec::new());
        for (service, route) in all {
            if let Some(identity) = route.edge.identity {
                verifier = Some(Verifier {
                    service,
                    method: route.method,
                    uri: route.template,
                    identity,
                });
            }
            if let Some(identity) = route.edge.visitors {
                visitors = Some(VisitorRoute {
                    service,
                    method: route.method,
                    uri: route.template,
                    identity,
                });
            }
            if route.edge.carrier.is_some() {
                carriers.push((service, route.clone()));
            }
            if route.edge.room.is_some() || route.edge.op.is_some() {
                live.push((service, route.clone()));
            }
            if !route.edge.is_internal {
                routes.push((service, route));
            }
        }
        let infos: Vec<_> = routes.iter().map(|(_, route)| route.clone()).collect();
        Ok(Self {
            matcher: RouteMatcher::new(&infos)?,
            routes,
            carriers,
            verifier,
            visitors,
            live,
        })
    }

    /// Every route that is served over HTTP, with its manager's name.
    pub(super) fn routes(&self) -> impl Iterator<Item = (&'static str, &RouteInfo)> {
        self.routes.iter().map(|(service, route)| (*service, route))
    }

    /// Where frames of a socket that connects here are carried, and its subprotocol.
    pub(super) fn carrier(&self, path: &str) -> Option<(&'static str, &RouteInfo, Carrier)> {
        self.carriers.iter().find_map(|(service, route)| {
            let carrier = route.edge.carrier.filter(|carrier| carrier.path == path)?;
            Some((*service, route, carrier))
        })
    }

    /// The manager that knows access keys, where there is one.
    pub(super) fn verifier(&self) -> Option<Verifier> {
        self.verifier
    }

    /// The manager that knows visitors, where there is one.
    pub(super) fn visitors(&self) -> Option<VisitorRoute> {
        self.visitors
    }

    /// What sockets may follow and say, with their managers' names.
    pub(super) fn live(&self) -> impl Iterator<Item = (&'static str, &RouteInfo)> {
        self.live.iter().map(|(service, route)| (*service, route))
    }

    /// Webhooks whose addresses people enter in a console: the name that each has there, and its path.
    pub(super) fn entered(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.routes
            .iter()
            .filter_map(|(_, route)| Some((route.edge.entered_as?, route.template)))
    }

    /// The most specific route for a request; `/api` before `/v1` may be there or not. HEAD is GET, where that has no
    /// effect: who looks does not mean to be given anything.
    pub(super) fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<Target<'a>> {
        match method {
            "HEAD" => self
                .route(Method::Get, path)
                .filter(|target| !target.route.is_effect),
            method => self.route(Method::parse(method)?, path),
        }
    }

    /// Every route of a path, whatever its method.
    pub(super) fn all<'a>(&'a self, path: &'a str) -> Vec<Target<'a>> {
        METHODS
            .into_iter()
            .filter_map(|method| self.route(method, path))
            .collect()
    }

    fn route<'a>(&'a self, method: Method, path: &'a str) -> Option<Target<'a>> {
        let path = path
            .strip_prefix("/api")
            .filter(|rest| rest.starts_with("/v1/"))
            .unwrap_or(path);
        let position = self.matcher.find(method, path)?;
        let (service, route) = self.routes.get(position)?;
        Some(Target {
            service,
            route,
            path,
        })
    }

    /// A path that answers as it stands, for the line to try at start.
    pub(super) fn example(&self) -> &'static str {
        self.routes
            .iter()
            .map(|(_, route)| route)
            .find(|route| {
                route.method == Method::Get && !route.is_effect && !route.template.contains('<')
            })
            .map_or("/health", |route| route.template)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use bin_common_handler::listenhandler::{HttpOptions, Identity, Signature};

    fn route(method: Method, template: &'static str) -> RouteInfo {
        RouteInfo {
            method,
            template,
            is_effect: false,
            filters: &[],
            is_bulk: false,
            edge: HttpOptions::default(),
            signature: Signature::default(),
        }
    }

    fn table() -> Table {
        Table::new(vec![
            (
                "outdial-manager",
                vec![
                    route(Method::Get, "/v1/outdials/<outdial-id>"),
                    route(Method::Get, "/v1/outdials"),
                ],
            ),
            (
                "did-manager",
                vec![RouteInfo {
                    is_effect: true,
                    ..route(Method::Get, "/v1/dids/next")
                }],
            ),
        ])
        .unwrap()
    }

    #[rstest]
    #[case("GET", "/v1/outdials", Some(("outdial-manager", "/v1/outdials")))]
    #[case("GET", "/api/v1/outdials", Some(("outdial-manager", "/v1/outdials")))]
    #[case("GET", "/api/v1/dids/next", Some(("did-manager", "/v1/dids/next")))]
    #[case("GET", "/api/api/v1/outdials", None)]
    #[case("GET", "/apiv1/outdials", None)]
    #[case("GET", "/api/outdials", None)]
    #[case("HEAD", "/v1/outdials", Some(("outdial-manager", "/v1/outdials")))]
    #[case("HEAD", "/api/v1/dids/next", None)]
    #[case("HEAD", "/v1/nothing", None)]
    #[case("OPTIONS", "/v1/outdials", None)]
    #[case("POST", "/v1/outdials", None)]
    #[case("get", "/v1/outdials", None)]
    #[case("PATCH", "/v1/outdials", None)]
    fn finds_manager_and_path(
        #[case] method: &str,
        #[case] path: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let table = table();
        let found = table.find(method, path);
        assert_eq!(found.map(|target| (target.service, target.path)), expected);
    }

    #[rstest]
    #[case("/v1/outdials", 1)]
    #[case("/api/v1/dids/next", 1)]
    #[case("/v1/nothing", 0)]
    fn all_routes_of_a_path_are_known(#[case] path: &str, #[case] count: usize) {
        assert_eq!(table().all(path).len(), count);
    }

    #[test]
    fn two_managers_cannot_have_the_same_route() {
        let routes = || vec![route(Method::Get, "/v1/outdials")];
        assert!(Table::new(vec![("a", routes()), ("b", routes())]).is_err());
    }

    #[test]
    fn an_internal_route_is_not_there_and_tells_who_knows_access_keys() {
        let identity = Identity {
            key_prefix: "key_",
            topics: &["key"],
        };
        let (method, template) = (Method::Post, "/v1/keys/verify");
        let verify = route(method, template);
        let internal = RouteInfo {
            edge: HttpOptions {
                is_internal: true,
                identity: Some(identity),
                ..HttpOptions::default()
            },
            ..verify
        };
        let table = Table::new(vec![("did-manager", vec![internal])]).unwrap();
        assert_eq!(table.find(method.as_str(), template), None);
        let expected = Verifier {
            service: "did-manager",
            method,
            uri: template,
            identity,
        };
        assert_eq!(table.verifier(), Some(expected));
        assert_eq!(Table::new(vec![]).unwrap().verifier(), None);
    }

    #[test]
    fn the_example_is_a_list() {
        assert_eq!(table().example(), "/v1/outdials");
        assert_eq!(Table::new(vec![]).unwrap().example(), "/health");
    }
}
