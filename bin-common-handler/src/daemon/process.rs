//! What everything in a process shares: settings, bus, clock, figures; why it does not start.

use std::{net::SocketAddr, sync::Arc};

use super::{SharedTransport, Tasks, shared::Shared};
use crate::{
    clock::Clock,
    config::{Config, settings},
    deadletter::Registers,
    health::{Health, State},
    metrics::Metrics,
    redact,
    sockhandler::{inprocess::InProcess, rabbitmq::RabbitMq},
};

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The same file is used by another process.
    #[error("{0} is in use by another process; stop it, or set DATA_DIR to another folder")]
    DataDirInUse(String),
    /// The folder cannot be made or written.
    #[error("DATA_DIR {path}: {fault}")]
    DataDir {
        /// The folder.
        path: String,
        /// What the system says.
        fault: std::io::Error,
    },
    /// The port is taken, or not ours.
    #[error(
        "{setting}: cannot listen on {address}: {fault}; stop what listens there, or set {setting} to a free address of this machine (beside another tandem: both HTTP_LISTEN_ADDRESS and PROMETHEUS_LISTEN_ADDRESS)"
    )]
    Listen {
        /// The setting to change.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        fault: std::io::Error,
    },
    /// A listen address is missing.
    #[error("{0} is not set")]
    NoAddress(&'static str),
    /// A cache in this process would lie when another one changes the same database.
    #[error(
        "REDIS_ADDRESS is needed with MySQL or MariaDB: several processes may change the same rows"
    )]
    NoRedis,
    /// A part of the process ended by itself.
    #[error("a part of the daemon died; see the log above")]
    Died,
    /// The drain did not end.
    #[error("stopping took too long; what was not finished goes back to the broker")]
    DrainTooLong,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What managers and companions of a process share; what only managers need is [`super::Storage`]. Clones share it.
#[derive(Clone)]
pub struct ProcessContext {
    /// All settings.
    pub config: Config,
    /// The time of day.
    pub clock: Clock,
    /// How the parts are.
    pub health: Health,
    /// Figures.
    pub metrics: Metrics,
    /// The bus.
    pub transport: SharedTransport,
    /// What its managers gave up.
    pub dead_letters: Registers,
    /// Where a companion starts its jobs; they are stopped first.
    pub tasks: Tasks,
    pub(super) shared: Shared,
}

impl ProcessContext {
    /// Prepares everything that needs no other service to answer yet.
    ///
    /// # Errors
    /// When a figure cannot be registered.
    pub fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        let health = Health::default();
        health.set("process", State::Down("starting".to_owned()));
        let metrics = Metrics::new().map_err(|fault| StartError::Other(fault.to_string()))?;
        let transport: SharedTransport = match config.get(&settings::RABBITMQ_ADDRESS).expose() {
            "" => Arc::new(InProcess::default()),
            address => Arc::new(RabbitMq::new(
                redact::Secret::new(address),
                clock.clone(),
                metrics.clone(),
                health.clone(),
            )),
        };
        Ok(Self {
            config,
            clock,
            health,
            metrics,
            transport,
            dead_letters: Registers::default(),
            tasks: Tasks::new(),
            shared: Shared::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_says_what_to_do_with_both_settings() {
        let told = StartError::Listen {
            setting: "PROMETHEUS_LISTEN_ADDRESS",
            address: "127.0.0.1:2112".parse().unwrap(),
            fault: std::io::ErrorKind::AddrInUse.into(),
        };
        let told = told.to_string();
        for word in [
            "127.0.0.1:2112",
            "stop what listens there",
            "HTTP_LISTEN_ADDRESS",
            "PROMETHEUS_LISTEN_ADDRESS",
        ] {
            assert!(told.contains(word), "{told}");
        }
    }
}
