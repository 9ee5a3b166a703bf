//! `tandem import`: rows of a CSV file into a manager, in batches, in constant memory.
//!
//! [`lines`] cuts the file into records, [`row`] makes a target of each, [`batch`] groups them, [`send`] sends
//! the groups, and [`report`] tells what became of every row.

mod batch;
pub mod command;
mod lines;
mod report;
mod row;
mod send;
