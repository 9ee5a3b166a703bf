//! One way to ask, whatever lies between.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    clock::Clock,
    config::{
        parse_duration,
        settings::{BRIDGE_ACCESS_KEY, HTTP_LISTEN_ADDRESS},
    },
    health::Health,
    metrics::Metrics,
    models::{
        error::Result,
        sock::{Request, Response},
    },
    redact::Secret,
    sockhandler::{Transport, rabbitmq::RabbitMq, request_queue},
};
use clap::Args;

use super::{address::Address, http::Bridge};
use crate::settings;

/// Where the bridge listens when nobody says.
const USUAL_BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Flags of every command that asks a manager.
#[derive(Args)]
pub struct Options {
    /// Whom to ask: amqp:// for a broker, http:// or https:// for a bridge [default: the bridge at HTTP_LISTEN_ADDRESS]
    #[arg(long, value_name = "ADDRESS", default_value_t = usual_address(), hide_default_value = true)]
    pub address: Address,
    /// The bridge's key [default: BRIDGE_ACCESS_KEY; on this machine also DATA_DIR/bridge.key]
    #[arg(long, value_name = "SECRET")]
    key: Option<Secret>,
    /// How long to wait for each reply
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = time)]
    timeout: Duration,
}

/// The bridge of this machine, where the settings say that it listens. A setting that is wrong is told when it is needed.
fn usual_address() -> Address {
    let config = settings::without_flags().ok();
    let listens = config.and_then(|config| config.get(&HTTP_LISTEN_ADDRESS));
    Address::of_bridge(listens.unwrap_or(USUAL_BRIDGE))
}

impl Options {
    /// Those of a bridge whose key is known.
    pub fn of(address: Address, key: Secret, timeout: Duration) -> Self {
        Self {
            address,
            key: Some(key),
            timeout,
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(span) if !span.is_zero() => Ok(span),
        _ => Err("write a time such as 3s, 250ms or 5m".to_owned()),
    }
}

/// Asks one manager and waits for its reply.
#[async_trait]
pub trait Ask: Sync {
    /// Sends `request`; an error means that no reply came.
    async fn ask(&self, request: &Request) -> Result<Response>;
}

/// The way to one manager.
pub enum Client {
    /// Over the broker, by the manager's request queue.
    Amqp {
        broker: RabbitMq,
        queue: String,
        timeout: Duration,
    },
    /// Through a bridge, which finds the manager by the path.
    Http(Bridge),
}

impl Client {
    /// Prepares the way; connects with the first request.
    ///
    /// # Errors
    /// When a setting is wrong, or the system has no certificates for https.
    pub fn open(
        options: &Options,
        manager: &str,
    ) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        match &options.address {
            Address::Amqp(address) => Ok(Self::Amqp {
                broker: broker(address.clone(), Health::default())?,
                queue: request_queue(manager),
                timeout: options.timeout,
            }),
            Address::Http(uri) => Ok(Self::Http(Bridge::new(
                uri.clone(),
                &key(options)?,
                options.timeout,
            )?)),
        }
    }
}

#[async_trait]
impl Ask for Client {
    async fn ask(&self, request: &Request) -> Result<Response> {
        match self {
            Self::Amqp {
                broker,
                queue,
                timeout,
            } => broker.request(queue, request, *timeout).await,
            Self::Http(bridge) => bridge.ask(request).await,
        }
    }
}

/// A broker to talk to, outside a daemon.
///
/// # Errors
/// Never in practice: when the process's figures cannot be registered.
pub fn broker(
    address: Secret,
    health: Health,
) -> std::result::Result<RabbitMq, Box<dyn std::error::Error>> {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = Metrics::new()?;
    Ok(RabbitMq::new(address, Clock::default(), metrics, health))
}

/// The flag, else the setting, else the file that the bridge of this machine made. The file's key is not
/// shown to another machine.
fn key(options: &Options) -> std::result::Result<Secret, Box<dyn std::error::Error>> {
    if let Some(key) = &options.key {
        return Ok(key.clone());
    }
    let config = settings::without_flags()?;
    let key = config.get(&BRIDGE_ACCESS_KEY);
    let ours = config.get(&HTTP_LISTEN_ADDRESS);
    let is_ours =
        ours.is_some_and(|at| Address::of_bridge(at).to_string() == options.address.to_string());
    if !key.is_empty() || !(is_ours || options.address.is_local_bridge()) {
        return Ok(key);
    }
    let file = config.data_dir().join("bridge.key");
    Ok(Secret::new(
        std::fs::read_to_string(file).unwrap_or_default().trim(),
    ))
}
