//! Choosing a number, as pure logic: windows of time, who may be given, in which order. No I/O lives here.

pub(crate) mod window;
