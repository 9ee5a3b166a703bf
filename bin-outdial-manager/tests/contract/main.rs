//! The wire contract, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod available;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod once;
#[cfg(test)]
mod outdials;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod room;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod targetcalls;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod voipbin;
#[cfg(test)]
mod words;
#[cfg(test)]
mod world;
