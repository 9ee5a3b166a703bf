//! What a person of a business may do, until people sign in: a role that an access key carries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person of a business is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets everything up.
    Admin,
    /// Sees and steers all conversations.
    Supervisor,
    /// Answers the conversations of their own queues.
    Agent,
    /// Looks on.
    Viewer,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Supervisor, Self::Agent, Self::Viewer];

    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Agent => "agent",
            Self::Viewer => "viewer",
        }
    }

    /// From its wire form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a role goes at a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not at all.
    None,
    /// Only to what is theirs: their manager confines them.
    Own,
    /// To everything of the tenant.
    All,
}

/// Which roles may use a route, and how far each goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// The mightiest see everything of the tenant down to this one …
    all: Role,
    /// … agents only what is theirs …
    are_agents_confined: bool,
    /// … and viewers look on.
    has_viewers: bool,
}

impl Roles {
    /// Nobody else.
    pub const ADMINS: Self = Self::down_to(Role::Admin);
    /// And whoever steers.
    pub const SUPERVISORS: Self = Self::down_to(Role::Supervisor);
    /// And whoever answers.
    pub const STAFF: Self = Self::down_to(Role::Agent);
    /// The same; agents only where it is theirs.
    pub const OWN: Self = Self {
        are_agents_confined: true,
        ..Self::down_to(Role::Agent)
    };
    /// Whoever steers, and viewers.
    pub const OVERVIEW: Self = Self {
        has_viewers: true,
        ..Self::SUPERVISORS
    };
    /// Everybody of the business.
    pub const EVERYBODY: Self = Self {
        has_viewers: true,
        ..Self::STAFF
    };
    /// The same; agents only where it is theirs.
    pub const SEEN: Self = Self {
        has_viewers: true,
        ..Self::OWN
    };

    const fn down_to(all: Role) -> Self {
        Self {
            all,
            are_agents_confined: false,
            has_viewers: false,
        }
    }

    /// Of a route that says nothing: who steers may look, and an admin may do everything.
    pub const fn usual(is_effect: bool) -> Self {
        if is_effect {
            Self::ADMINS
        } else {
            Self::SUPERVISORS
        }
    }

    /// How far `role` goes.
    pub fn reach(self, role: Role) -> Reach {
        match role {
            Role::Viewer if self.has_viewers => Reach::All,
            Role::Agent if self.are_agents_confined => Reach::Own,
            role if role <= self.all => Reach::All,
            _ => Reach::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{
        Reach::{All, None, Own},
        *,
    };

    #[rstest]
    #[case::admins(Roles::ADMINS, [All, None, None, None])]
    #[case::supervisors(Roles::SUPERVISORS, [All, All, None, None])]
    #[case::staff(Roles::STAFF, [All, All, All, None])]
    #[case::own(Roles::OWN, [All, All, Own, None])]
    #[case::overview(Roles::OVERVIEW, [All, All, None, All])]
    #[case::everybody(Roles::EVERYBODY, [All, All, All, All])]
    #[case::seen(Roles::SEEN, [All, All, Own, All])]
    #[case::usual_read(Roles::usual(false), [All, All, None, None])]
    #[case::usual_effect(Roles::usual(true), [All, None, None, None])]
    fn how_far_each_role_goes(#[case] roles: Roles, #[case] expected: [Reach; 4]) {
        assert_eq!(Role::ALL.map(|role| roles.reach(role)), expected);
    }

    #[test]
    fn a_role_is_read_as_it_is_written_and_no_other_is() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("Admin"), Option::None);
    }
}
