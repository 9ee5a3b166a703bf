//! `tandem import`: rows of a file into a manager, in batches, in memory that does not grow with the file.
//!
//! [`lines`] cuts a CSV file into records, [`csv`] makes rows of them as [`targets`] or [`dids`] lays them
//! out, [`batch`] groups the rows, [`send`] sends the groups, and [`report`] tells what became of every row.

mod batch;
pub mod command;
mod csv;
mod dids;
mod flow;
mod lines;
mod report;
mod send;
mod targets;
