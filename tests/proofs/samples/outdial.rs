//! Samples of outdial-manager's routes.

use bin_common_handler::{
    listenhandler::RouteInfo,
    models::sock::Method::{Delete, Get, Post, Put},
};
use serde_json::json;

use super::{Sample, body, nothing, query};

/// What goes with a route of this manager.
pub(super) fn sample(route: &RouteInfo) -> Option<Sample> {
    let target = || json!({"destination_0": {"type": "tel", "target": "+14155550123"}});
    Some(match (route.method, route.template) {
        (Post, "/v1/outdials") => body(json!({"name": "x"})),
        (Put, "/v1/outdials/<outdial-id>") => body(json!({"name": "renamed"})),
        (Put, "/v1/outdials/<outdial-id>/campaign_id") => body(json!({"campaign_id": null})),
        (Put, "/v1/outdials/<outdial-id>/data") => body(json!({"data": "x"})),
        (Post, "/v1/outdials/<outdial-id>/targets") => body(target()),
        (Post, "/v1/outdials/<outdial-id>/targets/bulk") => body(json!([target()])),
        (Get, "/v1/outdials/<outdial-id>/available") => {
            query(&[("try_count_0", "5"), ("lease", "0")])
        }
        (Post, "/v1/outdialtargets/<target-id>/progressing") => {
            body(json!({"destination_index": 0}))
        }
        (Put, "/v1/outdialtargets/<target-id>/status") => body(json!({"status": "done"})),
        (
            Get,
            "/v1/outdials"
            | "/v1/outdials/<outdial-id>/stats"
            | "/v1/outdials/<outdial-id>/targetcalls"
            | "/v1/outdials/<outdial-id>/targets"
            | "/v1/outdialtargets/<target-id>/calls",
        )
        | (Get | Delete, "/v1/outdials/<outdial-id>" | "/v1/outdialtargets/<target-id>") => {
            nothing()
        }
        _ => return None,
    })
}
