//! Asking a daemon how it is.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::testing::http;

/// A daemon that is stopped accepts, and says nothing.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Status and body of a GET; nothing when nobody answers.
pub(super) async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let line = format!("GET {path}");
    let asked = http(at, &line, &[], "");
    let answer = tokio::time::timeout(ANSWER_MAX, asked).await.ok()??;
    Some((answer.status, answer.body))
}
