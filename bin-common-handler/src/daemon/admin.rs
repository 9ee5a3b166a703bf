//! Metrics and health over HTTP, on a port of their own.

use axum::{
    Router,
    extract::State as Extracted,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::ProcessContext;
use crate::{
    config::{Config, Setting, settings},
    httpserver,
    redact::{self, Secret},
};

/// Prints what this process uses and where its figures are.
pub(super) fn announce(parts: &ProcessContext, has_data: bool, listener: &TcpListener) {
    let config = &parts.config;
    if has_data {
        let database = config
            .database()
            .map_or_else(|fault| fault.to_string(), |dsn| dsn.to_string());
        eprintln!("  {:<10} {database}", "database");
        eprintln!(
            "  {:<10} {}",
            "cache",
            place(config, &settings::REDIS_ADDRESS)
        );
    }
    eprintln!(
        "  {:<10} {}",
        "broker",
        place(config, &settings::RABBITMQ_ADDRESS)
    );
    if let Ok(address) = listener.local_addr() {
        let endpoint = config.get(&settings::PROMETHEUS_ENDPOINT);
        eprintln!(
            "  {:<10} http://{address}{endpoint}, /healthz, /readyz",
            "metrics"
        );
    }
}

fn place(config: &Config, setting: &Setting<Secret>) -> String {
    match config.get(setting).expose() {
        "" => "inside this process".to_owned(),
        address => redact::dsn(address),
    }
}

pub(super) async fn serve(parts: ProcessContext, listener: TcpListener, stop: CancellationToken) {
    let endpoint = parts.config.get(&settings::PROMETHEUS_ENDPOINT);
    let metrics = parts.metrics.clone();
    let app = Router::new()
        .route(&endpoint, get(figures))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/deadletters", get(dead_letters))
        .with_state(parts);
    let options = httpserver::Options::admin(httpserver::raise_descriptors());
    httpserver::serve(listener, app, options, metrics, stop).await;
}

async fn figures(Extracted(parts): Extracted<ProcessContext>) -> impl IntoResponse {
    match parts.metrics.encode() {
        Ok(text) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            text,
        ),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            Vec::new(),
        ),
    }
}

/// Timers and events that were given up, without their contents.
async fn dead_letters(Extracted(parts): Extracted<ProcessContext>) -> impl IntoResponse {
    let (status, body) = match parts.dead_letters.list().await {
        Ok(listed) => (StatusCode::OK, json!(listed)),
        Err(fault) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "reason": fault.reason() }),
        ),
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
}

/// Every part and its state; 200 as long as the process answers.
async fn healthz(Extracted(parts): Extracted<ProcessContext>) -> impl IntoResponse {
    let body = json!({ "ready": parts.health.is_ready(), "parts": parts.health.report() });
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
}

/// 200 when requests are served, 503 with the reasons when they are not.
async fn readyz(Extracted(parts): Extracted<ProcessContext>) -> impl IntoResponse {
    let status = if parts.health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "ready": parts.health.is_ready(), "parts": parts.health.report() });
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
}
