//! What an access key may be allowed to do, as the route tables say it.

use std::sync::Arc;

use super::{Access, RouteInfo};
use crate::models::role::{Reach, Role};

const READ: &str = "read";
const WRITE: &str = "write";
/// Longest word of a scope, in bytes.
const WORD_MAX: usize = 32;

/// The scopes of an installation. Clones share them.
#[derive(Debug, Clone)]
pub struct Scopes {
    known: Arc<[String]>,
    /// Those of keys that are bound to one account, and of no others.
    bound: Arc<[String]>,
    /// Those of the routes that each role may use.
    of_roles: Arc<[(Role, Vec<String>)]>,
    is_complete: bool,
}

impl Scopes {
    /// Those that routes of these services need, each once: first its own words, then those it borrows. `is_complete`
    /// where there are no other services.
    pub fn new(tables: &[(&str, Vec<RouteInfo>)], is_complete: bool) -> Self {
        let mut known: Vec<String> = Vec::new();
        for (service, routes) in tables {
            for scope in of_service(service, routes) {
                if !known.contains(&scope) {
                    known.push(scope);
                }
            }
        }
        let mut bound: Vec<String> = Vec::new();
        for scope in tables
            .iter()
            .flat_map(|(_, routes)| routes)
            .flat_map(|route| route.edge.bound_scopes)
        {
            if !bound.iter().any(|known| known == scope) {
                bound.push((*scope).to_owned());
            }
        }
        Self {
            bound: bound.into(),
            of_roles: Role::ALL.map(|role| (role, of_role(tables, role))).into(),
            known: known.into(),
            is_complete,
        }
    }

    /// All that are known.
    pub fn known(&self) -> &[String] {
        &self.known
    }

    /// Those of keys that are bound to one account.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Those of the routes that a role may use, sorted. A key with a role needs them as well as the role.
    pub fn of_role(&self, role: Role) -> &[String] {
        let mut all = self.of_roles.iter();
        match all.find(|(known, _)| *known == role) {
            Some((_, scopes)) => scopes,
            None => &[],
        }
    }

    /// Whether a key that is bound to an account may be given `scope`. As [`Self::may_be_given`].
    pub fn may_be_bound(&self, scope: &str) -> bool {
        let is_known = self.bound.iter().any(|known| known == scope);
        is_known || (!self.is_complete && self.may_be_anothers(scope))
    }

    /// Whether a key may be given `scope`. Where other services may exist, also what looks like one of theirs: a word
    /// that no service here has, a colon, and a right.
    pub fn may_be_given(&self, scope: &str) -> bool {
        let is_known = self.known.iter().any(|known| known == scope);
        is_known || (!self.is_complete && self.may_be_anothers(scope))
    }

    fn may_be_anothers(&self, scope: &str) -> bool {
        let Some((word, right)) = scope.split_once(':') else {
            return false;
        };
        let is_ours = |known: &String| known.split_once(':').is_some_and(|(ours, _)| ours == word);
        is_word(word) && is_word(right) && !self.known.iter().any(is_ours)
    }
}

impl RouteInfo {
    /// The scope that a key needs for this route of `service`; none where no scope is enough.
    pub fn scope(&self, service: &str) -> Option<String> {
        let word = word_of(service);
        match (self.edge.access, self.is_effect) {
            (Access::Scope(scope), _) => Some(scope.to_owned()),
            (Access::ByEffect, false) => Some(format!("{word}:{READ}")),
            (Access::ByEffect, true) => Some(format!("{word}:{WRITE}")),
            // A public route asks for no key.
            (Access::Operator | Access::Public, _) => None,
        }
    }
}

/// What the scopes of a service's own start with: `did` of `did-manager`.
fn word_of(service: &str) -> &str {
    service.split('-').next().unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn of_role(tables: &[(&str, Vec<RouteInfo>)], role: Role) -> Vec<String> {
    let mut scopes = Vec::new();
    for (service, routes) in tables {
        let open = routes
            .iter()
            .filter(|route| !route.edge.is_internal && route.roles().reach(role) != Reach::None);
        scopes.extend(open.filter_map(|route| route.scope(service)));
    }
    scopes.sort();
    scopes.dedup();
    scopes
}

/// Words by their first route, the service's own first; within a word, read and write come last.
fn of_service(service: &str, routes: &[RouteInfo]) -> Vec<String> {
    let mut words = vec![word_of(service).to_owned()];
    let mut scopes = Vec::new();
    for route in routes.iter().filter(|route| !route.edge.is_internal) {
        let Some(scope) = route.scope(service) else {
            continue;
        };
        let word = scope.split(':').next().unwrap_or_default().to_owned();
        if !words.contains(&word) {
            words.push(word);
        }
        scopes.push(scope);
    }
    // Stable: rights that are neither stay in the order of the table.
    scopes.sort_by_key(|scope| {
        let (word, right) = scope.split_once(':').unwrap_or((scope, ""));
        let rank = [READ, WRITE].iter().position(|known| *known == right);
        let word = words.iter().position(|known| known == word);
        (word, rank.map_or(0, |rank| rank + 1))
    });
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        listenhandler::{Json, Query, Routes},
        models::error::Result,
    };

    async fn nothing(_: Query) -> Result<Json<()>> {
        Ok(Json(()))
    }

    fn scopes(is_complete: bool) -> Scopes {
        let dids = Routes::<()>::default()
            .post("/v1/keys", nothing)
            .scope("key:write")
            .get("/v1/keys", nothing)
            .scope("key:read")
            .post("/v1/dids", nothing)
            .get("/v1/dids", nothing)
            .get("/v1/dids/next", nothing)
            .scope("did:next")
            .get("/v1/customers", nothing)
            .operator_only()
            .get("/v1/secret", nothing)
            .scope("secret:read")
            .internal();
        let outdials = Routes::<()>::default().get("/v1/outdials", nothing);
        let tables = [
            ("did-manager", dids.infos()),
            ("outdial-manager", outdials.infos()),
        ];
        Scopes::new(&tables, is_complete)
    }

    #[test]
    fn each_once_the_own_first_read_and_write_last() {
        let expected = [
            "did:next",
            "did:read",
            "did:write",
            "key:read",
            "key:write",
            "outdial:read",
        ];
        assert_eq!(scopes(true).known(), expected);
    }

    #[rstest]
    #[case(Role::Admin, &["did:next", "did:read", "did:write", "key:read", "key:write", "outdial:read"])]
    #[case(Role::Supervisor, &["did:next", "did:read", "key:read", "outdial:read"])]
    #[case(Role::Agent, &[])]
    fn a_role_needs_the_scopes_of_its_routes(#[case] role: Role, #[case] expected: &[&str]) {
        assert_eq!(scopes(true).of_role(role), expected);
    }

    #[rstest]
    #[case("did:next", true, true)]
    #[case("did:everything", false, false)]
    #[case("outdial:write", false, false)]
    #[case("call:read", false, true)]
    #[case("call", false, false)]
    #[case("call:", false, false)]
    #[case(":read", false, false)]
    #[case("Call:read", false, false)]
    #[case("call:read:all", false, false)]
    #[case("call read", false, false)]
    fn what_may_be_given_alone_and_beside_others(
        #[case] scope: &str,
        #[case] alone: bool,
        #[case] beside_others: bool,
    ) {
        assert_eq!(scopes(true).may_be_given(scope), alone);
        assert_eq!(scopes(false).may_be_given(scope), beside_others);
    }
}
