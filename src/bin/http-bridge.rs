//! The HTTP bridge alone: to the managers over RabbitMQ.

use std::process::ExitCode;

fn main() -> ExitCode {
    bin_common_handler::bridge::main(tandem::managers::ALL)
}
