//! The chat-manager daemon.

fn main() -> std::process::ExitCode {
    bin_common_handler::daemon::main(bin_chat_manager::MANAGER)
}
