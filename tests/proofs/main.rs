//! Proofs about every route of both managers, made from the route tables.
//!
//! `walls`: whatever a tenant asks with another's ids, over the queue or over HTTP, is answered as if they were
//! nobody's, and changes nothing of the other's. `canary`: phone numbers and secrets that were planted are in no
//! log, no figure and no refusal.
//!
//! A route without a sample in `samples.rs`, and an id without a holder in `tenant.rs`, fail the first.

#[cfg(test)]
mod canary;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod walls;
