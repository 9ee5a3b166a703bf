//! The manager's routes, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod accesskeys;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod ahead;
#[cfg(test)]
mod analytics;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod businesses;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod callids;
#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod caps;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod given;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod next;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod onboardings;
#[cfg(test)]
mod purchases;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod results;
#[cfg(test)]
mod room;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod told;
#[cfg(test)]
mod town;
#[cfg(test)]
mod words;
#[cfg(test)]
mod world;
