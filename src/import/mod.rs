//! `tandem import`: rows of a file into a manager, in batches, in memory that does not grow with the file.
//!
//! [`table`] reads the file, [`batch`] groups its rows, [`send`] sends the groups, and [`report`] tells what became of
//! every row.

mod batch;
pub mod command;
mod flow;
mod report;
mod send;
mod table;
