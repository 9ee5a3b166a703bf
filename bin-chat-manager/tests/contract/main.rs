//! The contract of conversations, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod desk;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod world;
