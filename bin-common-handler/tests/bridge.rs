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
    mod held;
    mod http;
    mod keys;
    mod limits;
    mod packed;
    mod rates;
    mod shares;
    mod upload;
    mod whole;
    mod world;
}
