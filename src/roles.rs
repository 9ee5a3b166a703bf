//! The page of roles is that of the code.

use std::fmt::Write as _;

use bin_common_handler::{
    listenhandler::Access,
    models::role::{Reach, Role},
};

use crate::managers::ALL;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
const HEAD: &str = "# Roles

Made from the route tables in the code by `UPDATE_DOCS=1 cargo test -p tandem --lib roles`; a test compares the two, and
another sends a key of each role to each route.

An access key carries a `role` and a `user_id` until people sign in. A key with a role needs its scope *and* its role; a
key without one has what its scopes allow. What is refused is 403 `ROLE_NOT_ALLOWED`, naming the role; what belongs to
another customer is 404, as everywhere. *own* is what the key's user has, or had when it was closed, and what waits in queues
whose skills that agent has; anything else is 404. Visitors have no key: a token opens their one conversation, without its
notes.

| manager | route | admin | supervisor | agent | viewer |
|---|---|---|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for manager in ALL {
        for route in (manager.routes)() {
            let needs_key = !route.edge.is_internal && route.edge.access != Access::Public;
            if !needs_key || route.scope(manager.name).is_none() {
                continue;
            }
            let cells = Role::ALL.map(|role| match route.roles().reach(role) {
                Reach::None => "",
                Reach::Own => "own",
                Reach::All => "yes",
            });
            let service = manager.name.trim_end_matches("-manager");
            let (method, template) = (route.method, route.template);
            writeln!(
                page,
                "| {service} | `{method} {template}` | {} |",
                cells.join(" | ")
            )
            .unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_roles_is_that_of_the_code() {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, page()).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap();
    assert_eq!(
        written,
        page(),
        "run: UPDATE_DOCS=1 cargo test -p tandem --lib roles"
    );
}
