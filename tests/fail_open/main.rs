//! A dialer's calls go out whatever is away: the bridge and did-manager as processes, on private nodes that stop,
//! die or freeze under them. Whoever asks for a number hears within a second that there is none now, and gets one
//! as soon as the node is back, without any daemon being started again.

#[cfg(test)]
mod desk;
#[cfg(test)]
mod nodes;
