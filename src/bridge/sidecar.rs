//! The bridge beside its managers in one process, or alone in its own.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Command;
use tokio::time::{sleep, timeout};

use super::{
    AccessKey, Bridge, Limits, NAME, Origins, PublicUrl, Rate, Shares, Table, cors, key_or_new,
    keys,
};
use bin_common_handler::{
    cachehandler::RedisCache,
    config::{Config, Setting, settings},
    daemon::{self, Manager, ProcessContext, Sidecar, StartError},
    health::Health,
    httpserver,
    listenhandler::RouteInfo,
    requesthandler::Requester,
};

/// How long connections wait in the system's backlog for the managers of the same process.
const START_MAX: Duration = Duration::from_secs(5);
const START_POLL: Duration = Duration::from_millis(10);

/// The bridge as a job beside the managers whose route tables these are: (manager's name, its routes).
pub fn sidecar(route_tables: Vec<(&'static str, Vec<RouteInfo>)>) -> Sidecar {
    Box::new(move |parts| Box::pin(start(parts, route_tables)))
}

/// The `main` of the bridge alone: it needs RabbitMQ and no database; Redis where several share limits.
pub fn main(managers: &[Manager]) -> ExitCode {
    // Those of the managers too: one file may serve every process.
    let table = crate::managers::settings(managers);
    let command = Command::new(NAME)
        .about("HTTP in front of the managers of Tandem, which it reaches over RabbitMQ.")
        .version(env!("CARGO_PKG_VERSION"));
    let matches = Config::flags(command, &table).get_matches();
    let config = match Config::load(&table, &matches) {
        Ok(config) => config,
        Err(fault) => return daemon::fail(&fault),
    };
    if config.get(&settings::RABBITMQ_ADDRESS).is_empty() {
        return daemon::fail(
            &"RABBITMQ_ADDRESS is not set, and the bridge alone reaches its managers over RabbitMQ only; \
              for example RABBITMQ_ADDRESS=amqp://user:password@127.0.0.1:5672",
        );
    }
    let named: Result<Vec<_>, _> = managers
        .iter()
        .map(|manager| manager.named(&config))
        .collect();
    let tables = match named {
        Ok(named) => named
            .iter()
            .map(|manager| (manager.name, (manager.routes)()))
            .collect(),
        Err(fault) => return daemon::fail(&fault),
    };
    daemon::serve(config, Vec::new(), Some(sidecar(tables)))
}

async fn start(
    parts: ProcessContext,
    route_tables: Vec<(&'static str, Vec<RouteInfo>)>,
) -> Result<(), StartError> {
    let other = |fault: &dyn std::fmt::Display| StartError::Other(fault.to_string());
    let table = Table::new(route_tables).map_err(|fault| other(&fault))?;
    let metrics = parts
        .metrics
        .for_manager(NAME)
        .map_err(|fault| other(&fault))?;
    let origins = cors::origins(&parts.config.get(&settings::BRIDGE_CORS_ORIGINS))?;
    let listener = daemon::listen(&parts, &settings::HTTP_LISTEN_ADDRESS).await?;
    let access = AccessKey::new(&key_or_new(&parts.config)?);
    if let Ok(address) = listener.local_addr() {
        announce(&parts.config, address, &table);
    }
    let requester = Requester::new(Arc::clone(&parts.transport), metrics);
    let limits = limits(&parts)?;
    let bridge = Bridge::new(
        table,
        access,
        requester,
        limits,
        parts.clock.clone(),
        parts.metrics.clone(),
    )
    .with_origins(Origins::new(origins.clone()))
    .with_public_url(PublicUrl::new(&parts.config.get(&settings::PUBLIC_URL)));
    for (subscription, listener) in bridge.listeners() {
        let transport = Arc::clone(&parts.transport);
        parts.tasks.spawn("bridge events", |stop| async move {
            transport.subscribe(subscription, listener, stop).await;
        });
    }
    let (live, hub) = bridge.live();
    let transport = Arc::clone(&parts.transport);
    parts.tasks.spawn("socket events", |stop| async move {
        transport.follow(live, hub, stop).await;
    });
    let sockets = bridge.sockets();
    parts.tasks.spawn("sockets", |stop| async move {
        stop.cancelled().await;
        sockets.close().await;
    });
    let app = bridge.into_app(cors::layer(origins));
    let (health, metrics) = (parts.health.clone(), parts.metrics.clone());
    let connections = parts.config.get(&settings::BRIDGE_CONNECTIONS);
    let options = httpserver::Options::bridge_of(httpserver::raise_descriptors(), connections);
    parts.tasks.spawn(NAME, |stop| async move {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = timeout(START_MAX, ready(&health)) => {}
        }
        httpserver::serve(listener, app, options, metrics, stop).await;
    });
    Ok(())
}

/// Shared with the other replicas where REDIS_ADDRESS is set.
fn limits(parts: &ProcessContext) -> Result<Limits, StartError> {
    let number =
        |setting: &Setting<u64>| u32::try_from(parts.config.get(setting)).unwrap_or(u32::MAX);
    let usual = Rate {
        per_second: number(&settings::RATE_LIMIT_PER_SECOND),
        burst: number(&settings::RATE_LIMIT_BURST),
    };
    let redis = parts
        .config
        .redis_url()
        .map(|url| RedisCache::new(url.expose()))
        .transpose()
        .map_err(|_| StartError::Other("REDIS_ADDRESS".to_owned()))?;
    let size =
        |setting: &Setting<u64>| usize::try_from(parts.config.get(setting)).unwrap_or(usize::MAX);
    let shares = Shares::new(
        size(&settings::BULK_REQUESTS_PER_CUSTOMER),
        size(&settings::BODY_MIB_PER_CUSTOMER),
        parts.metrics.clone(),
    );
    let per_second = number(&settings::WEBHOOK_RATE_LIMIT_PER_SECOND);
    let webhooks = Rate {
        per_second,
        // A carrier delivers what it kept back at once.
        burst: usual.burst.max(per_second),
    };
    let limits = Limits::new(usual, redis, parts.metrics.clone());
    Ok(limits.with_shares(shares).with_webhooks(webhooks))
}

/// Until the managers of this process serve: so the first caller is answered instead of refused.
async fn ready(health: &Health) {
    while !health.is_ready() {
        sleep(START_POLL).await;
    }
}

fn announce(config: &Config, address: SocketAddr, table: &Table) {
    eprintln!("  {:<10} http://{address}/v1/…", "bridge");
    eprintln!("  {:<10} http://{address}/ shows live events", "page");
    for line in at_carrier(&config.get(&settings::PUBLIC_URL), table) {
        eprintln!("  {:<10} {line}", "carrier");
    }
    let example = table.example();
    eprintln!("  {:<10} {}", "try", to_try(config, address, example));
}

/// What is to be entered in a carrier's console, where it is known how a carrier reaches us.
fn at_carrier(public: &str, table: &Table) -> Vec<String> {
    let public = public.trim_end_matches('/');
    if public.is_empty() {
        return Vec::new();
    }
    let entered = table.entered();
    entered
        .map(|(name, path)| format!("{name}: {public}{path}"))
        .collect()
}

/// A command that works when it is pasted into a shell on this machine.
fn to_try(config: &Config, address: SocketAddr, example: &str) -> String {
    let key = if config.get(&settings::BRIDGE_ACCESS_KEY).is_empty() {
        format!(
            "$(cat {})",
            quoted(&keys::path(config).display().to_string())
        )
    } else {
        "$BRIDGE_ACCESS_KEY".to_owned()
    };
    let address = SocketAddr::new(reachable(address.ip()), address.port());
    format!(
        "curl -H \"{}: {key}\" http://{address}{example}",
        keys::HEADER
    )
}

/// Every interface is no address to call.
pub fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], "127.0.0.1:8080", r#"curl -H "x-api-key: $(cat ./data/bridge.key)" http://127.0.0.1:8080/v1/outdials"#)]
    #[case(&[("DATA_DIR", "/my data")], "0.0.0.0:80", r#"curl -H "x-api-key: $(cat '/my data/bridge.key')" http://127.0.0.1:80/v1/outdials"#)]
    #[case(&[("BRIDGE_ACCESS_KEY", "0123456789abcdef")], "[::]:80", r#"curl -H "x-api-key: $BRIDGE_ACCESS_KEY" http://[::1]:80/v1/outdials"#)]
    fn the_line_to_try_works_when_pasted(
        #[case] values: &[(&'static str, &str)],
        #[case] address: &str,
        #[case] expected: &str,
    ) {
        let config = Config::with_values(bin_common_handler::config::COMMON, values).unwrap();
        let line = to_try(&config, address.parse().unwrap(), "/v1/outdials");
        assert_eq!(line, expected);
    }

    #[rstest]
    #[case("", &[])]
    #[case("https://texts.example.com/", &[
        "A call comes in: https://texts.example.com/v1/webhooks/twilio/voice",
        "A message comes in: https://texts.example.com/v1/webhooks/twilio/sms",
        "Call status changes: https://texts.example.com/v1/webhooks/twilio/status",
    ])]
    fn what_a_carrier_s_console_asks_for_is_printed(
        #[case] public: &str,
        #[case] expected: &[&str],
    ) {
        let routes = crate::managers::ALL
            .iter()
            .map(|manager| (manager.name, (manager.routes)()));
        let table = Table::new(routes.collect()).unwrap();
        let mut lines = at_carrier(public, &table);
        lines.sort_unstable();
        assert_eq!(lines, expected);
    }
}
