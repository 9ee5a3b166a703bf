//! All managers and the bridge, one tenant that asks, and another that must not be reached.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use bin_common_handler::{
    daemon::Manager,
    databasehandler::Db,
    ids,
    listenhandler::RouteInfo,
    testing::{Client, Kind, Whole, until},
};
use tandem::managers;
use uuid::Uuid;

use super::rows::rows_with;
use crate::tenant::{Tenant, Values};

/// Requests are not counted here, and secrets can be kept.
const NO_LIMIT: [(&str, &str); 2] = [
    ("RATE_LIMIT_PER_SECOND", "0"),
    ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
];

pub struct World {
    pub whole: Whole,
    /// did-manager, trusted.
    pub operator: Client,
    /// Who asks.
    pub mine: Tenant,
    /// Whose ids are asked with.
    pub foreign: Tenant,
    /// What nobody has.
    pub nobody: Values,
    /// Every row about `foreign`, from before anybody asked.
    before: BTreeSet<String>,
    deferred: AtomicUsize,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        let whole = Whole::start(kind, managers::ALL, tandem::bridge::sidecar, &NO_LIMIT).await;
        let clients = [0, 1, 2, 3].map(|at| whole.client(&whole.managers[at]));
        let foreign = Tenant::new(&clients, "alpha", 415).await;
        let before = settled(&whole.db(), &foreign).await;
        let mine = Tenant::new(&clients, "beta", 312).await;
        let [operator, ..] = clients;
        Self {
            nobody: Tenant::nobody(&foreign, 415),
            whole,
            operator,
            mine,
            foreign,
            before,
            deferred: AtomicUsize::new(0),
        }
    }

    /// Every route of all managers.
    pub fn routes(&self) -> Vec<RouteInfo> {
        let routes = self.whole.managers.iter().map(|manager| (manager.routes)());
        let routes: Vec<_> = routes.flatten().collect();
        assert!(routes.len() >= 70, "all tables: {}", routes.len());
        routes
    }

    /// Which manager serves a route, by its place in the list.
    pub fn manager_of(&self, route: &RouteInfo) -> usize {
        let serves = |at: &usize| (self.whole.managers[*at].routes)().contains(route);
        (0..self.whole.managers.len()).find(serves).unwrap()
    }

    /// Ids, numbers and names of the other tenant that stand in a text.
    pub fn seen_in<'a>(&'a self, text: &str) -> Vec<&'a str> {
        let values = self.foreign.values.values().map(String::as_str);
        let values = values.flat_map(|value| [value, value.trim_start_matches('+')]);
        values
            .chain([self.foreign.mark])
            .filter(|value| text.contains(value))
            .collect()
    }

    pub fn count_deferred(&self) {
        self.deferred.fetch_add(1, Ordering::Relaxed);
    }

    /// Checks that nothing of the other tenant was changed, nor anything made that refers to it; then ends.
    pub async fn end_untouched(self) {
        self.deferred_are_done().await;
        let after = rows_with(&self.whole.db(), &ids_of(&self.foreign)).await;
        let (gone, new) = (
            self.before.difference(&after),
            after.difference(&self.before),
        );
        let (gone, new): (Vec<_>, Vec<_>) = (gone.collect(), new.collect());
        assert!(
            gone.is_empty() && new.is_empty(),
            "was: {gone:#?}\nis: {new:#?}"
        );
        self.whole.end().await;
    }

    /// What was answered before it was worked on has been worked on.
    async fn deferred_are_done(&self) {
        let routes = self.routes();
        let deferred = routes.iter().filter(|route| route.edge.is_deferred);
        let labels: Vec<_> = deferred
            .map(|route| format!("\"{}\"", route.template))
            .collect();
        let asked = self.deferred.load(Ordering::Relaxed);
        until("the deferred requests are served", async || {
            let text = String::from_utf8(self.whole.parts.metrics.encode().unwrap()).unwrap();
            let served: usize = text
                .lines()
                .filter(|line| line.starts_with("tandem_request_duration_seconds_count"))
                .filter(|line| labels.iter().any(|label| line.contains(label)))
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok())
                .sum();
            (served >= asked).then_some(())
        })
        .await;
    }
}

/// One of the managers by its usual name.
pub fn manager<'w>(whole: &'w Whole, name: &str) -> &'w Manager {
    let at = managers::ALL.iter().position(|known| known.name == name);
    &whole.managers[at.unwrap()]
}

/// Every row about a tenant, when each manager has heard of what the others did.
async fn settled(db: &Db, tenant: &Tenant) -> BTreeSet<String> {
    turn(db, tenant).await;
    pause(db, tenant).await;
    hold(db, tenant).await;
    until("opt-outs are heard of", async || {
        let rows = rows_with(db, &ids_of(tenant)).await;
        let is_there = |table: &&str| rows.iter().any(|row| row.starts_with(table));
        let all = ["exchange_optouts", "outdial_optouts"];
        all.iter().all(is_there).then_some(rows)
    })
    .await
}

/// A turn of the assistant, written past it: it would let people answer first, and then ask a carrier.
async fn turn(db: &Db, tenant: &Tenant) {
    let sql = "INSERT INTO chat_turns (id, customer_id, conversation_id, fence, up_to_seq, status, source, \
               prompt_version, model, tokens_in, tokens_out, latency_ms, intent, confidence, refusal, \
               refused_text, tm_create, tm_update) \
               SELECT ?, customer_id, id, 1, 1, 'sent', 'rules', '', '', 0, 0, 0, '', 0, '', '', tm_create, \
               tm_create FROM chat_conversations WHERE id = ?";
    let conversation_id: Uuid = tenant.value("conversation-id").parse().unwrap();
    let values = vec![ids::next().into(), conversation_id.into()];
    assert_eq!(db.execute(sql, values).await.unwrap(), 1);
}

/// The assistant speaks to nobody of this tenant: so it does where it suspects that somebody wants no texts.
async fn pause(db: &Db, tenant: &Tenant) {
    let sql = "UPDATE chat_contacts SET paused = ? \
               WHERE customer_id = (SELECT customer_id FROM chat_conversations WHERE id = ?)";
    let conversation_id: Uuid = tenant.value("conversation-id").parse().unwrap();
    let values = vec![true.into(), conversation_id.into()];
    assert!(db.execute(sql, values).await.unwrap() > 0);
}

/// Its reservations are of its conversation, as those are that the assistant makes.
async fn hold(db: &Db, tenant: &Tenant) {
    let sql = "UPDATE chat_reservations SET conversation_id = ? \
               WHERE customer_id = (SELECT customer_id FROM chat_conversations WHERE id = ?)";
    let conversation_id: Uuid = tenant.value("conversation-id").parse().unwrap();
    let values = vec![conversation_id.into(), conversation_id.into()];
    assert!(db.execute(sql, values).await.unwrap() > 0);
}

fn ids_of(tenant: &Tenant) -> Vec<Uuid> {
    let values = tenant.values.values();
    values.filter_map(|value| value.parse().ok()).collect()
}
