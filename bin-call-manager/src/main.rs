//! The call-manager daemon.

fn main() -> std::process::ExitCode {
    bin_common_handler::daemon::main(bin_call_manager::MANAGER)
}
