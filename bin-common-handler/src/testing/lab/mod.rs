//! The lab of the fault tests: a broker, a database and a Redis of the tests' own, daemons as processes, and
//! ways to hurt each. What they write goes to one temporary folder, and ends with the tests.

mod broker;
mod callers;
mod daemon;
mod http;
mod line;
mod node;
mod nodes;
mod poison;
mod process;
mod scene;
mod servers;
mod sink;
mod site;
mod wire;

pub use callers::Callers;
pub use daemon::{Daemon, Program};
pub use line::{Line, Way};
pub use node::Node;
pub use nodes::Lab;
pub use poison::{
    DEPTH_MAX, leaves_nothing, publish_bad_texts, publish_deep_deferred, publish_deep_header,
    survives_poison,
};
pub use process::Usage;
pub use scene::Scene;
pub use sink::Heard;
pub use site::{Site, until};
pub use wire::{Properties, Wire, counted, entry, flag};
