//! From an empty folder to a number for a call, with nothing but the commands of this program.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");
/// How long something may take that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// `tandem` serving from a folder of its own.
struct Installation {
    dir: TempDir,
    served: Child,
    address: String,
}

/// How a command ended, and what it said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Installation {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut served = command(dir.path())
            .args(["serve", "--http-listen-address", "127.0.0.1:0"])
            .args([
                "--prometheus-listen-address",
                "127.0.0.1:0",
                "--log-level",
                "error",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, url) = line.split_once("bridge ")?;
                url.trim().strip_suffix("/v1/…").map(str::to_owned)
            })
            .expect("it says where the bridge listens");
        // Whatever it goes on to say needs a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            dir,
            served,
            address,
        }
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = command(self.dir.path());
        let output = command
            .args(args)
            .args(["--address", &self.address])
            .output()
            .unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output of a command that must succeed.
    fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
        said.out
    }

    fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["--json"]].concat());
        assert_eq!(out.lines().count(), 1, "{out}");
        serde_json::from_str(&out).unwrap()
    }

    /// A request with an access key: its status line, or nothing when it went well.
    fn refusal(&self, key: &str, uri: &str) -> String {
        let said = self.run(&["request", "did", "GET", uri, "--key", key]);
        assert!(matches!(said.code, Some(0 | 1)), "{}", said.err);
        said.err
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = self.served.kill();
        let _ = self.served.wait();
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(TANDEM);
    command.current_dir(dir);
    for name in [
        "BRIDGE_ACCESS_KEY",
        "RABBITMQ_ADDRESS",
        "DATABASE_DSN",
        "REDIS_ADDRESS",
        "DATA_DIR",
    ] {
        command.env_remove(name);
    }
    command
}

fn until(what: &str, mut check: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !check() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_customer_a_key_numbers_and_a_call() {
    let here = Installation::start();
    let none = here.run(&["key", "create", "--name", "early"]);
    assert!(
        none.err.contains("NO_CUSTOMER") && none.err.contains("tandem customer create"),
        "{}",
        none.err
    );
    let said = here.ok(&[
        "customer",
        "create",
        "--name",
        "Acme",
        "--timezone",
        "America/New_York",
        "--daily-cap",
        "3",
    ]);
    let id = said.split_whitespace().next().unwrap().to_owned();
    assert!(
        said.contains(&format!("tandem key create --customer {id}")),
        "{said}"
    );
    let table = here.ok(&["customer", "list"]);
    assert!(
        table.starts_with("ID ") && table.contains(&id) && table.contains("Acme"),
        "{table}"
    );
    let shown = here.ok(&["customer", "show"]);
    assert!(
        shown
            .lines()
            .any(|line| line.starts_with("did_daily_cap") && line.ends_with(" 3")),
        "{shown}"
    );

    here.write(
        "numbers.csv",
        "cid\n2125550001\n2125550002\n\n2125550001\nnone\n",
    );
    let said = here.run(&["import", "dids", "numbers.csv"]);
    assert_eq!(said.code, Some(1), "a row is bad");
    assert!(
        said.out
            .starts_with("2 created, 0 updated, 1 duplicates, 0 blank, 1 bad;"),
        "{}",
        said.out
    );
    assert!(said.err.contains("row 6: "), "{}", said.err);

    let said = here.ok(&["key", "create", "--name", "dialer 1"]);
    let token = said
        .split_whitespace()
        .find(|word| word.len() == 68)
        .unwrap();
    let line = format!(
        "curl -sS --fail-with-body -H 'x-api-key: {token}' '{}/api/v1/dids/next?",
        here.address
    );
    assert!(said.contains(&line), "{said}");
    let uri = "/v1/dids/next?campaign_id=TEST&customer_phone=2125550123";
    let given = here.ok(&["request", "did", "GET", uri, "--key", token]);
    let given: serde_json::Value = serde_json::from_str(&given).unwrap();
    let number = given["did"]["number"].as_str().unwrap();
    assert!(number.starts_with("+1212555000"), "{given}");
    assert_eq!(given["did"], given["data"], "older scripts look there");
    let refusal = here.refusal(token, "/v1/dids");
    assert!(refusal.contains("403 SCOPE_REQUIRED"), "{refusal}");

    let keys = here.ok(&["key", "list", "--customer", &id]);
    let prefix = token.get(..12).unwrap();
    assert!(keys.contains(prefix) && !keys.contains(token), "{keys}");
    let key = keys
        .lines()
        .last()
        .and_then(|line| line.split(' ').next())
        .unwrap();
    let gone = here.ok(&["key", "revoke", key]);
    assert!(
        gone.contains("dialer 1") && gone.contains("is revoked"),
        "{gone}"
    );
    until("the key is refused", || {
        here.refusal(token, uri).contains("401 invalid_api_key")
    });
    assert_eq!(here.json(&["key", "list"]), serde_json::json!([]));
}

#[test]
fn a_demonstration_takes_away_what_it_made() {
    let here = Installation::start();
    for (name, last) in [("exchange", "the exchange"), ("chat", "closes the chat")] {
        let said = here.ok(&[name, "demo"]);
        assert!(said.contains(last), "{said}");
    }
    for (manager, list, stays) in [
        ("did", "accesskeys", false),
        ("chat", "agents", false),
        ("chat", "queues", false),
        ("chat", "widgets", false),
        ("chat", "conversations", true),
        ("call", "accounts", false),
        ("call", "call_campaigns", false),
        ("call", "bid_profiles", false),
        ("call", "calls", true),
    ] {
        let rows = here.ok(&["request", manager, "GET", &format!("/v1/{list}")]);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        let mut rows = rows.as_array().unwrap().iter();
        let is_there = rows.any(|row| row["tm_delete"].is_null());
        assert_eq!(is_there, stays, "{list}");
    }
}

#[test]
fn what_was_exported_can_be_edited_and_imported() {
    let here = Installation::start();
    let customer = here.json(&["customer", "create", "--name", "Acme"]);
    let id = customer["id"].as_str().unwrap();
    here.write(
        "numbers.json",
        r#"[{"number": "+12125550001", "description": "=1+1, \"x\"", "tags": ["a", "b"]}, "2125550002"]"#,
    );
    let made = here.json(&["import", "dids", "numbers.json", "--customer", id]);
    assert_eq!((&made["created"], &made["bad"]), (&2.into(), &0.into()));
    here.ok(&["export", "dids", "out.csv"]);
    let file = here.read("out.csv");
    assert!(file.starts_with("number,status,"), "{file}");
    assert_eq!(file.lines().count(), 3, "{file}");
    assert!(!here.dir.path().join("out.csv.part").exists());
    assert_eq!(here.ok(&["export", "dids", "--customer", id]), file);

    let again = here.json(&["import", "dids", "out.csv"]);
    assert_eq!(
        (&again["created"], &again["duplicates"]),
        (&0.into(), &2.into())
    );
    let same = here.json(&["import", "dids", "out.csv", "--update"]);
    assert_eq!(same["updated"], 0, "nothing was lost on the way");
    here.write(
        "edited.csv",
        "number,carrier\n2125550001,acme\n2125550002,\n",
    );
    let edited = here.json(&["import", "dids", "edited.csv", "--update"]);
    assert_eq!(
        (&edited["updated"], &edited["duplicates"]),
        (&1.into(), &1.into())
    );
    assert!(here.ok(&["export", "dids"]).contains("acme"));

    // A list that is empty by mistake is not taken for renewed.
    here.write("empty.csv", "phone\n");
    let list = ["import", "dnc", "empty.csv", "--list", "federal"];
    let said = here.run(&[&list[..], &["--customer", id]].concat());
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("it has no rows"), "{}", said.err);

    // A script takes one field, and nothing in its place.
    let field = |uri: &str, name: &str| here.run(&["request", "did", "GET", uri, "--field", name]);
    let uri = format!("/v1/customers/{id}");
    assert_eq!(field(&uri, "id").out, format!("{id}\n"));
    let nobody = "/v1/customers/5b1a0000-0000-4000-8000-000000000001";
    for (uri, name, why) in [
        (&*uri, "ids", "no field 'ids' in the answer: there are "),
        (nobody, "id", "404"),
    ] {
        let said = field(uri, name);
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{name}");
        assert!(said.err.contains(why), "{}", said.err);
    }

    here.json(&["customer", "create", "--name", "Other"]);
    let said = here.run(&["request", "did", "POST", "/v1/didpools", r#"{"name": "a"}"#]);
    let hint = "(customer_id in the query or body; tandem customer list";
    assert!(said.err.contains(hint), "{}", said.err);
    let said = here.run(&["import", "dids", "out.csv"]);
    assert!(
        said.err.contains("CUSTOMER_REQUIRED") && said.err.contains("tandem customer list"),
        "{}",
        said.err
    );
}
