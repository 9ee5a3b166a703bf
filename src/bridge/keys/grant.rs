//! What a key allows: within which tenant, which routes, how often.

use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use super::visitors::Visitor;
use crate::bridge::table::Target;
use bin_common_handler::models::{
    error::{Error, Result},
    identity::Scope,
    role::{Reach, Role},
    time::Timestamp,
};

const READ: &str = ":read";
const WRITE: &str = ":write";

/// What the manager of access keys says of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(in crate::bridge) struct Key {
    /// The key's id.
    pub id: Uuid,
    /// The tenant that everything is confined to.
    pub customer_id: Uuid,
    /// What it may do, e.g. `did:next`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The account that everything is confined to, where it is bound to one.
    #[serde(default)]
    pub account_id: Option<Uuid>,
    /// What its bearer is; none = whatever its scopes allow. A role that is not known makes the answer unreadable, and
    /// the key opens nothing.
    #[serde(default)]
    pub role: Option<Role>,
    /// The user that it stands for.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// From then on it opens nothing.
    #[serde(default)]
    pub tm_expire: Option<Timestamp>,
    /// Requests of this key a second; 0 = no limit, none = the usual one. So for those below.
    #[serde(default)]
    pub rate_per_second: Option<u32>,
    /// Requests of this key at once.
    #[serde(default)]
    pub rate_burst: Option<u32>,
    /// Requests of all keys of the customer a second.
    #[serde(default)]
    pub customer_rate_per_second: Option<u32>,
    /// Requests of all keys of the customer at once.
    #[serde(default)]
    pub customer_rate_burst: Option<u32>,
}

/// Who asks: the operator with the bootstrap key, a tenant's key, or nobody that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bridge) enum Grant {
    /// Everything, and nothing counted.
    Operator,
    /// What this key allows.
    Key(Arc<Key>),
    /// What a visitor may over a socket: what is about their session.
    Visitor(Arc<Visitor>),
    /// Nothing but the public route that was asked for.
    Public,
}

impl Grant {
    /// What the requests of this caller are confined to.
    pub(in crate::bridge) fn scope(&self) -> Scope {
        match self {
            // Whose request a public one is, its handler finds out.
            Self::Operator | Self::Public => Scope::TRUSTED,
            Self::Key(key) => Scope::tenant(key.customer_id),
            Self::Visitor(visitor) => Scope::tenant(visitor.customer_id),
        }
    }

    /// The access key, where it is one.
    pub(in crate::bridge) fn access_key_id(&self) -> Option<Uuid> {
        match self {
            Self::Operator | Self::Visitor(_) | Self::Public => None,
            Self::Key(key) => Some(key.id),
        }
    }

    /// The account that the key is bound to.
    pub(in crate::bridge) fn account_id(&self) -> Option<Uuid> {
        match self {
            Self::Operator | Self::Visitor(_) | Self::Public => None,
            Self::Key(key) => key.account_id,
        }
    }

    /// What the key's bearer is, and the user that it stands for.
    pub(in crate::bridge) fn person(&self) -> (Option<Role>, Option<Uuid>) {
        match self {
            Self::Operator | Self::Visitor(_) | Self::Public => (None, None),
            Self::Key(key) => (key.role, key.user_id),
        }
    }

    /// Who asks: the key's user, else the access key.
    pub(in crate::bridge) fn caller_id(&self) -> Option<Uuid> {
        let (_, user_id) = self.person();
        user_id.or(self.access_key_id())
    }

    /// How far this caller goes at a route.
    pub(in crate::bridge) fn reach(&self, target: &Target<'_>) -> Reach {
        let (role, _) = self.person();
        role.map_or(Reach::All, |role| target.route.roles().reach(role))
    }

    /// The visitor's session, where it is one.
    pub(in crate::bridge) fn visitor_id(&self) -> Option<Uuid> {
        match self {
            Self::Visitor(visitor) => Some(visitor.id),
            Self::Operator | Self::Key(_) | Self::Public => None,
        }
    }

    /// The visitor's new token, where the one that was shown is soon over.
    pub(in crate::bridge) fn renewed(&self) -> Option<&str> {
        match self {
            Self::Visitor(visitor) => visitor.token.as_deref(),
            Self::Operator | Self::Key(_) | Self::Public => None,
        }
    }

    /// Whether it allows exactly what another one does; how often does not count.
    pub(in crate::bridge) fn has_rights_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Operator, Self::Operator) | (Self::Public, Self::Public) => true,
            (Self::Key(key), Self::Key(other)) => key.rights() == other.rights(),
            (Self::Visitor(visitor), Self::Visitor(other)) => {
                (visitor.id, visitor.customer_id) == (other.id, other.customer_id)
            }
            _ => false,
        }
    }

    /// What the key may do, for managers that ask; empty for the operator, who may do everything.
    pub(in crate::bridge) fn scopes(&self) -> &[String] {
        match self {
            Self::Operator | Self::Visitor(_) | Self::Public => &[],
            Self::Key(key) => &key.scopes,
        }
    }

    /// Whether this caller may use a route.
    ///
    /// # Errors
    /// 403 `SCOPE_REQUIRED` naming the scope that is missing, 403 `OPERATOR_ONLY` where no key has it, 403
    /// `ROLE_NOT_ALLOWED` naming the role that may not.
    pub(in crate::bridge) fn allow(&self, target: &Target<'_>) -> Result<()> {
        let key = match self {
            Self::Operator | Self::Public => return Ok(()),
            Self::Visitor(_) if target.route.edge.is_for_visitors => return Ok(()),
            Self::Visitor(_) => {
                return Err(Error::permission_denied(
                    "SCOPE_REQUIRED",
                    "This is not for visitors.",
                ));
            }
            Self::Key(key) => key,
        };
        let needed = target.route.scope(target.service).ok_or_else(|| {
            Error::permission_denied("OPERATOR_ONLY", "This route is for the operator's key.")
        })?;
        let others = target.route.edge.bound_scopes;
        if !key.has(&needed) && (key.account_id.is_none() || !key.has_any(others)) {
            return Err(Error::permission_denied(
                "SCOPE_REQUIRED",
                format!("This access key needs the scope {needed}."),
            ));
        }
        match key.role {
            Some(role) if self.reach(target) == Reach::None => Err(Error::permission_denied(
                "ROLE_NOT_ALLOWED",
                format!("The role {role} may not do this."),
            )),
            _ => Ok(()),
        }
    }
}

/// What a key is allowed by: its id, tenant, scopes, account, role and user.
type Rights<'k> = (
    Uuid,
    Uuid,
    &'k [String],
    Option<Uuid>,
    Option<Role>,
    Option<Uuid>,
);

impl Key {
    fn rights(&self) -> Rights<'_> {
        (
            self.id,
            self.customer_id,
            &self.scopes,
            self.account_id,
            self.role,
            self.user_id,
        )
    }

    fn has_any(&self, scopes: &[&str]) -> bool {
        self.scopes
            .iter()
            .any(|held| scopes.contains(&held.as_str()))
    }

    fn has(&self, needed: &str) -> bool {
        let holds = |scope: &str| self.scopes.iter().any(|held| held == scope);
        let may_write = || {
            needed
                .strip_suffix(READ)
                .is_some_and(|word| holds(&format!("{word}{WRITE}")))
        };
        holds(needed) || may_write()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use bin_common_handler::{
        listenhandler::{Access, HttpOptions, RouteInfo, Signature},
        models::sock::Method,
    };

    fn route(is_effect: bool, access: Access) -> RouteInfo {
        RouteInfo {
            method: Method::Get,
            template: "/v1/dids",
            is_effect,
            filters: &[],
            is_bulk: false,
            edge: HttpOptions {
                access,
                ..HttpOptions::default()
            },
            signature: Signature::default(),
        }
    }

    fn refusal(grant: &Grant, route: &RouteInfo) -> String {
        let target = Target {
            service: "did-manager",
            route,
            path: "/v1/dids",
        };
        grant.allow(&target).map_or_else(
            |error| format!("{} {}", error.reason(), error.message()),
            |()| "allowed".to_owned(),
        )
    }

    fn key(scopes: &[&str]) -> Grant {
        Grant::Key(Arc::new(Key {
            id: Uuid::from_u128(1),
            customer_id: Uuid::from_u128(2),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            ..Key::default()
        }))
    }

    #[rstest]
    #[case::read(Access::ByEffect, false, "did:read", &["did:read", "did:write"])]
    #[case::write(Access::ByEffect, true, "did:write", &["did:write"])]
    #[case::next(Access::Scope("did:next"), true, "did:next", &["did:next"])]
    #[case::report(Access::Scope("did:read"), true, "did:read", &["did:read", "did:write"])]
    fn a_route_opens_to_its_scope_and_no_other(
        #[case] access: Access,
        #[case] is_effect: bool,
        #[case] named: &str,
        #[case] enough: &[&str],
    ) {
        let route = route(is_effect, access);
        for scope in [
            "did:read",
            "did:write",
            "did:next",
            "outdial:write",
            "outdial:read",
            "did",
            "DID:READ",
            "*",
            "",
        ] {
            let said = refusal(&key(&[scope]), &route);
            if enough.contains(&scope) {
                assert_eq!(said, "allowed", "{scope}");
            } else {
                assert_eq!(
                    said,
                    format!("SCOPE_REQUIRED This access key needs the scope {named}."),
                    "{scope}"
                );
            }
        }
        assert_eq!(
            refusal(&key(&["outdial:read", enough[0]]), &route),
            "allowed"
        );
        assert_eq!(refusal(&Grant::Operator, &route), "allowed");
    }

    #[test]
    fn the_operators_routes_open_to_no_access_key() {
        let route = route(true, Access::Operator);
        let said = refusal(&key(&["did:read", "did:write", "did:next"]), &route);
        assert!(said.starts_with("OPERATOR_ONLY"), "{said}");
        assert_eq!(refusal(&Grant::Operator, &route), "allowed");
    }

    #[rstest]
    #[case::the_same(json!({}), true)]
    #[case::other_rate(json!({"rate_per_second": 5}), true)]
    #[case::fewer_scopes(json!({"scopes": []}), false)]
    #[case::other_role(json!({"role": "agent"}), false)]
    #[case::other_user(json!({"user_id": Uuid::from_u128(3)}), false)]
    #[case::other_account(json!({"account_id": Uuid::from_u128(3)}), false)]
    #[case::other_tenant(json!({"customer_id": Uuid::from_u128(3)}), false)]
    fn a_key_that_changed_has_other_rights(#[case] more: serde_json::Value, #[case] same: bool) {
        let verdict = json!({"id": Uuid::from_u128(1), "customer_id": Uuid::from_u128(2),
                             "scopes": ["did:read"], "role": "supervisor"});
        let mut changed = verdict.clone();
        for (name, value) in more.as_object().unwrap() {
            changed[name] = value.clone();
        }
        let grant = |verdict| Grant::Key(serde_json::from_value(verdict).unwrap());
        assert_eq!(grant(changed).has_rights_of(&grant(verdict)), same);
        assert!(!Grant::Operator.has_rights_of(&Grant::Public));
    }

    #[test]
    fn what_is_not_told_of_a_key_allows_nothing() {
        let text = r#"{"id":"00000000-0000-0000-0000-000000000001","customer_id":"00000000-0000-0000-0000-000000000002","unknown":1}"#;
        let key: Key = serde_json::from_str(text).unwrap();
        assert_eq!((key.scopes.len(), key.tm_expire), (0, None));
        assert!(serde_json::from_str::<Key>(r#"{"id":null}"#).is_err());
    }
}
