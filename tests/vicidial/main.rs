//! The scripts for VICIdial, run by the real Perl and the real shell, as Asterisk and an administrator run them.
#![expect(clippy::disallowed_methods, reason = "what a test starts ends with it")]

#[cfg(test)]
mod asterisk;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod install;
#[cfg(test)]
mod next;
#[cfg(test)]
mod report;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod whole;
