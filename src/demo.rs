//! What demonstrations share: what they say of themselves, and what they made and take away again, also where they
//! broke off.

use std::sync::{Mutex, PoisonError};

use bin_common_handler::models::sock::Method;
use serde_json::{Value, json};

use crate::{
    client::{Ask, fetch, get},
    output,
};

/// Says something of the demonstration itself, on lines of its own.
///
/// # Errors
/// When nobody reads any more.
pub fn tell(text: &str) -> Result<(), String> {
    output::line(text).map_err(|fault| fault.to_string())
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
}
