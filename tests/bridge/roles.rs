//! The table role × route, row by row: a key of each role at each route of the real managers.

use bin_common_handler::{
    listenhandler::{Access, RouteInfo},
    models::role::{Reach, Role},
};
use serde_json::json;
use tandem::managers::{ALL, SCOPES};
use uuid::Uuid;

use super::{
    client::send,
    dids::key,
    world::{World, start_real},
};

/// A path of a route.
fn path(route: &RouteInfo) -> String {
    let part = |part: &str| match part {
        id if id.ends_with("-id>") => Uuid::from_u128(1).to_string(),
        word if word.starts_with('<') => "word".to_owned(),
        fixed => fixed.to_owned(),
    };
    let parts: Vec<_> = route.template.split('/').map(part).collect();
    parts.join("/")
}

async fn is_refused(world: &World, route: &RouteInfo, number: u64, role: Role) -> bool {
    let line = format!("{} {}", route.method, path(route));
    let body = if line.starts_with("GET") { "" } else { "{}" };
    let headers = [&*format!("x-api-key: {}", key(number))];
    let answer = send(world.at, &line, &headers, body).await;
    let said = answer.text.to_ascii_lowercase();
    let is_refused = answer.status == 403 && said.contains("role_not_allowed");
    assert!(
        !is_refused || said.contains(role.as_str()),
        "{line} {role}: {said}"
    );
    is_refused
}

#[tokio::test]
async fn each_role_reaches_what_the_table_says_and_is_refused_by_name_elsewhere() {
    let world = start_real().await;
    let scopes: Vec<&str> = SCOPES.known().iter().map(String::as_str).collect();
    let user = Uuid::from_u128(0xe);
    for (number, role) in (1..).zip(Role::ALL) {
        let more = json!({"role": role, "user_id": user, "rate_per_second": 0});
        world.dids.allow(&key(number), &scopes, more);
    }
    world
        .dids
        .allow(&key(9), &scopes, json!({"rate_per_second": 0}));
    let mut rows = 0;
    for manager in ALL {
        for route in (manager.routes)() {
            let has_scope = route.scope(manager.name).is_some();
            if route.edge.is_internal || route.edge.access == Access::Public || !has_scope {
                continue;
            }
            for (number, role) in (1..).zip(Role::ALL) {
                let expected = route.roles().reach(role) == Reach::None;
                let refused = is_refused(&world, &route, number, role).await;
                assert_eq!(
                    refused, expected,
                    "{} {} {role}",
                    route.method, route.template
                );
            }
            assert!(!is_refused(&world, &route, 9, Role::Admin).await);
            rows += 1;
        }
    }
    assert!(rows > 200, "only {rows} routes");
}
