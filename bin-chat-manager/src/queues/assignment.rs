//! Assignment: which waiting chat is offered to which agent.
//!
//! Chats go by priority (1 first), then by waiting time, then by id. An agent may get one when online, when it has every
//! skill that the chat needs, and while open chats and pending offers together are fewer than its capacity. Of those who
//! may, the chat's last agent is preferred; then whoever has the largest spare capacity, then whoever was idle longest,
//! then the smallest id. Whoever passed on a chat gets it again only when nobody else may.

use std::cmp::Reverse;

use bin_common_handler::models::time::Timestamp;
use uuid::Uuid;

/// An agent, as far as assignment sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The agent.
    pub id: Uuid,
    /// What the agent can do.
    pub skills: Vec<String>,
    /// Open chats and pending offers at most.
    pub capacity: i64,
    /// Open chats and pending offers now.
    pub load: i64,
    /// When the agent last got or ended a chat.
    pub idle_since: Timestamp,
    /// Whether the agent takes chats now.
    pub is_online: bool,
}

impl Candidate {
    /// How many chats more the agent can take; below 0 after its capacity was lowered.
    pub const fn spare(&self) -> i64 {
        self.capacity.saturating_sub(self.load)
    }

    /// Whether the agent may be offered a chat that needs these skills.
    pub fn may_take(&self, skills: &[String]) -> bool {
        self.is_online && self.spare() > 0 && self.has(skills)
    }

    /// Whether the agent has all of these skills.
    pub fn has(&self, skills: &[String]) -> bool {
        skills.iter().all(|skill| self.skills.contains(skill))
    }
}

/// A chat that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The queue's entry.
    pub id: Uuid,
    /// What its agent must be able to do.
    pub skills: Vec<String>,
    /// 1 goes before 2.
    pub priority: i32,
    /// Since when it waits, over all of its waiting.
    pub since: Timestamp,
    /// Who had this person's chat last.
    pub last_agent_id: Option<Uuid>,
    /// Who let an offer of it lapse, or declined one.
    pub passed: Vec<Uuid>,
}

impl Waiting {
    /// Smaller ones go first.
    pub const fn rank(&self) -> (i32, Timestamp, Uuid) {
        (self.priority, self.since, self.id)
    }
}

/// One chat for one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The queue's entry.
    pub chat_id: Uuid,
    /// Who is offered it.
    pub agent_id: Uuid,
}

/// The agent for a chat, as a place in `agents`; none when nobody may take it.
pub fn choose(chat: &Waiting, agents: &[Candidate]) -> Option<usize> {
    let may = |agent: &Candidate| agent.may_take(&chat.skills);
    let best = |may_again: bool| {
        agents
            .iter()
            .enumerate()
            .filter(|(_, agent)| may(agent) && (may_again || !chat.passed.contains(&agent.id)))
            .max_by_key(|(_, agent)| {
                let is_last = chat.last_agent_id == Some(agent.id);
                (
                    is_last,
                    agent.spare(),
                    Reverse((agent.idle_since, agent.id)),
                )
            })
            .map(|(place, _)| place)
    };
    best(false).or_else(|| best(true))
}

/// Who is offered what, at most `most` of it. The agents' loads grow along, so that nobody gets more than fits.
pub fn plan(mut chats: Vec<Waiting>, agents: &mut [Candidate], most: usize) -> Vec<Pair> {
    chats.sort_by_key(Waiting::rank);
    let mut pairs = Vec::new();
    for chat in &chats {
        if pairs.len() == most {
            break;
        }
        let Some(agent) = choose(chat, agents).and_then(|place| agents.get_mut(place)) else {
            continue;
        };
        agent.load += 1;
        pairs.push(Pair {
            chat_id: chat.id,
            agent_id: agent.id,
        });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn agent(id: u128, load: i64, idle: i64) -> Candidate {
        Candidate {
            id: Uuid::from_u128(id),
            skills: words("sales english"),
            capacity: 4,
            load,
            idle_since: at(idle),
            is_online: true,
        }
    }

    fn chat(id: u128, priority: i32, since: i64) -> Waiting {
        Waiting {
            id: Uuid::from_u128(id),
            skills: words("sales"),
            priority,
            since: at(since),
            last_agent_id: None,
            passed: Vec::new(),
        }
    }

    #[rstest]
    #[case::largest_spare(vec![agent(1, 2, 0), agent(2, 1, 9)], 2)]
    #[case::longest_idle(vec![agent(1, 1, 9), agent(2, 1, 3)], 2)]
    #[case::smallest_id(vec![agent(2, 1, 3), agent(1, 1, 3)], 1)]
    #[case::spare_not_load(vec![Candidate { capacity: 1, ..agent(1, 0, 0) }, agent(2, 1, 9)], 2)]
    #[case::online_only(vec![Candidate { is_online: false, ..agent(1, 0, 0) }, agent(2, 3, 9)], 2)]
    #[case::skilled_only(vec![Candidate { skills: words("english"), ..agent(1, 0, 0) }, agent(2, 3, 9)], 2)]
    #[case::with_room_only(vec![agent(1, 4, 0), agent(2, 3, 9)], 2)]
    fn the_agent_of_a_chat(#[case] agents: Vec<Candidate>, #[case] expected: u128) {
        let chosen = choose(&chat(1, 5, 0), &agents).and_then(|place| agents.get(place));
        assert_eq!(
            chosen.map(|agent| agent.id),
            Some(Uuid::from_u128(expected))
        );
    }

    #[rstest]
    #[case::full(vec![agent(1, 4, 0)])]
    #[case::above_its_capacity(vec![agent(1, 6, 0)])]
    #[case::away(vec![Candidate { is_online: false, ..agent(1, 0, 0) }])]
    #[case::unskilled(vec![Candidate { skills: words("english"), ..agent(1, 0, 0) }])]
    #[case::nobody(vec![])]
    fn a_chat_that_nobody_may_take_waits(#[case] agents: Vec<Candidate>) {
        assert_eq!(choose(&chat(1, 5, 0), &agents), None);
    }

    #[rstest]
    #[case::preferred_over_spare(agent(2, 3, 9), Some(1))]
    #[case::not_when_full(agent(2, 4, 9), Some(0))]
    #[case::not_when_away(Candidate { is_online: false, ..agent(2, 0, 0) }, Some(0))]
    fn the_last_agent_is_preferred_while_eligible(
        #[case] last: Candidate,
        #[case] expected: Option<usize>,
    ) {
        let chat = Waiting {
            last_agent_id: Some(last.id),
            ..chat(1, 5, 0)
        };
        assert_eq!(choose(&chat, &[agent(1, 0, 0), last]), expected);
    }

    #[test]
    fn whoever_passed_gets_it_again_only_when_nobody_else_may() {
        let chat = Waiting {
            passed: vec![Uuid::from_u128(1)],
            last_agent_id: Some(Uuid::from_u128(1)),
            ..chat(1, 5, 0)
        };
        assert_eq!(choose(&chat, &[agent(1, 0, 0), agent(2, 3, 9)]), Some(1));
        assert_eq!(choose(&chat, &[agent(1, 0, 0), agent(2, 4, 9)]), Some(0));
    }

    #[test]
    fn chats_go_by_priority_then_waiting_time_then_id() {
        let chats = vec![
            chat(4, 5, 1),
            chat(3, 5, 0),
            chat(2, 5, 0),
            chat(1, 9, 0),
            chat(5, 1, 7),
        ];
        let pairs = plan(
            chats,
            &mut [Candidate {
                capacity: 9,
                ..agent(1, 0, 0)
            }],
            9,
        );
        let order: Vec<u128> = pairs.iter().map(|pair| pair.chat_id.as_u128()).collect();
        assert_eq!(order, [5, 2, 3, 4, 1]);
    }

    #[test]
    fn a_plan_has_an_end() {
        let chats = (0..10).map(|id| chat(id, 5, 0)).collect();
        let mut agents = [agent(1, 0, 0), agent(2, 0, 0)];
        assert_eq!(plan(chats, &mut agents, 3).len(), 3);
    }

    fn any_agent() -> impl Strategy<Value = Candidate> {
        let skills = prop::sample::subsequence(vec!["a", "b", "c"], 0..=3);
        (
            1_u128..9,
            skills,
            0_i64..4,
            0_i64..4,
            0_i64..9,
            any::<bool>(),
        )
            .prop_map(|(id, skills, capacity, load, idle, is_online)| Candidate {
                id: Uuid::from_u128(id),
                skills: words(&skills.join(" ")),
                capacity,
                load,
                idle_since: at(idle),
                is_online,
            })
    }

    fn any_chat() -> impl Strategy<Value = Waiting> {
        let skills = prop::sample::subsequence(vec!["a", "b", "c"], 0..=2);
        let passed = prop::collection::vec((1_u128..9).prop_map(Uuid::from_u128), 0..3);
        (any::<u128>(), skills, 1_i32..4, 0_i64..9, passed).prop_map(
            |(id, skills, priority, since, passed)| Waiting {
                id: Uuid::from_u128(id),
                skills: words(&skills.join(" ")),
                priority,
                since: at(since),
                last_agent_id: None,
                passed,
            },
        )
    }

    proptest! {
        #[test]
        fn a_plan_breaks_no_rule(
            chats in prop::collection::vec(any_chat(), 0..30),
            mut agents in prop::collection::vec(any_agent(), 0..8),
        ) {
            agents.sort_by_key(|agent| agent.id);
            agents.dedup_by_key(|agent| agent.id);
            let before = agents.clone();
            let pairs = plan(chats.clone(), &mut agents, usize::MAX);
            let planned = |chat: &Waiting| pairs.iter().filter(|pair| pair.chat_id == chat.id).count();
            for (agent, before) in agents.iter().zip(&before) {
                let got = pairs.iter().filter(|pair| pair.agent_id == agent.id).count();
                prop_assert_eq!(agent.load, before.load + i64::try_from(got).unwrap());
                prop_assert!(got == 0 || agent.load <= agent.capacity && agent.is_online);
            }
            for chat in &chats {
                prop_assert!(planned(chat) <= 1);
                if planned(chat) == 1 {
                    continue;
                }
                // Left waiting: nobody may take it even now, and nobody of its kind who came later got one.
                prop_assert!(agents.iter().all(|agent| !agent.may_take(&chat.skills)));
                let overtaking = chats.iter().filter(|other| {
                    other.skills == chat.skills && other.rank() > chat.rank() && planned(other) > 0
                });
                prop_assert_eq!(overtaking.count(), 0);
            }
        }
    }
}
