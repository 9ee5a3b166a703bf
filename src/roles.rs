//! The page of roles is that of the code.

use std::{collections::BTreeSet, fmt::Write as _};

use bin_common_handler::{
    listenhandler::Access,
    models::role::{Reach, Role},
};

use crate::managers::ALL;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
const HEAD: &str = r#"# Roles

Made from the route tables in the code by `UPDATE_DOCS=1 cargo test -p tandem --lib roles`; a test compares the two, and
another sends a key of each role to each route.

An access key carries a `role` and a `user_id` until people sign in. A key with a role needs its scope *and* its role; a
key without one has what its scopes allow. What is refused is 403: `SCOPE_REQUIRED` names the scope, `ROLE_NOT_ALLOWED` the role; what
belongs to another customer is 404, as everywhere. *own* is what the key's user has, or had when it was closed, and what waits in queues
whose skills that agent has; anything else is 404. Visitors have no key: a token opens their one conversation, without its
notes.

## A key with a role

A person is a user, and the key names both. An agent's key must name a user; for the other roles it may be left out. `USER` stands for the
`id` of the first answer:

```sh
tandem request did POST /v1/users '{"customer_id": "CUSTOMER", "name": "Ann", "email": "ann@example.com"}'
tandem key create --customer CUSTOMER --name "Ann" --role agent --user USER --scope chat:write
```

Over HTTP it is `POST /v1/accesskeys {customer_id, name, role, user_id, scopes}`. `chat:write` holds `chat:read`, and so with the others. Where
a key names no scopes, it has those of the routes that its role may use; without a role it has `did:next` and `did:report`, which are a dialer's.
In a fleet did-manager knows its own routes only, so name them there:

| role | scopes of its routes |
|---|---|
"#;
/// What stands between the two tables.
const ROUTES: &str = "
An application needs the scopes of each route that its pages ask; they stand in the table. For example, conversations, queues, leads,
appointments, alerts and figures are `chat:`, calls that came in (`/v1/inbound_calls`) `exchange:read`, numbers and businesses `did:read`, users and
keys `key:read`.

## Routes

| manager | route | scope | admin | supervisor | agent | viewer |
|---|---|---|---|---|---|---|
";

/// The scopes of the routes that a role may use.
fn scopes_of(role: Role) -> String {
    let mut scopes = BTreeSet::new();
    for manager in ALL {
        for route in (manager.routes)() {
            if !route.edge.is_internal && route.roles().reach(role) != Reach::None {
                scopes.extend(route.scope(manager.name));
            }
        }
    }
    let scopes: Vec<String> = scopes.into_iter().collect();
    scopes.join("`, `")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for role in Role::ALL {
        writeln!(page, "| {role} | `{}` |", scopes_of(role)).unwrap();
    }
    page.push_str(ROUTES);
    for manager in ALL {
        for route in (manager.routes)() {
            let needs_key = !route.edge.is_internal && route.edge.access != Access::Public;
            let Some(scope) = route.scope(manager.name).filter(|_| needs_key) else {
                continue;
            };
            let cells = Role::ALL.map(|role| match route.roles().reach(role) {
                Reach::None => "",
                Reach::Own => "own",
                Reach::All => "yes",
            });
            let service = manager.name.trim_end_matches("-manager");
            let (method, template) = (route.method, route.template);
            writeln!(
                page,
                "| {service} | `{method} {template}` | `{scope}` | {} |",
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
