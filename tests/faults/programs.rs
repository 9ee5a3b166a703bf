//! The daemons' programs.

use bin_common_handler::testing::lab::Program;

/// outdial-manager's.
pub fn outdial() -> Program {
    program(bin_outdial_manager::NAME)
}

/// did-manager's.
pub fn did() -> Program {
    program(bin_did_manager::NAME)
}

fn program(name: &'static str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_tandem"), name)
}
