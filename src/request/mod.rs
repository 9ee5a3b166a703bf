//! `tandem request`: one request, or many of the same with their figures.

pub mod command;
mod field;
mod figures;
mod repeat;
