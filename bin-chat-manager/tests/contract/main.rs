//! The contract of conversations, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod assistant;
#[cfg(test)]
mod bookings;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod contact_center;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod events;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod greetings;
#[cfg(test)]
mod leads;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod optouts;
#[cfg(test)]
mod people;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod siblings;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod world;
