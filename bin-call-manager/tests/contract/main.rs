//! The exchange's contract, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod auctions;
#[cfg(test)]
mod bidder;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod carrier;
#[cfg(test)]
mod compliance;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod entities;
#[cfg(test)]
mod frauds;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod model;
#[cfg(test)]
mod money;
#[cfg(test)]
mod optouts;
#[cfg(test)]
mod pings;
#[cfg(test)]
mod places;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod renamed;
#[cfg(test)]
mod reservations;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod sellers;
#[cfg(test)]
mod sip;
#[cfg(test)]
mod told;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod unsold;
#[cfg(test)]
mod world;
