//! What a customer takes of this process at the same time: bulk requests, and bytes of bodies in memory. One that
//! takes much, or takes long, leaves the rest to the others.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
};
use hyper::body::{Frame, SizeHint};
use uuid::Uuid;

use bin_common_handler::{
    metrics::Metrics,
    models::error::{Error, Result},
};

/// Bulk requests of all customers: each may hold three batches in memory.
const BULKS_MAX: usize = 64;
/// Bytes of bodies of all customers.
const BYTES_MAX: usize = 256 * MIB;
const MIB: usize = 1024 * 1024;

/// What is taken, by customer. Clones share it.
#[derive(Clone, Default)]
pub struct Shares(Arc<Inner>);

struct Inner {
    bulks_per_customer: usize,
    bytes_per_customer: usize,
    metrics: Option<Metrics>,
    taken: Mutex<AllTaken>,
}

#[derive(Default)]
struct AllTaken {
    by_customer: HashMap<Uuid, Taken>,
    sum: Taken,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Taken {
    bulks: usize,
    bytes: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            bulks_per_customer: 8,
            bytes_per_customer: 32 * MIB,
            metrics: None,
            taken: Mutex::default(),
        }
    }
}

/// A limit that was met.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(super) struct OverShare {
    reason: &'static str,
    message: String,
}

impl OverShare {
    pub(super) fn refusal(&self) -> Error {
        Error::resource_exhausted(self.reason, self.message.clone())
    }
}

impl Shares {
    /// Each customer may have so many bulk requests, and so many MiB of bodies.
    pub fn new(bulks_per_customer: usize, mib_per_customer: usize, metrics: Metrics) -> Self {
        for limit in ["bulk", "bytes"] {
            metrics.over_share.with_label_values(&[limit]);
        }
        Self(Arc::new(Inner {
            bulks_per_customer,
            bytes_per_customer: mib_per_customer.saturating_mul(MIB),
            metrics: Some(metrics),
            taken: Mutex::default(),
        }))
    }

    /// One more bulk request of a customer, until the share is dropped.
    pub(super) fn bulk(&self, customer: Uuid) -> Result<Share> {
        let mut share = self.share(customer);
        share.take(1, 0).map_err(|over| over.refusal())?;
        Ok(share)
    }

    /// A body that counts as it comes in, until it and the share are dropped.
    pub(super) fn metered(&self, customer: Uuid, body: Body) -> (Body, Arc<Mutex<Share>>) {
        let share = Arc::new(Mutex::new(self.share(customer)));
        let metered = Metered {
            body,
            share: Arc::clone(&share),
        };
        (Body::new(metered), share)
    }

    fn share(&self, customer: Uuid) -> Share {
        Share {
            shares: self.clone(),
            customer,
            taken: Taken::default(),
        }
    }

    fn over(&self, limit: &'static str, reason: &'static str, message: String) -> OverShare {
        if let Some(metrics) = &self.0.metrics {
            metrics.over_share.with_label_values(&[limit]).inc();
        }
        OverShare { reason, message }
    }

    fn taken(&self) -> MutexGuard<'_, AllTaken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request takes; given back when this is dropped.
pub(super) struct Share {
    shares: Shares,
    customer: Uuid,
    taken: Taken,
}

impl Share {
    fn take(&mut self, bulks: usize, bytes: usize) -> Result<(), OverShare> {
        let inner = &self.shares.0;
        let mut taken = self.shares.taken();
        let theirs = taken
            .by_customer
            .get(&self.customer)
            .copied()
            .unwrap_or_default();
        let of_customer = inner.bulks_per_customer;
        if bulks > 0 && theirs.bulks + bulks > of_customer {
            return Err(self.shares.over("bulk", "TOO_MANY_REQUESTS", format!(
                "{of_customer} bulk requests of this customer are running, and more may not (BULK_REQUESTS_PER_CUSTOMER); wait until one has ended."
            )));
        }
        if bulks > 0 && taken.sum.bulks + bulks > BULKS_MAX {
            return Err(self.shares.over("bulk", "TOO_MANY_REQUESTS", format!(
                "{BULKS_MAX} bulk requests of all customers are running, and more may not; come again later."
            )));
        }
        let of_customer = inner.bytes_per_customer;
        if bytes > 0 && theirs.bytes + bytes > of_customer {
            return Err(self.shares.over("bytes", "TOO_MANY_BYTES", format!(
                "Requests of this customer that are under way have {of_customer} bytes of bodies, and more may not (BODY_MIB_PER_CUSTOMER); send fewer at a time."
            )));
        }
        if bytes > 0 && taken.sum.bytes + bytes > BYTES_MAX {
            return Err(self.shares.over("bytes", "TOO_MANY_BYTES", format!(
                "Requests of all customers that are under way have {BYTES_MAX} bytes of bodies, and more may not; come again later."
            )));
        }
        let AllTaken { by_customer, sum } = &mut *taken;
        let theirs = by_customer.entry(self.customer).or_default();
        for it in [theirs, sum, &mut self.taken] {
            it.bulks += bulks;
            it.bytes += bytes;
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.taken == Taken::default() {
            return;
        }
        let mut taken = self.shares.taken();
        let AllTaken { by_customer, sum } = &mut *taken;
        sum.give_back(self.taken);
        if let Some(theirs) = by_customer.get_mut(&self.customer) {
            theirs.give_back(self.taken);
            if *theirs == Taken::default() {
                by_customer.remove(&self.customer);
            }
        }
    }
}

impl Taken {
    fn give_back(&mut self, other: Self) {
        self.bulks = self.bulks.saturating_sub(other.bulks);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

struct Metered {
    body: Body,
    share: Arc<Mutex<Share>>,
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        let Some(frame) = frame.transpose()? else {
            return Poll::Ready(None);
        };
        if let Some(data) = frame.data_ref() {
            let mut share = this.share.lock().unwrap_or_else(PoisonError::into_inner);
            share.take(0, data.len())?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn shares() -> (Shares, Metrics) {
        let metrics = Metrics::new().unwrap();
        (Shares::new(2, 1, metrics.clone()), metrics)
    }

    #[test]
    fn a_customer_has_its_share_of_bulk_requests_and_leaves_the_rest_to_others() {
        let (shares, metrics) = shares();
        let first = shares.bulk(ONE).unwrap();
        let _second = shares.bulk(ONE).unwrap();
        let refused = shares.bulk(ONE).err().unwrap();
        assert_eq!(refused.reason(), "TOO_MANY_REQUESTS");
        assert!(refused.message().contains("BULK_REQUESTS_PER_CUSTOMER"));
        assert!(shares.bulk(OTHER).is_ok());
        drop(first);
        assert!(shares.bulk(ONE).is_ok());
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        assert!(text.contains(r#"tandem_bridge_over_share_total{limit="bulk"} 1"#));
        assert!(text.contains(r#"tandem_bridge_over_share_total{limit="bytes"} 0"#));
    }

    #[test]
    fn all_customers_together_have_a_limit_too() {
        let (shares, _) = shares();
        let customers = 10..10 + BULKS_MAX as u128;
        let taken: Vec<_> = customers
            .map(|id| shares.bulk(Uuid::from_u128(id)).unwrap())
            .collect();
        assert!(
            shares
                .bulk(ONE)
                .err()
                .unwrap()
                .message()
                .contains("all customers")
        );
        drop(taken);
        assert!(shares.bulk(ONE).is_ok());
        assert!(
            shares.taken().by_customer.is_empty(),
            "nothing is kept of who is gone"
        );
    }

    #[tokio::test]
    async fn bytes_count_while_their_request_is_under_way() {
        let (shares, _) = shares();
        let body = |bytes: usize| Body::from(vec![b' '; bytes]);
        let (half, held) = shares.metered(ONE, body(MIB / 2));
        half.collect().await.unwrap();
        let (more, _) = shares.metered(ONE, body(MIB / 2 + 1));
        let fault: BoxError = more.collect().await.err().unwrap().into();
        let refused = super::super::answer::unread(fault, MIB);
        assert_eq!(refused.reason(), "TOO_MANY_BYTES");
        assert!(refused.message().contains("BODY_MIB_PER_CUSTOMER"));
        let (others, _) = shares.metered(OTHER, body(MIB));
        assert!(others.collect().await.is_ok());
        drop(held);
        let (whole, _) = shares.metered(ONE, body(MIB));
        assert!(whole.collect().await.is_ok());
        assert!(shares.taken().by_customer.is_empty());
    }
}
