//! The route table: declared once, read by the router and by the bridge.

use std::{collections::HashSet, sync::Arc};

use regex::RegexSet;

use super::{
    HttpOptions, Signature,
    extract::{Endpoint, ErasedEndpoint, erase},
};
use crate::models::{page::Filter, role::Roles, sock::Method};

/// A UUID as paths have it: lower case, with dashes.
const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
/// Any other placeholder: a word without slashes, percent-encoded where it must be.
const WORD: &str = "[A-Za-z0-9._~%+-]{1,128}";

/// What is known of a route without its handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// Its method.
    pub method: Method,
    /// Its URI, e.g. `/v1/outdials/<outdial-id>`; a placeholder stands for a UUID where its
    /// name ends with `-id`, else for a word.
    pub template: &'static str,
    /// True where serving it twice would matter.
    pub is_effect: bool,
    /// What its list may be filtered by.
    pub filters: &'static [Filter],
    /// Its body is an array of rows that may come in batches.
    pub is_bulk: bool,
    /// How it is served over HTTP.
    pub edge: HttpOptions,
    /// What its types say.
    pub signature: Signature,
}

impl RouteInfo {
    /// The template without `/v1`, as voipbin's metrics name it.
    pub fn metric_type(&self) -> &'static str {
        self.template.strip_prefix("/v1").unwrap_or(self.template)
    }

    /// Which keys with a role may use it.
    pub fn roles(&self) -> Roles {
        self.edge
            .roles
            .unwrap_or_else(|| Roles::usual(self.is_effect))
    }
}

/// A route table in the making. `S` is what the handlers need.
pub struct Routes<S> {
    pub(super) routes: Vec<Route<S>>,
}

pub(super) struct Route<S> {
    pub(super) info: RouteInfo,
    pub(super) endpoint: Arc<dyn ErasedEndpoint<S>>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { routes: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// A GET that only reads.
    #[must_use]
    pub fn get<A: 'static>(self, template: &'static str, endpoint: impl Endpoint<S, A>) -> Self {
        self.with(Method::Get, template, false, endpoint)
    }

    /// A GET that has an effect, such as handing something out.
    #[must_use]
    pub fn get_with_effect<A: 'static>(
        self,
        template: &'static str,
        endpoint: impl Endpoint<S, A>,
    ) -> Self {
        self.with(Method::Get, template, true, endpoint)
    }

    /// A POST; it has an effect.
    #[must_use]
    pub fn post<A: 'static>(self, template: &'static str, endpoint: impl Endpoint<S, A>) -> Self {
        self.with(Method::Post, template, true, endpoint)
    }

    /// A POST that only reads, such as a question that must not stand in a URI.
    #[must_use]
    pub fn post_without_effect<A: 'static>(
        self,
        template: &'static str,
        endpoint: impl Endpoint<S, A>,
    ) -> Self {
        self.with(Method::Post, template, false, endpoint)
    }

    /// A PUT; it has an effect.
    #[must_use]
    pub fn put<A: 'static>(self, template: &'static str, endpoint: impl Endpoint<S, A>) -> Self {
        self.with(Method::Put, template, true, endpoint)
    }

    /// A DELETE; it has an effect.
    #[must_use]
    pub fn delete<A: 'static>(self, template: &'static str, endpoint: impl Endpoint<S, A>) -> Self {
        self.with(Method::Delete, template, true, endpoint)
    }

    /// The route before this is a list that may be filtered.
    #[must_use]
    pub fn filtered_by(mut self, filters: &'static [Filter]) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.info.filters = filters;
        }
        self
    }

    /// The route before this takes an array of rows.
    #[must_use]
    pub fn bulk(mut self) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.info.is_bulk = true;
        }
        self
    }

    /// What is known of each route.
    pub fn infos(&self) -> Vec<RouteInfo> {
        self.routes.iter().map(|route| route.info.clone()).collect()
    }

    fn with<A: 'static, E: Endpoint<S, A>>(
        mut self,
        method: Method,
        template: &'static str,
        is_effect: bool,
        endpoint: E,
    ) -> Self {
        let info = RouteInfo {
            method,
            template,
            is_effect,
            filters: &[],
            is_bulk: false,
            edge: HttpOptions::default(),
            signature: Signature::of(E::describe),
        };
        self.routes.push(Route {
            info,
            endpoint: erase(endpoint),
        });
        self
    }
}

/// A table that cannot be served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRoutes {
    /// Two routes would take the same requests.
    #[error("{0} {1} is declared twice")]
    Duplicate(Method, &'static str),
    /// A template that makes no pattern.
    #[error("the template {0} is not valid")]
    Template(&'static str),
}

/// Finds routes by method and path, in one pass over all templates.
#[derive(Debug)]
pub struct RouteMatcher {
    set: RegexSet,
    /// For each route its method and how specific its template is: the number of fixed segments.
    routes: Vec<(Method, usize)>,
}

impl RouteMatcher {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When two routes would take the same requests.
    pub fn new(infos: &[RouteInfo]) -> Result<Self, BadRoutes> {
        let mut seen = HashSet::new();
        for info in infos {
            if !seen.insert((info.method, shape(info.template))) {
                return Err(BadRoutes::Duplicate(info.method, info.template));
            }
        }
        let patterns: Vec<_> = infos.iter().map(|info| pattern(info.template)).collect();
        let set = RegexSet::new(patterns)
            .map_err(|_| BadRoutes::Template(infos.first().map_or("", |info| info.template)))?;
        let routes = infos
            .iter()
            .map(|info| {
                (
                    info.method,
                    info.template
                        .split('/')
                        .filter(|part| !is_placeholder(part))
                        .count(),
                )
            })
            .collect();
        Ok(Self { set, routes })
    }

    /// The most specific route for a request, as its position in the table.
    pub fn find(&self, method: Method, path: &str) -> Option<usize> {
        self.set
            .matches(path)
            .into_iter()
            .filter_map(|position| self.routes.get(position).map(|route| (position, route)))
            .filter(|(_, (candidate, _))| *candidate == method)
            .max_by_key(|(_, (_, fixed))| *fixed)
            .map(|(position, _)| position)
    }
}

pub(super) fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('<') && segment.ends_with('>')
}

/// Whether it is a placeholder for a UUID.
pub(super) fn is_id(segment: &str) -> bool {
    segment.starts_with('<') && segment.ends_with("-id>")
}

/// Templates that differ only in the names of their placeholders take the same requests.
fn shape(template: &str) -> String {
    template
        .split('/')
        .map(|part| if is_placeholder(part) { "<>" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

fn pattern(template: &str) -> String {
    let parts: Vec<_> = template
        .split('/')
        .map(|part| {
            if is_id(part) {
                UUID.to_owned()
            } else if is_placeholder(part) {
                WORD.to_owned()
            } else {
                regex::escape(part)
            }
        })
        .collect();
    format!("^{}$", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn info(method: Method, template: &'static str) -> RouteInfo {
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

    fn table() -> Vec<RouteInfo> {
        vec![
            info(Method::Get, "/v1/outdials"),
            info(Method::Post, "/v1/outdials"),
            info(Method::Get, "/v1/outdials/<outdial-id>"),
            info(Method::Get, "/v1/outdials/<outdial-id>/targets"),
            info(Method::Put, "/v1/outdials/<outdial-id>/data"),
            info(Method::Post, "/v1/webhooks/<provider>"),
            info(Method::Post, "/v1/webhooks/<provider>/<number-id>"),
        ]
    }

    #[rstest]
    #[case(Method::Get, "/v1/outdials", Some(0))]
    #[case(Method::Post, "/v1/outdials", Some(1))]
    #[case(
        Method::Get,
        "/v1/outdials/5b1a0000-0000-0000-0000-00000000000a",
        Some(2)
    )]
    #[case(Method::Get, "/v1/outdials/5B1A0000-0000-0000-0000-00000000000A", None)]
    #[case(Method::Get, "/v1/outdials/5b1a000000000000000000000000000a", None)]
    #[case(Method::Get, "/v1/outdials/", None)]
    #[case(Method::Delete, "/v1/outdials", None)]
    #[case(Method::Get, "/v1/outdials\n", None)]
    #[case(Method::Get, "x/v1/outdials", None)]
    #[case(Method::Post, "/v1/webhooks/twilio", Some(5))]
    #[case(Method::Post, "/v1/webhooks/a.b_c~d%20+-9", Some(5))]
    #[case(Method::Post, "/v1/webhooks/", None)]
    #[case(Method::Post, "/v1/webhooks/a b", None)]
    #[case(Method::Post, "/v1/webhooks/é", None)]
    #[case(
        Method::Post,
        "/v1/webhooks/x/5b1a0000-0000-0000-0000-00000000000a",
        Some(6)
    )]
    #[case(Method::Post, "/v1/webhooks/x/y", None)]
    fn finds_the_route_or_none(
        #[case] method: Method,
        #[case] path: &str,
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(
            RouteMatcher::new(&table()).unwrap().find(method, path),
            expected
        );
    }

    #[test]
    fn duplicate_routes_are_refused_whatever_their_placeholders_are_called() {
        let twice = [
            info(Method::Get, "/v1/a/<a-id>"),
            info(Method::Get, "/v1/a/<b-id>"),
        ];
        assert_eq!(
            RouteMatcher::new(&twice).unwrap_err(),
            BadRoutes::Duplicate(Method::Get, "/v1/a/<b-id>")
        );
    }

    #[rstest]
    #[case(128, Some(5))]
    #[case(129, None)]
    fn a_word_has_128_characters_at_most(#[case] length: usize, #[case] expected: Option<usize>) {
        let path = format!("/v1/webhooks/{}", "x".repeat(length));
        let matcher = RouteMatcher::new(&table()).unwrap();
        assert_eq!(matcher.find(Method::Post, &path), expected);
    }

    proptest! {
        #[test]
        fn any_path_is_routed_without_harm(path in "\\PC{0,60}") {
            let matcher = RouteMatcher::new(&table()).unwrap();
            if let Some(found) = matcher.find(Method::Get, &path) {
                prop_assert!(path.starts_with("/v1/outdials"), "{} went to {}", path, found);
            }
        }

        #[test]
        fn every_id_reaches_its_route(bytes in any::<u128>(), tail in prop::sample::select(vec!["", "/targets"])) {
            let path = format!("/v1/outdials/{}{tail}", uuid::Uuid::from_u128(bytes));
            let expected = if tail.is_empty() { 2 } else { 3 };
            prop_assert_eq!(RouteMatcher::new(&table()).unwrap().find(Method::Get, &path), Some(expected));
        }
    }
}
