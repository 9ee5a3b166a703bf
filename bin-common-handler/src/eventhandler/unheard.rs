//! Events that nobody listens for are left out before they are kept.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Topic,
    incoming::{Collector, Read},
};
use crate::models::error::Result;

impl Topic {
    fn is_of(&self, read: &Read) -> bool {
        read.topic().is_some_and(|topic| self.fits(topic))
    }
}

impl Read {
    fn topic(&self) -> Option<&str> {
        match self {
            Self::Kept(kept) => Some(&kept.topic),
            Self::Bad(..) => None,
        }
    }

    /// Whose event it is, where it says so.
    fn customer(&self) -> Option<Uuid> {
        match self {
            Self::Kept(kept) => kept.event.customer_id,
            Self::Bad(..) => None,
        }
    }
}

impl Collector {
    /// Leaves out what only handlers fit that have an audience, of customers who are in none of theirs. Each audience is
    /// asked once, for the customers of its own events: nobody is kept for being in another one. Where nobody knows yet
    /// who is to hear, the event is kept.
    pub(super) async fn leave_out_unheard(&self, read: Vec<Read>) -> Result<Vec<Read>> {
        let mut marked: Vec<(Read, bool)> = Vec::with_capacity(read.len());
        for read in read {
            let is_kept = self.is_for_anybody(&read);
            marked.push((read, is_kept));
        }
        for topic in self.topics.iter() {
            let Some(audience) = topic.audience else {
                continue;
            };
            let asked: BTreeSet<Uuid> = marked
                .iter()
                .filter(|(read, is_kept)| !is_kept && topic.is_of(read))
                .filter_map(|(read, _)| read.customer())
                .collect();
            if asked.is_empty() {
                continue;
            }
            let heard = audience(&self.store.db, asked.into_iter().collect()).await?;
            for (read, is_kept) in &mut marked {
                let is_heard = read.customer().is_some_and(|id| heard.contains(&id));
                *is_kept |= is_heard && topic.is_of(read);
            }
        }
        let all = marked.len();
        let kept: Vec<Read> = marked
            .into_iter()
            .filter_map(|(read, is_kept)| is_kept.then_some(read))
            .collect();
        let unheard = u64::try_from(all - kept.len()).unwrap_or_default();
        self.count("unheard", unheard);
        Ok(kept)
    }

    /// Whether some handler wants it whoever it is about; also where none is known.
    fn is_for_anybody(&self, read: &Read) -> bool {
        let mut fitting = self
            .topics
            .iter()
            .filter(|topic| topic.is_of(read))
            .peekable();
        fitting.peek().is_none() || fitting.any(|topic| topic.audience.is_none())
    }
}
