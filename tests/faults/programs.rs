//! The daemons' programs.

use bin_common_handler::testing::lab::Program;

/// That of a manager, by its name on the wire.
pub fn of(name: &'static str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_tandem"), name)
}
