//! The command as a person meets it, where no manager is needed.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use std::{
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use rstest::rstest;

fn tandem(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(args)
        .current_dir(dir)
        .env_remove("BRIDGE_ACCESS_KEY")
        .env_remove("RABBITMQ_ADDRESS")
        .env_remove("DATABASE_DSN")
        .output()
        .unwrap()
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = tandem(args, dir.path());
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[rstest]
#[case(&["--help"], &["serve", "customer", "key", "request", "listen", "migrate", "backup", "restore", "import", "completions", "Examples:"])]
#[case(&["serve", "--help"], &["--database-dsn", "--rabbitmq-address", "[env: DATABASE_DSN]", "Examples:"])]
#[case(&["request", "--help"], &["--address", "--timeout", "--repeat", "--field", "--idempotency-key", "Examples:"])]
#[case(&["listen", "--help"], &["--pattern", "--json", "Ctrl-C", "RABBITMQ_ADDRESS", "/ws/v1/events", "Examples:"])]
#[case(&["migrate", "--help"], &["up", "down", "status", "create", "--manager", "--database-dsn", "Examples:"])]
#[case(&["migrate", "down", "--help"], &["--yes", "--steps", "rows of dropped tables", "not filled again"])]
#[case(&["backup", "--help"], &["FILE", "--force", "--data-dir", "while it is used", "Examples:"])]
#[case(&["restore", "--help"], &["FILE", "--data-dir", "Stop tandem first", "Examples:"])]
#[case(&["customer", "--help"], &["create", "list", "show", "Examples:"])]
#[case(&["customer", "create", "--help"], &["--timezone", "--daily-cap", "--cooldown", "--dial-prefix", "[default: 75]", "Examples:"])]
#[case(&["key", "--help"], &["create", "list", "revoke", "Examples:"])]
#[case(&["key", "create", "--help"], &["--scope", "did:next", "exchange:sell", "--account", "--expires", "--customer", "--json", "Examples:"])]
#[case(&["import", "dids", "--help"], &["--customer", "--pool", "--update", "cid", "[default: 30s]", "Examples:"])]
#[case(&["export", "dids", "--help"], &["[FILE]", "--customer", "--force", "standard output", "Examples:"])]
#[case(&["import", "targets", "--help"], &["--outdial", "--batch", "--concurrency", "destination_0", "[default: 30s]", "Examples:"])]
fn help_shows_what_there_is(#[case] args: &[&str], #[case] wanted: &[&str]) {
    let (code, out, _) = run(args);
    assert_eq!(code, Some(0));
    for word in wanted {
        assert!(out.contains(word), "{word} is missing in:\n{out}");
    }
}

#[rstest]
#[case(&["--log-level", "loud"], "LOG_LEVEL")]
#[case(&["serve", "--database_dsn", "postgres://u:hunter2@h/d"], "DATABASE_DSN")]
#[case(&["migrate", "status", "--rabbitmq-address", "http://u:hunter2@h"], "RABBITMQ_ADDRESS")]
#[case(&["migrate", "status", "--manager", "nobody"], "--manager")]
#[case(&["request", "Out.dial", "GET", "/"], "outdial-manager")]
#[case(&["request", "outdail", "GET", "/v1/outdials"], "no manager 'outdail'; there are did, outdial, call, chat")]
#[case(&["request", "outdial", "FETCH", "/"], "GET, POST, PUT or DELETE")]
#[case(&["request", "outdial", "POST", "/v1/outdials", "{"], "not JSON")]
#[case(&["request", "outdial", "GET", "/", "--timeout", "soon"], "--timeout")]
#[case(&["request", "outdial", "GET", "/", "--field", "a..b"], "--field")]
#[case(&["request", "outdial", "GET", "/", "--field", "id", "--json"], "--json")]
#[case(&["request", "outdial", "GET", "/", "--customer", "5b1a0000-0000-4000-8000-000000000001"], "--customer")]
#[case(&["backup"], "FILE")]
#[case(&["backup", "x.db"], "DATA_DIR")]
#[case(&["backup", "x.db", "--database-dsn", "mysql://u:hunter2@h/d"], "mariadb-dump")]
#[case(&["restore", "x.db"], "x.db")]
#[case(&["customer", "create"], "--name")]
#[case(&["customer", "create", "--name", "a", "--cooldown", "soon"], "--cooldown")]
#[case(&["customer", "create", "--name", "a", "--number-format", "12"], "--number-format")]
#[case(&["customer", "show", "me"], "not a UUID")]
#[case(&["customer", "list", "--address", "http://127.0.0.1:9"], "http://127.0.0.1:9: ")]
#[case(&["key", "create"], "--name")]
#[case(&["key", "create", "--name", "a", "--scope", "did:everything"], "did:report")]
#[case(&["key", "create", "--name", "a", "--scope", "exchange:sell"], "--account ID")]
#[case(&["key", "create", "--name", "a", "--customer", "1"], "--customer")]
#[case(&["key", "create", "--name", "a", "--address", "amqp://guest:hunter2@127.0.0.1:9"], "amqp://guest:***@127.0.0.1:9: ")]
#[case(&["key", "revoke", "did_12345678"], "tandem key list")]
#[case(&["listen", "outdial", "--address", "http://127.0.0.1:8080"], "broker only")]
#[case(&["listen", "nobody"], "did-manager, outdial-manager, call-manager")]
#[case(&["customer", "show", "--address", "http://127.0.0.1:9"], "start tandem, or say where it is with --address or HTTP_LISTEN_ADDRESS")]
#[case(&["chat", "demo", "--customer", "1"], "--customer")]
#[case(&["chat", "load", "--customer", "1"], "--customer")]
#[case(&["import", "dids", "x.csv"], "x.csv")]
#[case(&["import", "dids", "x.csv", "--pool", "1"], "--pool")]
#[case(&["export", "dids", "no/folder/x.csv"], "no/folder/x.csv")]
#[case(&["export", "dids", "--address", "http://127.0.0.1:9"], "http://127.0.0.1:9: ")]
#[case(&["import", "targets", "--outdial", "1", "x.csv"], "--outdial")]
#[case(&["import", "targets", "--outdial", "5b1a0000-0000-4000-8000-000000000001", "x.csv"], "x.csv")]
fn what_is_wrong_is_named_and_no_secret_told(#[case] args: &[&str], #[case] name: &str) {
    let (code, _, err) = run(args);
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    assert!(err.contains(name), "{err}");
    assert!(!err.contains("hunter2"), "{err}");
}

#[rstest]
#[case(&["--address", "http://127.0.0.1:9"], "http://127.0.0.1:9")]
#[case(&["--address", "http://127.0.0.1:9", "--repeat", "2", "--json"], "")]
#[case(&["--address", "amqp://guest:hunter2@127.0.0.1:9"], "amqp://guest:***@127.0.0.1:9")]
fn a_dead_address_is_told_within_seconds(#[case] given: &[&str], #[case] shown: &str) {
    let began = Instant::now();
    let (code, _, err) = run(&[&["request", "outdial", "GET", "/v1/outdials"], given].concat());
    assert_eq!(code, Some(1));
    assert!(err.contains(shown), "{err}");
    assert!(!err.contains("hunter2"), "{err}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn listening_at_a_dead_address_ends_with_its_reason() {
    let (code, _, err) = run(&["listen", "outdial", "--address", "amqp://127.0.0.1:9"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot be reached"), "{err}");
}

#[test]
fn a_taken_port_of_a_manager_ends_the_start_in_one_line() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = run(&[
        "serve",
        "--sip-listen-address",
        &address,
        "--http-listen-address",
        "127.0.0.1:0",
        "--prometheus-listen-address",
        "127.0.0.1:0",
    ]);
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    let told = format!("error: SIP_LISTEN_ADDRESS: cannot listen on {address}");
    assert!(err.starts_with(&told), "{err}");
}

#[rstest]
#[case(&["missed-call", "demo"])]
#[case(&["migrate", "status", "--data-dir", "data"])]
#[case(&["plan", "--calls-per-hour", "5"])]
fn a_reader_who_has_seen_enough_is_no_failure(#[case] args: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(args)
        .current_dir(dir.path())
        .env_remove("DATABASE_DSN")
        .stdout(writer)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_copy_into_a_folder_that_is_not_there_names_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        tandem(&["migrate", "up", "--manager", "outdial"], dir.path())
            .status
            .success()
    );
    let output = tandem(&["backup", "nowhere/x.db"], dir.path());
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.starts_with("error: nowhere: No such file"), "{err}");
}

#[test]
fn an_export_replaces_nothing_unasked() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "mine").unwrap();
    let export = |more: &[&str]| {
        let args = [
            &["export", "dids", "a.csv", "--address", "http://127.0.0.1:9"],
            more,
        ]
        .concat();
        let output = tandem(&args, dir.path());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let err = export(&[]);
    assert!(
        err.starts_with("error: a.csv: is there already") && err.contains("--force"),
        "{err}"
    );
    let err = export(&["--force"]);
    assert!(err.contains("http://127.0.0.1:9: "), "{err}");
    let kept = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn an_import_reads_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["import", "dids", "-", "--address", "http://127.0.0.1:9"])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // No column with numbers: nothing is sent.
    let rows = b"front,desk\nx,y\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), rows).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("error: standard input: "), "{err}");
    assert!(err.contains("nothing was imported"), "{err}");
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
fn completions_know_the_commands(#[case] shell: &str) {
    let (code, out, _) = run(&["completions", shell]);
    assert_eq!(code, Some(0));
    assert!(out.contains("import") && out.contains("idempotency-key"));
}

#[test]
fn a_new_migration_has_the_next_number_in_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let create = |args: &[&str]| {
        let output = tandem(&[&["migrate", "create"], args].concat(), dir.path());
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    for (args, file) in [
        (
            &["add_priority"] as &[&str],
            "migrations/1001_add_priority.sql",
        ),
        (&["add priority!"], "migrations/1002_add_priority_.sql"),
        (
            &["other", "--dir", "elsewhere/migrations"],
            "elsewhere/migrations/1001_other.sql",
        ),
    ] {
        assert_eq!(create(args).trim_end(), file);
        let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(text.contains("\n-- down\n"), "{text}");
    }
    let said: serde_json::Value = serde_json::from_str(&create(&["more", "--json"])).unwrap();
    assert_eq!(
        said,
        serde_json::json!({"created": ["migrations/1003_more.sql"]})
    );
    let files = std::fs::read_dir(dir.path().join("migrations")).unwrap();
    assert_eq!(files.count(), 3);
}

#[test]
fn the_last_line_of_a_status_has_its_sums() {
    let dir = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let args = [&["migrate"], args, &["--data-dir", "data"]].concat();
        let output = tandem(&args, dir.path());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    said(&["up", "--manager", "outdial"]);
    let table = said(&["status"]);
    let mut lines: Vec<_> = table.lines().collect();
    let last = lines.pop().unwrap();
    let marked = |mark: &str| {
        let words = lines.iter().map(|line| line.split_whitespace().nth(2));
        words.filter(|word| *word == Some(mark)).count()
    };
    let (applied, missing) = (marked("applied"), marked("missing"));
    assert_eq!(last, format!("{applied} applied, {missing} missing"));
    assert!(applied > 0 && missing > 0, "{table}");
    assert_eq!(applied + missing, lines.len(), "{table}");
    for line in said(&["status", "--json"]).lines() {
        let of: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(of["migrations"].is_array(), "{line}");
    }
}

#[test]
fn a_step_down_is_done_only_where_it_is_meant_and_nobody_else_is_on_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let migrate = |args: &[&str]| {
        let args = [
            &["migrate", "--manager", "outdial", "--data-dir", "data"],
            args,
        ]
        .concat();
        let output = tandem(&args, dir.path());
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert!(migrate(&["up"]).0);
    let before = migrate(&["status"]).1;

    let (is_done, listed, err) = migrate(&["down"]);
    assert!(!is_done && err.contains("--yes"), "{err}");
    assert!(
        listed.contains(": drops outdial_") && listed.contains(" (0 rows)"),
        "{listed}"
    );
    assert_eq!(migrate(&["status"]).1, before);

    // As a daemon holds it.
    let lock = std::fs::File::options()
        .write(true)
        .open(dir.path().join("data/tandem.lock"))
        .unwrap();
    lock.lock().unwrap();
    let (is_done, _, err) = migrate(&["down", "--yes"]);
    assert!(
        !is_done && err.contains("in use by another process"),
        "{err}"
    );
    assert_eq!(migrate(&["status"]).1, before);
    drop(lock);

    let (is_done, said, err) = migrate(&["down", "--yes"]);
    assert!(is_done, "{err}");
    assert_eq!(said, "outdial-manager: 1 reverted\n");
    assert_ne!(migrate(&["status"]).1, before);
}

#[test]
fn an_import_that_reaches_nobody_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("a.csv"),
        "destination_0\n+14155550123\nnope\n",
    )
    .unwrap();
    let outdial = "5b1a0000-0000-4000-8000-000000000001";
    let address = "http://127.0.0.1:9";
    let args = [
        "import",
        "targets",
        "--outdial",
        outdial,
        "a.csv",
        "--address",
        address,
    ];
    let output = tandem(&args, dir.path());
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.starts_with("0 created, 0 skipped (key seen before), 1 bad"),
        "{out}"
    );
    assert!(
        err.contains("line 3: destination_0 is not a phone number") && err.contains("--run "),
        "{err}"
    );
}
