//! The outdial-manager daemon.

fn main() -> std::process::ExitCode {
    bin_common_handler::daemon::main(bin_outdial_manager::MANAGER)
}
