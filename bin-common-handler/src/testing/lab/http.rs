//! Asking a daemon how it is.

use std::net::{Ipv4Addr, SocketAddr};

use crate::testing::http;

/// Status and body of a GET; nothing when nobody answers.
pub(super) async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let answer = http(at, &format!("GET {path}"), &[], "").await?;
    Some((answer.status, answer.body))
}
