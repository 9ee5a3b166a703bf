//! Everything that faults are made in: private nodes, and two replicas of each daemon on them.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    daemon::Manager,
    testing::{
        lab::{Daemon, Heard, Lab, Site, until},
        until_within,
    },
};
use provider_stand_in::Provider;
use tandem::managers;

use crate::{aftermath::Baseline, programs, texts::PUBLIC_URL};

/// Replicas of each daemon.
pub const REPLICAS: usize = 2;
/// Seals the secrets of the rounds.
const SECRETS_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// A daemon that has lost everything tries again after half a minute at most.
const READY_MAX: Duration = Duration::from_secs(60);
/// What looking at figures takes on a busy machine.
pub const LOOK_MAX: Duration = Duration::from_secs(2);
/// How long a replica has to be drained.
pub const DRAIN_MAX: Duration = Duration::from_secs(20);

/// The nodes and the teams that work on them.
pub struct World {
    /// RabbitMQ, MariaDB and Redis.
    pub lab: Lab,
    /// Takes texts, and counts them.
    pub carrier: Arc<Provider>,
    /// One for each manager, in the order of the list of managers.
    teams: Vec<Team>,
}

/// All replicas of one daemon.
pub struct Team {
    /// Its database, queue and sink.
    pub site: Site,
    manager: Manager,
    /// Where the carrier is.
    carrier: String,
    members: Vec<Member>,
    /// Events that were taken out of the sink before their round was over.
    kept: Vec<Heard>,
}

/// One replica.
pub struct Member {
    /// Its process.
    pub daemon: Daemon,
    /// What it used when its first round was over.
    pub baseline: Option<Baseline>,
    /// Started with settings of a fault: not for long.
    is_odd: bool,
}

impl Member {
    fn spawn(site: &Site, carrier: &str, settings: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("TWILIO_BASE_URL", carrier),
            ("PUBLIC_URL", PUBLIC_URL),
            // The carrier is on this machine.
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
            ("SECRETS_KEY", SECRETS_KEY),
            ("TEXTS_PER_SECOND", "1000"),
        ];
        all.extend(settings);
        Self {
            daemon: site.spawn(&all),
            baseline: None,
            is_odd: !settings.is_empty(),
        }
    }
}

impl World {
    /// New nodes, and daemons that serve.
    pub async fn open() -> Self {
        let lab = Lab::open().await;
        let carrier = Arc::new(Provider::start().await.expect("a carrier"));
        let mut teams = Vec::new();
        for manager in managers::ALL {
            teams.push(Team::new(&lab, *manager, &carrier.url()).await);
        }
        let world = Self {
            lab,
            carrier,
            teams,
        };
        world.ready().await;
        world
    }

    /// All teams.
    pub fn teams(&self) -> &[Team] {
        &self.teams
    }

    /// All teams, to be changed.
    pub fn teams_mut(&mut self) -> &mut [Team] {
        &mut self.teams
    }

    /// Those who keep dial lists.
    pub fn outdial(&self) -> &Team {
        self.team(bin_outdial_manager::NAME)
    }

    /// As [`Self::outdial`], to be changed.
    pub fn outdial_mut(&mut self) -> &mut Team {
        self.team_mut(bin_outdial_manager::NAME)
    }

    /// Those who give out numbers.
    pub fn did(&self) -> &Team {
        self.team(bin_did_manager::NAME)
    }

    /// As [`Self::did`], to be changed.
    pub fn did_mut(&mut self) -> &mut Team {
        self.team_mut(bin_did_manager::NAME)
    }

    /// Those who sell calls.
    pub fn call(&self) -> &Team {
        self.team(bin_call_manager::NAME)
    }

    /// As [`Self::call`], to be changed.
    pub fn call_mut(&mut self) -> &mut Team {
        self.team_mut(bin_call_manager::NAME)
    }

    /// Those who talk with people.
    pub fn chat(&self) -> &Team {
        self.team(bin_chat_manager::NAME)
    }

    /// As [`Self::chat`], to be changed.
    pub fn chat_mut(&mut self) -> &mut Team {
        self.team_mut(bin_chat_manager::NAME)
    }

    /// The nodes, and all teams to be changed.
    pub fn parts_mut(&mut self) -> (&Lab, &mut [Team]) {
        (&self.lab, &mut self.teams)
    }

    fn team_mut(&mut self, name: &str) -> &mut Team {
        let mut teams = self.teams.iter_mut();
        teams
            .find(|team| team.manager.name == name)
            .expect("a team")
    }

    fn team(&self, name: &str) -> &Team {
        let mut teams = self.teams.iter();
        teams
            .find(|team| team.manager.name == name)
            .expect("a team")
    }

    /// Waits until every replica serves.
    pub async fn ready(&self) {
        for team in self.teams() {
            team.ready().await;
        }
    }

    /// Waits until every replica says that it does not serve.
    pub async fn not_ready(&self) {
        for team in self.teams() {
            for member in &team.members {
                member.daemon.not_ready().await;
            }
        }
    }

    /// Puts plain replicas where a fault left others, or none.
    pub async fn restore(&mut self) {
        self.lab.run().await;
        for team in self.teams_mut() {
            team.restore();
        }
        self.ready().await;
    }

    /// Waits until every request was taken and every event has left.
    pub async fn settled(&self) {
        for team in self.teams() {
            team.site.settled(&team.table("outbox")).await;
        }
    }

    /// The last lines of every daemon, for whoever looks for the cause of a failure.
    pub fn say_last_words(&self) {
        for team in self.teams() {
            for member in &team.members {
                eprintln!("-- {}'s last words --", team.site.manager());
                eprintln!("{}", member.daemon.last_words());
            }
        }
    }
}

impl Team {
    async fn new(lab: &Lab, manager: Manager, carrier: &str) -> Self {
        let site = Site::new(lab, programs::of(manager.name)).await;
        // The first makes the schema; together they would, too, and that is not what is tried here.
        let first = Member::spawn(&site, carrier, &[]);
        first.daemon.ready().await;
        let mut members = vec![first];
        members.extend((1..REPLICAS).map(|_| Member::spawn(&site, carrier, &[])));
        Self {
            site,
            manager,
            carrier: carrier.to_owned(),
            members,
            kept: Vec::new(),
        }
    }

    /// One of the tables that every manager has, e.g. `outbox`.
    pub fn table(&self, name: &str) -> String {
        format!("{}_{name}", self.manager.prefix())
    }

    /// One replica.
    pub fn daemon(&self, position: usize) -> &Daemon {
        &self.members[position].daemon
    }

    /// As [`Self::daemon`], to be waited for.
    pub fn daemon_mut(&mut self, position: usize) -> &mut Daemon {
        &mut self.members[position].daemon
    }

    /// All replicas.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Kills a replica and starts another in its place, not waited for.
    pub fn replace(&mut self, position: usize, settings: &[(&str, &str)]) {
        self.members[position].daemon.signal("KILL");
        self.members[position] = Member::spawn(&self.site, &self.carrier, settings);
    }

    /// As [`Self::replace`] of all replicas.
    pub fn replace_all(&mut self, settings: &[(&str, &str)]) {
        for position in 0..self.members.len() {
            self.replace(position, settings);
        }
    }

    /// One replica more, not waited for.
    pub fn reinforce(&mut self) {
        self.members
            .push(Member::spawn(&self.site, &self.carrier, &[]));
    }

    /// Waits until every replica serves.
    pub async fn ready(&self) {
        for member in &self.members {
            let daemon = &member.daemon;
            until_within(READY_MAX, "the daemon serves", async || {
                (daemon.report("/readyz").await?.0 == 200).then_some(())
            })
            .await;
        }
    }

    fn restore(&mut self) {
        self.members.truncate(REPLICAS);
        for position in 0..REPLICAS {
            let member = &mut self.members[position];
            if member.is_odd || !member.daemon.runs() {
                self.replace(position, &[]);
            }
        }
    }

    /// Which replica publishes events, once one does.
    pub async fn publisher(&self) -> usize {
        let published = async || {
            let mut counts = Vec::new();
            for member in &self.members {
                counts.push(
                    member
                        .daemon
                        .figure("tandem_events_total", "published")
                        .await,
                );
            }
            counts
        };
        let before = published().await;
        until("a replica publishes", async || {
            let now = published().await;
            let grown = |position: &usize| now[*position] > before[*position];
            (0..now.len()).find(grown)
        })
        .await
    }

    /// Waits until this replica publishes events.
    pub async fn publishes(&self, position: usize) {
        let daemon = self.daemon(position);
        let published = || daemon.figure("tandem_events_total", "published");
        let before = published().await;
        until("the replica publishes", async || {
            (published().await > before).then_some(())
        })
        .await;
    }

    /// The sum of a figure over all replicas.
    pub async fn figure(&self, name: &str, label: &str) -> f64 {
        let mut sum = 0.0;
        for member in &self.members {
            sum += member.daemon.figure(name, label).await;
        }
        sum
    }

    /// Takes every event out of the sink and keeps it: the sink may be lost.
    pub async fn keep_what_was_heard(&mut self) {
        let heard = self.site.heard().await;
        self.kept.extend(heard);
    }

    /// Every event that left since the last round.
    pub async fn heard(&mut self) -> Vec<Heard> {
        self.keep_what_was_heard().await;
        std::mem::take(&mut self.kept)
    }
}
