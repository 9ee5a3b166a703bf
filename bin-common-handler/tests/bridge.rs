//! The bridge over real TCP, in front of a real router on SQLite, on the bus inside the process.
#![expect(clippy::disallowed_methods, reason = "what a test starts ends with it")]

#[cfg(test)]
mod bridge {
    mod away;
    mod bulk;
    mod client;
    mod deferred;
    mod dids;
    mod export;
    mod forms;
    mod forwarding;
    mod keys;
    mod limits;
    mod rates;
    mod upload;
    mod whole;
    mod world;
}
