//! Booking as pure logic: free slots, prices, what a text asks for, how good a lead is, iCalendar. No I/O, no clock.

pub mod days;
pub mod ical;
pub mod interval;
pub mod matching;
pub mod quote;
pub mod recurrence;
pub mod score;
pub mod slots;
pub mod vtimezone;
