//! The daemons' programs: `cargo test --workspace` and `scripts/faults` build them beside `tandem`.

use std::path::Path;

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
    let file = Path::new(env!("CARGO_BIN_EXE_tandem")).with_file_name(name);
    assert!(
        file.exists(),
        "{} is missing: scripts/faults and cargo test --workspace build it",
        file.display()
    );
    Program {
        name,
        file: file.display().to_string().leak(),
    }
}
