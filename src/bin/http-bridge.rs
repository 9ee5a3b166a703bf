//! The HTTP bridge alone: to the managers over RabbitMQ.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::bridge::main(tandem::managers::ALL)
}
