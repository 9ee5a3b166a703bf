//! Ten thousand chats, fifty agents who come and go, two dispatchers whose view is out of date.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::models::time::Timestamp;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rstest::rstest;
use uuid::Uuid;

use super::assignment::{Candidate, Pair, Waiting, plan};

const CHATS: usize = 10_000;
const AGENTS: usize = 50;
const OFFER_SECONDS: i64 = 30;
const GRACE_SECONDS: i64 = 60;
const SECONDS_MAX: i64 = 60_000;
const SKILLS: [&str; 3] = ["sales", "spanish", "billing"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// Until then; and whether it is accepted then, or passed on.
    Offered(usize, i64, bool),
    Open(usize, i64),
    Ended,
}

struct World {
    chance: SmallRng,
    now: i64,
    chats: Vec<(Waiting, State)>,
    /// Those that have not ended.
    live: BTreeSet<usize>,
    agents: Vec<Candidate>,
    gone_since: Vec<Option<i64>>,
    /// Who has which chat, kept beside the states: what these rules must never break.
    holds: BTreeMap<usize, usize>,
    refused: usize,
    requeued: usize,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = SmallRng::seed_from_u64(seed);
        let agents = (0..AGENTS).map(|place| {
            let has = |chance: &mut SmallRng| place == 0 || chance.random_bool(0.6);
            Candidate {
                id: Uuid::from_u128(place as u128),
                skills: SKILLS
                    .iter()
                    .filter(|_| has(&mut chance))
                    .map(|skill| (*skill).to_owned())
                    .collect(),
                capacity: chance.random_range(1..=5),
                load: 0,
                idle_since: at(0),
                is_online: true,
            }
        });
        Self {
            agents: agents.collect(),
            chance,
            now: 0,
            chats: Vec::new(),
            live: BTreeSet::new(),
            gone_since: vec![None; AGENTS],
            holds: BTreeMap::new(),
            refused: 0,
            requeued: 0,
        }
    }

    fn arrive(&mut self) {
        let most = CHATS - self.chats.len();
        for _ in 0..self.chance.random_range(0..=4).min(most) {
            let id = self.chats.len();
            let skills = SKILLS
                .iter()
                .filter(|_| self.chance.random_bool(0.25))
                .map(|skill| (*skill).to_owned())
                .collect();
            let waiting = Waiting {
                id: Uuid::from_u128(id as u128),
                skills,
                priority: self.chance.random_range(4..=6),
                since: at(self.now),
                last_agent_id: self
                    .chance
                    .random_bool(0.2)
                    .then(|| Uuid::from_u128(self.chance.random_range(0..AGENTS) as u128)),
                passed: Vec::new(),
            };
            self.chats.push((waiting, State::Waiting));
            self.live.insert(id);
        }
    }

    fn load(&self, agent: usize) -> i64 {
        let has = |chat: &&usize| matches!(self.chats[**chat].1, State::Offered(by, ..) | State::Open(by, _) if by == agent);
        i64::try_from(self.live.iter().filter(has).count()).unwrap()
    }

    fn snapshot(&self) -> (Vec<Waiting>, Vec<Candidate>) {
        let mut agents = self.agents.clone();
        for chat in &self.live {
            if let State::Offered(by, ..) | State::Open(by, _) = self.chats[*chat].1 {
                agents[by].load += 1;
            }
        }
        let waits = |chat: &usize| {
            let (waiting, state) = &self.chats[*chat];
            (*state == State::Waiting).then(|| waiting.clone())
        };
        (self.live.iter().filter_map(waits).collect(), agents)
    }

    /// As the dispatcher's transaction: row by row, under its lock, as it is by now.
    fn apply(&mut self, pairs: Vec<Pair>) {
        for pair in pairs {
            let chat = usize::try_from(pair.chat_id.as_u128()).unwrap();
            let agent = usize::try_from(pair.agent_id.as_u128()).unwrap();
            let fresh = Candidate {
                load: self.load(agent),
                ..self.agents[agent].clone()
            };
            let is_waiting = self.chats[chat].1 == State::Waiting;
            if !is_waiting || !fresh.may_take(&self.chats[chat].0.skills) {
                self.refused += 1;
                continue;
            }
            assert_eq!(self.holds.insert(chat, agent), None, "assigned twice");
            let (after, accepts) = match self.chance.random_range(0..10) {
                0 => (OFFER_SECONDS, false),
                1 => (3, false),
                _ => (self.chance.random_range(1..10), true),
            };
            self.chats[chat].1 = State::Offered(agent, self.now + after, accepts);
            self.agents[agent].idle_since = at(self.now);
        }
    }

    fn move_chats(&mut self) {
        for chat in self.live.clone() {
            match self.chats[chat].1 {
                State::Offered(agent, until, true) if until <= self.now => {
                    let is_long = self.chance.random_bool(0.1);
                    let length = if is_long { 60..240 } else { 5..30 };
                    let end = self.now + self.chance.random_range(length);
                    self.chats[chat].1 = State::Open(agent, end);
                }
                State::Offered(agent, until, false) if until <= self.now => {
                    let id = self.agents[agent].id;
                    self.chats[chat].0.passed.push(id);
                    self.leave(chat, State::Waiting);
                }
                State::Open(_, until) if until <= self.now => {
                    self.leave(chat, State::Ended);
                    self.live.remove(&chat);
                }
                _ => {}
            }
        }
    }

    fn leave(&mut self, chat: usize, state: State) {
        self.chats[chat].1 = state;
        let agent = self.holds.remove(&chat).expect("somebody has it");
        self.agents[agent].idle_since = at(self.now);
    }

    fn move_agents(&mut self) {
        for agent in 0..AGENTS {
            if self.agents[agent].is_online {
                if self.chance.random_ratio(1, 200) {
                    self.agents[agent].is_online = false;
                    self.gone_since[agent] = Some(self.now);
                }
            } else if self.chance.random_ratio(1, 90) {
                self.agents[agent].is_online = true;
                self.gone_since[agent] = None;
            } else if self.gone_since[agent].is_some_and(|since| since + GRACE_SECONDS <= self.now)
            {
                self.gone_since[agent] = None;
                let held: Vec<usize> = self.of(agent);
                self.requeued += held.len();
                held.into_iter()
                    .for_each(|chat| self.leave(chat, State::Waiting));
            }
        }
    }

    fn of(&self, agent: usize) -> Vec<usize> {
        let own = self.holds.iter().filter(|(_, by)| **by == agent);
        own.map(|(chat, _)| *chat).collect()
    }

    fn check(&self) {
        let mut loads = vec![0; AGENTS];
        self.holds.values().for_each(|agent| loads[*agent] += 1);
        for (agent, load) in self.agents.iter().zip(loads) {
            assert!(load <= agent.capacity, "{} has {load}", agent.id);
        }
    }
}

/// Whoever waits goes before whoever came later with the same priority and skills.
fn check_order(chats: &[Waiting], pairs: &[Pair]) {
    let got: BTreeSet<Uuid> = pairs.iter().map(|pair| pair.chat_id).collect();
    let mut left = BTreeMap::new();
    for chat in chats.iter().filter(|chat| !got.contains(&chat.id)) {
        let first = left
            .entry((chat.priority, &chat.skills))
            .or_insert(chat.rank());
        *first = chat.rank().min(*first);
    }
    for chat in chats.iter().filter(|chat| got.contains(&chat.id)) {
        let earlier = left.get(&(chat.priority, &chat.skills));
        assert!(
            earlier.is_none_or(|rank| *rank > chat.rank()),
            "{} overtook",
            chat.id
        );
    }
}

#[rstest]
fn every_chat_ends_and_none_is_assigned_twice(#[values(1, 2, 3)] seed: u64) {
    let mut world = World::new(seed);
    while world.chats.len() < CHATS || !world.live.is_empty() {
        assert!(
            world.now < SECONDS_MAX,
            "{} chats never end",
            world.live.len()
        );
        world.now += 1;
        world.arrive();
        let views = [world.snapshot(), world.snapshot()];
        // What happens between reading and writing.
        world.move_chats();
        world.move_agents();
        for (chats, mut agents) in views {
            let pairs = plan(chats.clone(), &mut agents, 20);
            check_order(&chats, &pairs);
            world.apply(pairs);
            world.check();
        }
    }
    assert!(world.holds.is_empty());
    assert!(world.refused > 100, "the dispatchers never met");
    assert!(world.requeued > 100, "nobody left with chats");
}
