//! Backup and restore as a person meets them, with a daemon that runs meanwhile.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a daemon may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

fn tandem(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command
        .args(args)
        .current_dir(dir)
        .env_remove("DATABASE_DSN")
        .env_remove("RABBITMQ_ADDRESS");
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    tandem(dir, args).output().unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

struct Daemon(Child);

impl Daemon {
    /// Starts one and waits until it serves, which its database tells.
    fn start(dir: &Path) -> Self {
        let args = [
            "serve",
            "--http-listen-address",
            "127.0.0.1:0",
            "--prometheus-listen-address",
            "127.0.0.1:0",
        ];
        let child = tandem(dir, &args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self(child);
        let end = Instant::now() + PATIENCE;
        while !run(dir, &["backup", "--force", "probe.db"])
            .status
            .success()
        {
            assert!(Instant::now() < end, "the daemon did not come up");
            thread::sleep(Duration::from_millis(50));
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_database_is_copied_and_put_back_only_when_nobody_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let daemon = Daemon::start(dir);
    let copied = run(dir, &["backup", "copy.db"]);
    assert!(copied.status.success(), "{}", said(&copied));

    let again = run(dir, &["backup", "copy.db"]);
    assert!(
        !again.status.success() && said(&again).contains("--force"),
        "{}",
        said(&again)
    );

    let used = run(dir, &["restore", "copy.db"]);
    assert!(!used.status.success(), "{}", said(&used));
    assert!(
        said(&used).contains("in use by another process"),
        "{}",
        said(&used)
    );

    drop(daemon);
    let restored = run(dir, &["restore", "copy.db"]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(
        said(&restored).contains(".replaced-"),
        "{}",
        said(&restored)
    );
    // The schema of the copy is the schema of the program: a daemon starts on it.
    drop(Daemon::start(dir));
}
