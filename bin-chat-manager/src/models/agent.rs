//! An agent: a user who answers chats.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, short, wrong},
        error::Result,
        identity::uuid_or_nil,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Chats that an agent has at most, unless told otherwise.
const CAPACITY_DEFAULT: i32 = 4;
/// Skills of one agent or queue.
const SKILLS_MAX: usize = 50;

/// A user who answers chats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "agent", table = "chat_agents", check = check)]
pub struct Agent {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The user; there is one live agent of each. Fixed at creation.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub user_id: Uuid,
    /// What visitors see.
    #[resource(set, max_chars = 255)]
    pub name: String,
    /// What the agent can do: at most 50 short words, kept in small letters.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub skills: Json<Vec<String>>,
    /// Open chats and pending offers at most: 0 to 100; 4 when it is left out.
    #[resource(set, min = 0, max = 100)]
    pub capacity: i32,
    /// When the agent last got or ended a chat.
    pub tm_idle: Timestamp,
    /// The user while the agent is live. Unique, so there is one at a time.
    #[serde(skip)]
    #[schemars(skip)]
    pub live_user_id: Option<Uuid>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            user_id: Uuid::nil(),
            name: String::new(),
            skills: Json::default(),
            capacity: CAPACITY_DEFAULT,
            tm_idle: Timestamp::default(),
            live_user_id: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(agent: &mut Agent, before: Option<&Agent>, now: Timestamp) -> Result<()> {
    ensure(!agent.user_id.is_nil(), "user_id", "must name a user")?;
    match before {
        Some(before) if before.user_id != agent.user_id => {
            return Err(wrong("user_id", "cannot be changed"));
        }
        Some(_) => {}
        None => agent.tm_idle = now,
    }
    agent.skills.0 = skills(&agent.skills.0)?;
    Ok(())
}

/// Skills in their one form: small letters, sorted, each once.
///
/// # Errors
/// 400 naming `skills`.
pub(crate) fn skills(given: &[String]) -> Result<Vec<String>> {
    ensure(
        given.len() <= SKILLS_MAX,
        "skills",
        "has at most 50 entries",
    )?;
    let mut skills = Vec::new();
    for skill in given {
        short("skills", skill)?;
        let skill = skill.trim().to_lowercase();
        ensure(!skill.is_empty(), "skills", "has an empty entry")?;
        skills.push(skill);
    }
    skills.sort_unstable();
    skills.dedup();
    Ok(skills)
}

#[cfg(test)]
mod tests {
    use bin_common_handler::resource::Resource as _;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["Sales", " english ", "sales"], &["english", "sales"])]
    #[case(&[], &[])]
    fn skills_have_one_form(#[case] given: &[&str], #[case] expected: &[&str]) {
        let given: Vec<String> = given.iter().map(|&skill| skill.to_owned()).collect();
        assert_eq!(skills(&given).unwrap(), expected);
    }

    #[rstest]
    #[case::empty(vec![" ".to_owned()])]
    #[case::control(vec!["a\n".to_owned()])]
    #[case::long(vec!["a".repeat(65)])]
    #[case::many(vec!["a".to_owned(); 51])]
    fn what_is_no_skill_is_refused(#[case] given: Vec<String>) {
        let refusal = skills(&given).unwrap_err();
        assert_eq!(refusal.status().code(), 400);
        assert!(refusal.message().starts_with("skills "), "{refusal}");
    }

    #[rstest]
    #[case(0, "user_id")]
    #[case(2, "user_id")]
    fn an_agent_is_one_user_for_ever(#[case] user: u128, #[case] field: &str) {
        let before = Agent {
            user_id: Uuid::from_u128(1),
            ..Agent::default()
        };
        let mut after = Agent {
            user_id: Uuid::from_u128(user),
            ..before.clone()
        };
        let refusal = after
            .check(Some(&before), Timestamp::default())
            .unwrap_err();
        assert!(refusal.message().starts_with(field), "{refusal}");
    }
}
