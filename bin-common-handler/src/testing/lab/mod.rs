//! The lab of the fault tests: a broker, a database and a Redis of the tests' own, daemons as processes, and
//! ways to hurt each. What they write goes to one temporary folder, and ends with the tests.

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
mod wire;

pub use callers::Callers;
pub use daemon::{Daemon, Program};
pub use line::Line;
pub use node::Node;
pub use nodes::Lab;
pub use poison::{leaves_nothing, survives_poison};
pub use scene::{Scene, until};
pub use sink::Heard;
