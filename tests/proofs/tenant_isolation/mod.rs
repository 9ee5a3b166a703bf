//! The walls between tenants.

mod asks;
mod normal;
mod proof;
mod rows;
mod world;
