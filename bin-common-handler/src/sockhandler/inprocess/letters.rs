//! Requests in a queue of the process: taken out as far as there are places, and served in turn.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::{
    models::sock::Response,
    sockhandler::{
        Delivered, Probe, Serve,
        admission::{AdmissionQueue, Queued, busy},
    },
};

/// A request in its queue, and where its reply goes.
pub(super) struct Letter {
    pub delivered: Delivered,
    pub reply: oneshot::Sender<Response>,
    pub tenant: Option<Uuid>,
}

impl Letter {
    fn wants_reply(&self) -> bool {
        !self.delivered.delivery_info.reply_to.is_empty()
    }

    /// Its caller gave up.
    fn is_late(&self) -> bool {
        self.wants_reply() && self.reply.is_closed()
    }
}

/// A letter that was taken out of its queue.
pub(super) struct Held {
    letter: Letter,
    _place: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn refuse(self, name: &str) {
        let _ = self.letter.reply.send(busy(name));
    }
}

/// The next letter, once there is a place for it; nothing when there will be none.
pub(super) async fn next(
    letters: &mut mpsc::Receiver<Letter>,
    places: &Arc<Semaphore>,
) -> Option<Held> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let letter = letters.recv().await?;
    Some(Held {
        letter,
        _place: place,
    })
}

impl Queued for Held {
    fn tenant(&self) -> Option<Uuid> {
        self.letter.tenant
    }

    fn can_be_refused(&self) -> bool {
        self.letter.wants_reply()
    }
}

/// One after the other, until nobody waits.
pub(super) async fn serve_all(
    handler: Arc<dyn Serve>,
    admission: Arc<AdmissionQueue<Held>>,
    held: Held,
) {
    let mut turn = Some(held);
    while let Some(Held { letter, _place }) = turn {
        if !letter.is_late()
            && let Some(response) = handler.serve(letter.delivered, &NeverGone).await
        {
            let _ = letter.reply.send(response);
        }
        turn = admission.next();
    }
}

/// In one process a caller that went away is noticed when its reply cannot be handed over.
struct NeverGone;

#[async_trait]
impl Probe for NeverGone {
    async fn is_gone(&self, _reply_to: &str) -> bool {
        false
    }
}
