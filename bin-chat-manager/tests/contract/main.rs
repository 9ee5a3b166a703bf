//! The contract of conversations, rule by rule, through the queue: on the embedded default and over the real services.

#[cfg(test)]
mod assistant;
#[cfg(test)]
mod bookings;
#[cfg(test)]
mod by_text;
#[cfg(test)]
mod calendar_servers;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod calendars_elsewhere;
#[cfg(test)]
mod contact_center;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod events;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod files;
#[cfg(test)]
mod greetings;
#[cfg(test)]
mod inbound;
#[cfg(test)]
mod insight;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod leads;
#[cfg(test)]
mod mailserver;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod model;
#[cfg(test)]
mod modelserver;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod objectstore;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod optouts;
#[cfg(test)]
mod order;
#[cfg(test)]
mod own_chats;
#[cfg(test)]
mod people;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod push;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod siblings;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod visitor_emails;
#[cfg(test)]
mod ways_out;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod world;
