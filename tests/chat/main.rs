//! Live chat over the bridge's sockets, by a client that shares no code with the bridge.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod order;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod walls;
#[cfg(test)]
mod world;
