//! The did-manager daemon.

fn main() -> std::process::ExitCode {
    bin_common_handler::daemon::main(bin_did_manager::MANAGER)
}
