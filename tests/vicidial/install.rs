//! The installer, into a folder.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rstest::rstest;
use tempfile::TempDir;

use crate::{
    asterisk::KEY,
    stub::{
        Say::{self, All},
        Stub, nobody,
    },
};

const HEALTHY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";
const NUMBER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n+14155550123";
const GOOD: [Say; 2] = [All(HEALTHY), All(NUMBER)];

/// A dialer's file system.
struct Dialer(TempDir);

impl Dialer {
    fn new() -> Self {
        let dialer = Self(TempDir::new().unwrap());
        fs::create_dir_all(dialer.agi().parent().unwrap()).unwrap();
        dialer
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn agi(&self) -> PathBuf {
        self.path("var/lib/asterisk/agi-bin/tandem.agi")
    }

    fn settings(&self) -> PathBuf {
        self.path("etc/tandem-agi.conf")
    }

    /// Its exit code, and everything it says.
    fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/vicidial/install");
        let mut child = Command::new(install)
            .args(arguments)
            .env("DESTDIR", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who does not ask does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains(KEY), "{said}");
        (output.status.code(), said)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_installs_checks_and_says_what_is_next() {
    let (dialer, stub) = (Dialer::new(), Stub::new(&GOOD));
    let (code, said) = dialer.run(&["--url", &stub.url], &format!("{KEY}\n"));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("ends in 0123") && said.contains("AGI(tandem.agi,next-did,"),
        "{said}"
    );
    assert_eq!(
        (mode(&dialer.agi()), mode(&dialer.settings())),
        (0o755, 0o640)
    );
    let settings = fs::read_to_string(dialer.settings()).unwrap();
    assert!(
        settings.contains(&format!("url = {}\nkey = {KEY}\n", stub.url)),
        "{settings}"
    );
}

#[test]
fn a_second_time_keeps_the_settings_and_asks_nothing() {
    let (dialer, stub) = (Dialer::new(), Stub::new(&[GOOD, GOOD].concat()));
    dialer.run(&["--url", &stub.url], KEY);
    let settings = fs::read(dialer.settings()).unwrap();
    fs::write(dialer.agi(), "older").unwrap();
    let (code, said) = dialer.run(&[], "");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read(dialer.settings()).unwrap(), settings);
    assert!(
        fs::read_to_string(dialer.agi())
            .unwrap()
            .starts_with("#!/usr/bin/perl")
    );
    assert_eq!(fs::read_dir(dialer.path("etc")).unwrap().count(), 1);
}

#[test]
fn a_name_is_looked_up_once() {
    let (dialer, stub) = (Dialer::new(), Stub::new(&GOOD));
    let url = stub.url.replace("127.0.0.1", "localhost");
    let (code, said) = dialer.run(&["--url", &url], KEY);
    assert_eq!(code, Some(0), "{said}");
    let settings = fs::read_to_string(dialer.settings()).unwrap();
    assert!(
        settings.contains(&format!("\nurl = {}\n", stub.url)),
        "{settings}"
    );
}

#[test]
fn a_bridge_that_is_away_is_told_and_may_come_later() {
    let dialer = Dialer::new();
    let (code, said) = dialer.run(&["--url", &nobody()], KEY);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("does not answer") && said.contains("own caller ID"),
        "{said}"
    );
    assert!(dialer.agi().exists() && dialer.settings().exists());
}

#[rstest]
#[case::no_url(&[], KEY, "--url http://")]
#[case::empty_url(&["--url"], KEY, "--url needs an address")]
#[case::tls(&["--url", "https://10.0.0.1"], KEY, "there is no https")]
#[case::a_command(&["--url", "http://10.0.0.1/$(id)"], KEY, "write it like")]
#[case::unknown_name(&["--url", "http://no.such.name.invalid:1"], KEY, "has no address")]
#[case::no_key(&["--url", "http://127.0.0.1:1"], "", "no access key")]
#[case::another_key(&["--url", "http://127.0.0.1:1"], "tandem_0123456789", "no access key")]
#[case::unknown_flag(&["--key", "x"], "", "--help explains")]
fn what_is_wrong_is_said_before_anything_is_written(
    #[case] arguments: &[&str],
    #[case] input: &str,
    #[case] fault: &str,
) {
    let dialer = Dialer::new();
    let (code, said) = dialer.run(arguments, input);
    assert_eq!((code, said.contains(fault)), (Some(1), true), "{said}");
    assert!(!dialer.agi().exists() && !dialer.settings().exists());
}

#[test]
fn a_machine_without_asterisk_is_no_dialer() {
    let dialer = Dialer::new();
    fs::remove_dir(dialer.agi().parent().unwrap()).unwrap();
    let (code, said) = dialer.run(&["--url", "http://127.0.0.1:1"], KEY);
    assert_eq!(
        (code, said.contains("is this the dialer?")),
        (Some(1), true),
        "{said}"
    );
}

#[test]
fn uninstalling_leaves_nothing_and_may_be_repeated() {
    let (dialer, stub) = (Dialer::new(), Stub::new(&GOOD));
    dialer.run(&["--url", &stub.url], KEY);
    for _ in 0..2 {
        let (code, said) = dialer.run(&["--uninstall"], "");
        assert_eq!(
            (code, said.contains("remove them")),
            (Some(0), true),
            "{said}"
        );
        assert!(!dialer.agi().exists() && !dialer.settings().exists());
    }
}

#[test]
fn help_explains() {
    let (code, said) = Dialer::new().run(&["--help"], "");
    assert_eq!(code, Some(0));
    for word in ["--url", "--uninstall", "DESTDIR"] {
        assert!(said.contains(word), "{said}");
    }
}
