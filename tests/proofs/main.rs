//! Proofs about every route of every manager, made from the route tables.
//!
//! `tenant_isolation`: whatever a tenant asks with another's ids, over the queue or over HTTP, is answered as if they were
//! nobody's, and changes nothing of the other's. `leak_scan`: phone numbers and secrets that were planted are in no
//! log, no figure and no refusal.
//!
//! A route without a sample in `samples`, and an id without a holder in `tenant`, fail the first.

#[cfg(test)]
mod contact_center;
#[cfg(test)]
mod leak_scan;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod tenant_isolation;
