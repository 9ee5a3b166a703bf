//! Callers of every kind at work, who write down what they were told.

mod asker;
mod book;
mod caller;
mod dialler;
mod entities;
mod texter;
mod trader;

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    ids,
    testing::{
        lab::{Callers, Site, until},
        spawn,
    },
};
use tokio::{task::JoinHandle, time::Instant};

pub use book::{Book, Done, Given, Greeting, Left, Missed, Sale, Subject};
pub use caller::CAMPAIGN;

use self::{
    asker::{Asker, Shared},
    caller::Caller,
    dialler::Dialler,
    entities::Clerk,
    texter::Texter,
    trader::{Payer, Trader},
};
use crate::{market::Market, tenant::Tenants, texts::Texts};

/// Callers of each kind, usually.
const CLERKS: u64 = 2;
/// For so many operations of others people call or write once.
const SLOWER: u64 = 4;

/// How callers behave, and what they accept.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// So many times the usual number of callers.
    pub crowd: u64,
    /// What is not answered well is asked again under the same key, else it is a fault.
    pub retries: bool,
    /// Where nothing else is asked again: whether a wait for the database is, as a full machine makes some. The row says
    /// how many there may be.
    pub forgives_waits: bool,
    /// Answers that are no surprise.
    pub statuses: &'static [u16],
    /// How long one attempt waits.
    pub patience: Duration,
    /// Before a caller asks for the next thing.
    pub pause: Duration,
    /// Bytes of ballast in each other change: large events beside small ones.
    pub ballast: usize,
}

impl Manners {
    /// Callers who ask again.
    pub const USUAL: Self = Self {
        crowd: 1,
        retries: true,
        forgives_waits: false,
        // 409: a conflict that five attempts did not end, or a target that somebody else calls. 429: too many.
        statuses: &[200, 409, 429, 503],
        patience: Duration::from_secs(3),
        pause: Duration::from_millis(20),
        ballast: 0,
    };

    /// Callers who must not notice anything.
    pub const STRICT: Self = Self {
        retries: false,
        patience: Duration::from_secs(20),
        ..Self::USUAL
    };
}

/// What callers do. Every kind must be answered before all is well again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Outdials are made and changed.
    OutdialWrite,
    /// Outdials are read.
    OutdialRead,
    /// Targets are leased.
    Lease,
    /// Leased targets are dialled.
    Dial,
    /// Pools are made and changed.
    PoolWrite,
    /// Pools are read.
    PoolRead,
    /// Catalog items are made and changed.
    CatalogWrite,
    /// Catalog items are read.
    CatalogRead,
    /// Numbers are given out.
    Number,
    /// Calls are sold.
    Sale,
    /// Money is paid in.
    Payment,
    /// Calls come in, and are missed.
    Ring,
    /// People write.
    Text,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::OutdialWrite,
        Self::OutdialRead,
        Self::Lease,
        Self::Dial,
        Self::PoolWrite,
        Self::PoolRead,
        Self::CatalogWrite,
        Self::CatalogRead,
        Self::Number,
        Self::Sale,
        Self::Payment,
        Self::Ring,
        Self::Text,
    ];
}

/// Callers at work.
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them.
    pub async fn start(
        [outdial, chat]: [&Site; 2],
        tenants: &Tenants,
        market: &Market,
        texts: &Texts,
        manners: Manners,
    ) -> Self {
        let shared = Arc::new(Shared::new(ids::next().simple().to_string()));
        let to_outdial = Arc::new(Callers::new(outdial));
        let to_chat = Arc::new(Callers::new(chat));
        let asker = |callers: &Arc<Callers>| Asker::new(callers, manners, &shared);
        let to_did = &tenants.wide.callers;
        let list = dialler::open_list(&asker(&to_outdial)).await;
        let payer = Payer::new(asker(&market.callers), market);
        let mut workers = vec![spawn(payer.work())];
        for number in 0..CLERKS * manners.crowd {
            let clerk = Clerk::new(asker(&to_outdial), Subject::Outdial, number, None);
            workers.push(spawn(clerk.work()));
            // Changes of one tenant take turns: a crowd of them would only wait.
            if number < CLERKS {
                let tenant = Some(tenants.wide.id);
                let clerk = Clerk::new(asker(to_did), Subject::Pool, number, tenant);
                workers.push(spawn(clerk.work()));
                let clerk = Clerk::new(asker(&to_chat), Subject::CatalogItem, number, tenant);
                workers.push(spawn(clerk.work()));
                let trader = Trader::new(asker(&market.callers), market, number);
                workers.push(spawn(trader.work()));
                let (calls, chat) = (asker(&texts.calls), asker(&texts.chat));
                let texter = Texter::new(calls, chat, texts, number);
                workers.push(spawn(texter.work()));
            }
            let dialler = Dialler::new(asker(&to_outdial), list);
            workers.push(spawn(dialler.work()));
            // Numbers that rest are soon too few for a crowd.
            let tenants = tenants.all().into_iter();
            for tenant in tenants.filter(|one| number < CLERKS || one.limits.rest_seconds == 0) {
                let caller = Caller::new(asker(to_did), tenant.clone(), number);
                workers.push(spawn(caller.work()));
            }
        }
        Self { shared, workers }
    }

    /// Waits until so many more operations of every kind were answered, and some of those that people take their time for.
    pub async fn goes_on(&self, operations: u64) {
        let done = self.shared.answered();
        for kind in Kind::ALL {
            let more = match kind {
                Kind::Ring | Kind::Text => operations.div_ceil(SLOWER),
                _ => operations,
            };
            self.reaches(kind, done[kind as usize] + more).await;
        }
    }

    /// From now on callers keep to their manners: until then everybody asks again.
    pub fn steady(&self) {
        self.shared.steady();
    }

    /// Waits until so many more operations of one kind were answered.
    pub async fn goes_on_with(&self, kind: Kind, operations: u64) {
        let goal = self.answered(kind) + operations;
        self.reaches(kind, goal).await;
    }

    /// Panics with what callers found wrong: then they have gone home.
    async fn reaches(&self, kind: Kind, goal: u64) {
        until(&format!("{kind:?} is answered"), async || {
            self.peek(|book| assert!(book.faults.is_empty(), "{:#?}", book.faults));
            (self.answered(kind) >= goal).then_some(())
        })
        .await;
    }

    fn answered(&self, kind: Kind) -> u64 {
        self.shared.answered()[kind as usize]
    }

    /// Sends everybody to rest, once what they began is done, or back to work.
    pub async fn rest(&self, on: bool) {
        self.shared.rest(on);
        let everybody = if on { self.workers.len() } else { 0 };
        until("everybody rests, or nobody", async || {
            (self.shared.resting() == everybody).then_some(())
        })
        .await;
    }

    /// Whether requests of every kind that began after `moment` were answered.
    pub fn has_answered_all_since(&self, moment: Instant) -> bool {
        self.shared.has_answered_all_since(moment)
    }

    /// What was told so far.
    pub fn peek<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.shared.book())
    }

    /// Lets everyone finish what was begun; their ledger.
    pub async fn finish(self) -> Book {
        self.shared.stop();
        for worker in self.workers {
            worker.await.expect("a caller did not panic");
        }
        std::mem::take(&mut *self.shared.book())
    }
}
