//! Who is tried here, and where.

use bin_common_handler::testing::lab::{Program, Scene};

/// The daemon that this suite hurts.
const OUTDIAL: Program = Program {
    name: bin_outdial_manager::NAME,
    file: env!("CARGO_BIN_EXE_outdial-manager"),
};

/// Private nodes, a fresh database, no daemon yet.
pub async fn scene() -> Scene {
    Scene::new(OUTDIAL).await
}
