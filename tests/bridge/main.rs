//! The bridge over real TCP: in front of a real router on SQLite and the bus inside the process, and over RabbitMQ.
#![expect(clippy::disallowed_methods, reason = "what a test starts ends with it")]

#[cfg(test)]
mod away;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod client;
#[cfg(test)]
mod deferred;
#[cfg(test)]
mod dids;
#[cfg(test)]
mod export;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod held;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod http;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod over_transport;
#[cfg(test)]
mod packed;
#[cfg(test)]
mod posted;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod redis_limits;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod socket_client;
#[cfg(test)]
mod socket_keys;
#[cfg(test)]
mod socket_limits;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod upload;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod whole;
#[cfg(test)]
mod world;
