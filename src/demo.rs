//! What demonstrations share: in whose name they play, what they say of themselves, and what they made and take away
//! again, also where they broke off.

use std::{
    error::Error as StdError,
    sync::{Mutex, PoisonError},
};

use bin_common_handler::models::sock::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Ask, Options, fetch, get, not_understood, rows, with_client},
    customer::MANAGER,
    output,
};

/// Says something of the demonstration itself, on lines of its own.
///
/// # Errors
/// When nobody reads any more.
pub fn tell(text: &str) -> Result<(), String> {
    output::line(text).map_err(|fault| fault.to_string())
}

/// Whose things a demonstration makes.
struct Host {
    id: String,
    /// Made for the demonstration.
    is_new: bool,
}

/// Plays a demonstration in the name of a customer: the one that is named, else the only one, else a new one of this
/// name, which is deleted when it has ended, also where it broke off.
///
/// # Errors
/// When there are several, when there is none of that id, or whatever the play or the manager says.
pub fn host(
    options: &Options,
    named: Option<Uuid>,
    name: &str,
    play: impl FnOnce(&str) -> Result<(), Box<dyn StdError>>,
) -> Result<(), Box<dyn StdError>> {
    let host = with_client(options, MANAGER, async |client| match named {
        Some(id) => known(client, id).await,
        None => only_or_new(client, name).await,
    })?;
    let played = play(&host.id);
    if !host.is_new {
        return played;
    }
    let deleted = with_client(options, MANAGER, async |client| {
        give_up(client, &host.id).await
    });
    played.and(deleted)
}

/// The customer that was named. The exchange would trade for one that nobody has.
async fn known(ask: &impl Ask, id: Uuid) -> Result<Host, String> {
    let found: Result<Value, String> = get(ask, &format!("/v1/customers/{id}")).await;
    match found {
        Err(fault) if fault.contains("CUSTOMER_NOT_FOUND") => Err(fault),
        // A key that may not read customers can still play for its own.
        _ => Ok(Host {
            id: id.to_string(),
            is_new: false,
        }),
    }
}

async fn give_up(ask: &impl Ask, id: &str) -> Result<(), String> {
    let uri = format!("/v1/customers/{id}");
    let deleted = fetch(ask, Method::Delete, &uri, None::<&()>).await;
    deleted
        .map(drop)
        .map_err(|fault| format!("{uri} stays: {fault}"))
}

async fn only_or_new(ask: &impl Ask, name: &str) -> Result<Host, String> {
    let mut found = rows(ask, "/v1/customers?deleted=false").await?;
    let is_new = found.is_empty();
    let customer = match (found.len(), found.pop()) {
        (0, _) => {
            let body = json!({ "name": name });
            fetch(ask, Method::Post, "/v1/customers", Some(&body)).await?
        }
        (1, Some(only)) => only,
        _ => {
            return Err(
                "there are several customers; name one with --customer: tandem customer list shows their ids"
                    .to_owned(),
            );
        }
    };
    let id = customer.get("id").and_then(Value::as_str);
    let id = id.ok_or_else(|| not_understood("a customer without an id"))?;
    Ok(Host {
        id: id.to_owned(),
        is_new,
    })
}

/// How one thing goes again; each has its path.
#[derive(Debug)]
pub enum Undo {
    /// A row is deleted.
    Delete(String),
    /// A conversation is closed; it stays as it was said.
    Close(String),
    /// An account's money is taken out, and the account is deleted; the ledger stays.
    Empty(String),
}

/// What was made, in the order in which it was made.
#[derive(Debug, Default)]
pub struct Made(Mutex<Vec<Undo>>);

impl Made {
    /// Something was made.
    pub fn note(&self, undo: Undo) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(undo);
    }

    /// Takes everything away, the newest first. Whatever is refused does not keep the rest.
    ///
    /// # Errors
    /// The first refusal, with the path of what stays.
    pub async fn undo(&self, ask: &impl Ask) -> Result<(), String> {
        let mut outcome = Ok(());
        while let Some(undo) = self.newest() {
            let (Undo::Delete(uri) | Undo::Close(uri) | Undo::Empty(uri)) = &undo;
            let undone = undo.apply(ask).await;
            outcome = outcome.and(undone.map_err(|fault| format!("{uri} stays: {fault}")));
        }
        outcome
    }

    fn newest(&self) -> Option<Undo> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.pop()
    }
}

impl Undo {
    async fn apply(&self, ask: &impl Ask) -> Result<(), String> {
        match self {
            Self::Delete(uri) => delete(ask, uri).await,
            Self::Close(uri) => close(ask, uri).await,
            Self::Empty(uri) => {
                empty(ask, uri).await?;
                delete(ask, uri).await
            }
        }
    }
}

async fn delete(ask: &impl Ask, uri: &str) -> Result<(), String> {
    let deleted = fetch(ask, Method::Delete, uri, None::<&()>).await;
    deleted.map(drop)
}

async fn close(ask: &impl Ask, uri: &str) -> Result<(), String> {
    let uri = format!("{uri}/close");
    match fetch(ask, Method::Post, &uri, Some(&json!({}))).await {
        // The story itself has closed it.
        Err(fault) if fault.contains("CONVERSATION_CLOSED") => Ok(()),
        closed => closed.map(drop),
    }
}

async fn empty(ask: &impl Ask, uri: &str) -> Result<(), String> {
    let account: Value = get(ask, uri).await?;
    let balance = account.get("balance").and_then(Value::as_i64);
    let Some(balance) = balance.filter(|cents| *cents > 0) else {
        return Ok(());
    };
    let money = json!({"amount": balance, "currency": "USD"});
    let uri = format!("{uri}/withdrawals");
    let withdrawn = fetch(ask, Method::Post, &uri, Some(&money)).await;
    withdrawn.map(drop)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bin_common_handler::models::{
        error::{Error, Result as Reply},
        sock::{Request, Response},
    };
    use rstest::rstest;

    use super::*;

    /// Refuses what it is told to, and remembers what it was asked.
    struct Manager {
        refused: &'static str,
        reason: &'static str,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Ask for Manager {
        async fn ask(&self, request: &Request) -> Reply<Response> {
            let asked = format!("{} {}", request.method, request.uri);
            let is_refused = asked == self.refused;
            self.asked.lock().unwrap().push(asked);
            if is_refused {
                let refusal = Error::failed_precondition(self.reason, "No.");
                return Ok(refusal.to_response("chat-manager"));
            }
            Ok(Response::ok(&json!({"balance": 7})))
        }
    }

    async fn undone(
        refused: &'static str,
        reason: &'static str,
    ) -> (Result<(), String>, Vec<String>) {
        let made = Made::default();
        made.note(Undo::Delete("/v1/queues/1".to_owned()));
        made.note(Undo::Empty("/v1/accounts/2".to_owned()));
        made.note(Undo::Close("/v1/conversations/3".to_owned()));
        let manager = Manager {
            refused,
            reason,
            asked: Mutex::default(),
        };
        let outcome = made.undo(&manager).await;
        assert!(made.newest().is_none(), "nothing is undone twice");
        (outcome, manager.asked.into_inner().unwrap())
    }

    const ALL: [&str; 5] = [
        "POST /v1/conversations/3/close",
        "GET /v1/accounts/2",
        "POST /v1/accounts/2/withdrawals",
        "DELETE /v1/accounts/2",
        "DELETE /v1/queues/1",
    ];

    #[tokio::test]
    async fn what_was_made_goes_the_newest_first() {
        assert_eq!(undone("", "").await.1, ALL);
        let (outcome, asked) = undone(ALL[0], "CONVERSATION_CLOSED").await;
        assert_eq!((outcome, asked.len()), (Ok(()), ALL.len()));
    }

    #[tokio::test]
    async fn what_stays_is_told_and_keeps_nothing_else() {
        let (outcome, asked) = undone(ALL[3], "ACCOUNT_HAS_CALLS").await;
        let told = outcome.unwrap_err();
        assert!(told.starts_with("/v1/accounts/2 stays: "), "{told}");
        assert!(told.contains("ACCOUNT_HAS_CALLS"), "{told}");
        assert_eq!(asked, ALL);
    }

    /// Has these customers; a new one is `9`.
    struct Having(&'static [&'static str]);

    #[async_trait]
    impl Ask for Having {
        async fn ask(&self, request: &Request) -> Reply<Response> {
            if request.method == Method::Post {
                return Ok(Response::ok(&json!({"id": "9"})));
            }
            let rows = self.0.iter().map(|id| json!({"id": id}));
            Ok(Response::ok(&rows.collect::<Vec<_>>()))
        }
    }

    /// Refuses everything.
    struct Refusing(fn() -> Error);

    #[async_trait]
    impl Ask for Refusing {
        async fn ask(&self, _: &Request) -> Reply<Response> {
            Ok((self.0)().to_response("did-manager"))
        }
    }

    #[tokio::test]
    async fn whose_a_demo_is_has_to_be_said_and_where_ids_are_is_told() {
        let two = Having(&["1", "2"]);
        let demo = only_or_new(&two, "Demo").await.map(|host| host.id);
        let demo = demo.unwrap_err();
        assert!(demo.contains("--customer: tandem customer list"), "{demo}");
    }

    #[rstest]
    #[case::the_only_one_stays(&["1"], "1", false)]
    #[case::a_new_one_goes_again(&[], "9", true)]
    #[tokio::test]
    async fn a_demo_gives_up_the_customer_that_it_made(
        #[case] having: &'static [&'static str],
        #[case] id: &str,
        #[case] is_new: bool,
    ) {
        let host = only_or_new(&Having(having), "Demo").await.unwrap();
        assert_eq!((host.id.as_str(), host.is_new), (id, is_new));
    }

    #[rstest]
    #[case::nobody(|| Error::not_found("CUSTOMER_NOT_FOUND", "No."), true)]
    #[case::a_key_without_the_scope(|| Error::permission_denied("SCOPE_REQUIRED", "No."), false)]
    #[tokio::test]
    async fn a_demo_for_a_customer_whom_nobody_has_is_refused(
        #[case] refusal: fn() -> Error,
        #[case] is_refused: bool,
    ) {
        let host = known(&Refusing(refusal), Uuid::from_u128(7)).await;
        assert_eq!(host.is_err(), is_refused);
        let told = host.map(|host| host.id).unwrap_or_else(|fault| fault);
        assert_eq!(told.starts_with("404 CUSTOMER_NOT_FOUND"), is_refused);
    }

    #[tokio::test]
    async fn a_customer_that_stays_is_named() {
        let refusing = Refusing(|| Error::not_found("CUSTOMER_NOT_FOUND", "No."));
        let told = give_up(&refusing, "9").await.unwrap_err();
        assert!(told.starts_with("/v1/customers/9 stays: 404"), "{told}");
    }
}
