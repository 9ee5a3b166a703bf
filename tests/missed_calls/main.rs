//! Calls at a business's number, from the carrier's webhook to the event of a missed call: through the bridge, did-manager
//! and call-manager, on the embedded default and over the real services with two processes.

#[cfg(test)]
mod missed;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod spoken;
#[cfg(test)]
mod town;
