//! Asking for one thing, or for every row of a list, and reading the reply.

use std::{error::Error, path::Path, process::ExitCode};

use bin_common_handler::{
    daemon::block_on,
    models::{
        error::Error as Refusal,
        sock::{Method, Request, Response},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Ask, Client, Options};
use crate::settings;

/// Rows of one page: as many as a manager gives at once.
const PAGE_SIZE: usize = 1_000;
/// Rows that are read at most: what is longer is no list for people.
const ROWS_MAX: usize = 100_000;

/// Does `work` with a way to `manager`; its failure is told with the address.
///
/// # Errors
/// Whatever the work says, or why there is no way.
pub fn with_client<T>(
    options: &Options,
    manager: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, String>,
) -> Result<T, Box<dyn Error>> {
    let client = Client::open(options, manager)?;
    let mut outcome = Err("nothing was asked".to_owned());
    block_on(async {
        outcome = work(&client).await;
        ExitCode::SUCCESS
    });
    outcome.map_err(|fault| format!("{}: {fault}", options.address).into())
}

/// Asks once; the body of the reply.
///
/// # Errors
/// The refusal in one line, or that no reply came.
pub async fn fetch(
    ask: &impl Ask,
    method: Method,
    uri: &str,
    body: Option<&(impl Serialize + Sync)>,
) -> Result<Value, String> {
    let mut request = Request::new(method, uri, "tandem");
    if let Some(body) = body {
        request = request.json(body).map_err(|fault| fault.to_string())?;
    }
    let reply = ask.ask(&request).await.map_err(|fault| told(&fault))?;
    if reply.status_code >= 400 {
        return Err(status_line(&reply));
    }
    serde_json::from_str(reply.body()).map_err(not_understood)
}

/// As [`fetch`] without a body, read as a `T`.
///
/// # Errors
/// As [`fetch`], or when the reply is something else.
pub async fn get<T: DeserializeOwned>(ask: &impl Ask, uri: &str) -> Result<T, String> {
    let value = fetch(ask, Method::Get, uri, None::<&()>).await?;
    serde_json::from_value(value).map_err(not_understood)
}

/// Every row of a list, newest first. `uri` has a query already.
///
/// # Errors
/// As [`fetch`], or when there are more rows than anybody reads.
pub async fn rows(ask: &impl Ask, uri: &str) -> Result<Vec<Value>, String> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = format!("{uri}&page_size={PAGE_SIZE}&page_token={token}");
        let page: Vec<Value> = get(ask, &page).await?;
        let is_last = page.len() < PAGE_SIZE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
        if all.len() > ROWS_MAX {
            return Err(format!("there are more than {ROWS_MAX} rows"));
        }
        let time = all.last().and_then(|row| row.get("tm_create")?.as_str());
        time.ok_or("a row does not say when it was made")?
            .clone_into(&mut token);
    }
}

/// Says that a reply is something else than was asked for.
pub fn not_understood(fault: impl std::fmt::Display) -> String {
    format!("the reply is not understood: {fault}")
}

fn told(fault: &Refusal) -> String {
    fault.to_string()
}

/// E.g. `404 OUTDIAL_NOT_FOUND: The outdial was not found.`, and which flag helps.
pub fn status_line(response: &Response) -> String {
    line_with(
        response,
        "--customer ID, or customer_id in the query or body",
    )
}

/// As [`status_line`], where no flag names the customer: that of `tandem request` is for brokers.
pub fn status_line_without_flag(response: &Response) -> String {
    line_with(response, "customer_id in the query or body")
}

/// A refusal in one line; `naming` is how a customer is named.
fn line_with(response: &Response, naming: &str) -> String {
    let body: Value = serde_json::from_str(response.body()).unwrap_or_default();
    let text = |key| body.get(key).and_then(Value::as_str);
    let mut line = response.status_code.to_string();
    // A dialer's routes have flat errors, and their own word for what is wrong.
    let named = text("error").or(text("reason"));
    if let (Some(reason), Some(message)) = (named, text("message")) {
        line = format!("{line} {reason}: {message}");
    }
    let hint = match (response.status_code, text("reason")) {
        (401, _) => {
            let file = key_file().unwrap_or_default();
            format!(" (the key comes from --key, BRIDGE_ACCESS_KEY or DATA_DIR/bridge.key{file})")
        }
        (_, Some("CUSTOMER_REQUIRED")) => {
            format!(" ({naming}; tandem customer list shows the ids)")
        }
        _ => String::new(),
    };
    line + &hint
}

/// Which file has the key here; none where the settings are wrong.
fn key_file() -> Option<String> {
    let config = settings::without_flags().ok()?;
    Some(place(&config.data_dir().join("bridge.key")))
}

/// A file in full, and whether it is there: a wrong DATA_DIR, or folder, is seen by that.
fn place(file: &Path) -> String {
    let is = if file.exists() { "is" } else { "is not" };
    let full = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    format!(", here {}, which {is} there", full.display())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bin_common_handler::models::error::Result as Reply;
    use serde_json::json;

    use super::*;

    /// Has `count` rows, made at different times.
    struct Rows {
        count: usize,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Ask for Rows {
        async fn ask(&self, request: &Request) -> Reply<Response> {
            self.asked.lock().unwrap().push(request.uri.clone());
            let (_, token) = request.uri.rsplit_once('=').unwrap();
            let first = token.parse::<usize>().map_or(0, |last| last + 1);
            let page = (first..self.count.min(first + PAGE_SIZE))
                .map(|row| json!({"tm_create": row.to_string()}));
            Ok(Response::ok(&page.collect::<Vec<_>>()))
        }
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        for count in [0, 1, 999, 1_000, 2_500] {
            let server = Rows {
                count,
                asked: Mutex::default(),
            };
            let all = rows(&server, "/v1/things?deleted=false").await.unwrap();
            assert_eq!(all.len(), count);
            let asked = server.asked.into_inner().unwrap();
            assert_eq!(asked.len(), count / PAGE_SIZE + 1, "{count}");
            assert_eq!(
                asked.first().unwrap(),
                "/v1/things?deleted=false&page_size=1000&page_token="
            );
        }
    }

    #[test]
    fn whoever_names_no_customer_hears_what_works() {
        let error = Refusal::invalid_argument("CUSTOMER_REQUIRED", "Name the customer.");
        let reply = error.to_response("did-manager");
        let with_flag = status_line(&reply);
        assert!(
            with_flag.contains("(--customer ID, or customer_id in"),
            "{with_flag}"
        );
        let without = status_line_without_flag(&reply);
        assert!(
            without.contains("(customer_id in the query or body; "),
            "{without}"
        );
    }

    #[test]
    fn whose_key_is_wrong_hears_where_it_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bridge.key");
        let full = file.display();
        assert_eq!(place(&file), format!(", here {full}, which is not there"));
        std::fs::write(&file, "key").unwrap();
        assert_eq!(place(&file), format!(", here {full}, which is there"));
        assert!(place(Path::new("data/bridge.key")).starts_with(", here /"));
        let reply = Refusal::unauthenticated("INVALID_KEY", "No.").to_response("http-bridge");
        let told = status_line(&reply);
        assert!(told.contains("DATA_DIR/bridge.key, here /"), "{told}");
    }

    #[test]
    fn a_failure_is_told_in_one_line() {
        let error = Refusal::not_found("OUTDIAL_NOT_FOUND", "The outdial was not found.");
        assert_eq!(
            status_line(&error.to_response("outdial-manager")),
            "404 OUTDIAL_NOT_FOUND: The outdial was not found."
        );
        let flat = json!({"success": false, "error": "no_did_available", "message": "No.", "reason": "cooling"});
        let reply = Response::with(503, Response::ERROR_TYPE, &flat);
        assert_eq!(status_line(&reply), "503 no_did_available: No.");
    }
}
