//! Asterisk, as a script meets it: an environment, then one reply for each command.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The key in every script's settings.
pub const KEY: &str = "did_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// VICIdial's id of the call, which the caller's name must keep.
pub const CALL_ID: &str = "V1201122450000012345";
/// The channel's id.
pub const UNIQUEID: &str = "1763000000.42";
/// Whom the call is for, with the dialer's prefix.
pub const DIALLED: &str = "914155559876";

/// A channel, the settings of its scripts, and how Asterisk behaves.
pub struct Asterisk {
    dir: TempDir,
    environment: Vec<(&'static str, String)>,
    /// What `GET VARIABLE` finds and `SET VARIABLE` changes.
    pub variables: HashMap<String, String>,
    /// The channel hangs up before this command is answered.
    pub leaves_before: Option<&'static str>,
    /// This command is refused, in several lines.
    pub refuses: Option<&'static str>,
}

/// What a script did.
#[derive(Debug)]
pub struct Ran {
    /// Its commands, in order.
    pub commands: Vec<String>,
    /// From its start to its end.
    pub took: Duration,
    pub code: Option<i32>,
    pub stderr: String,
}

/// A script that runs, and has met its channel.
pub struct Running {
    child: Child,
    input: ChildStdin,
    started: Instant,
}

pub fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/vicidial/tandem.agi")
}

impl Asterisk {
    /// An outbound call of VICIdial, before it is dialled; Tandem is said to be at `url`.
    pub fn new(url: &str) -> Self {
        let asterisk = Self {
            dir: TempDir::new().unwrap(),
            environment: vec![
                ("request", "tandem.agi".to_owned()),
                (
                    "channel",
                    "Local/914155559876@default-0000002a;2".to_owned(),
                ),
                ("uniqueid", UNIQUEID.to_owned()),
                ("callerid", "2125550100".to_owned()),
                ("calleridname", CALL_ID.to_owned()),
                ("extension", DIALLED.to_owned()),
            ],
            variables: HashMap::from([
                ("CALLERID(num)".to_owned(), "2125550100".to_owned()),
                ("CALLERID(name)".to_owned(), CALL_ID.to_owned()),
            ]),
            leaves_before: None,
            refuses: None,
        };
        asterisk.settings(&format!("# Tandem\nurl = {url}\n\nkey={KEY}\n"));
        asterisk
    }

    /// Replaces the settings of the scripts.
    pub fn settings(&self, text: &str) {
        std::fs::write(self.settings_path(), text).unwrap();
    }

    pub fn settings_path(&self) -> PathBuf {
        self.dir.path().join("tandem-agi.conf")
    }

    /// Changes what a script is told at its start.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// Runs a script to its end.
    pub fn run(&mut self, arguments: &[&str]) -> Ran {
        let running = self.start(arguments);
        self.finish(running)
    }

    /// Starts a script and tells it of its channel.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let started = Instant::now();
        let mut child = Command::new("perl")
            .arg("-w")
            .arg(script())
            .args(arguments)
            .env("TANDEM_AGI_CONF", self.settings_path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut text = String::new();
        for (name, value) in &self.environment {
            text.push_str(&format!("agi_{name}: {value}\n"));
        }
        // Who has no use for it does not read it.
        let _ = input.write_all(format!("{text}\n").as_bytes());
        Running {
            child,
            input,
            started,
        }
    }

    /// Answers every command until the script ends.
    pub fn finish(&mut self, running: Running) -> Ran {
        let Running {
            mut child,
            input,
            started,
        } = running;
        let mut input = Some(input);
        let mut commands = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let leaves = self.leaves_before.is_some_and(|it| line.starts_with(it));
            if leaves {
                input = None;
            }
            let reply = self.reply(&line);
            commands.push(line);
            if let Some(input) = &mut input {
                // A script may end without waiting for the last reply.
                let _ = input.write_all(reply.as_bytes());
            }
        }
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        Ran {
            commands,
            took: started.elapsed(),
            code: status.code(),
            stderr,
        }
    }

    /// A reply as Asterisk gives it; anything that is no command of AGI is a fault.
    fn reply(&mut self, line: &str) -> String {
        if self.refuses.is_some_and(|it| line.starts_with(it)) {
            return "520-Invalid command syntax.  Proper usage follows:\nUsage: x\n520 End of proper usage.\n"
                .to_owned();
        }
        if let Some(name) = line.strip_prefix("GET VARIABLE ") {
            return match self.variables.get(name) {
                Some(value) => format!("200 result=1 ({value})\n"),
                None => "200 result=0\n".to_owned(),
            };
        }
        if let Some(rest) = line.strip_prefix("SET VARIABLE ") {
            let (name, value) = rest.split_once(' ').unwrap();
            self.variables.insert(name.to_owned(), unquoted(value));
            return "200 result=1\n".to_owned();
        }
        let told = line
            .strip_prefix("VERBOSE ")
            .unwrap_or_else(|| panic!("no command: {line}"));
        let text = unquoted(told.strip_suffix(" 3").unwrap());
        assert!(longest_number(&text) < 7, "a number in the log: {text}");
        "200 result=1\n".to_owned()
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code when nobody hears what it says.
    pub fn abandoned(mut self) -> Option<i32> {
        drop(self.child.stdout.take());
        self.child.wait().unwrap().code()
    }
}

impl Ran {
    /// Ended well and quietly.
    pub fn assert_well(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
    }
}

/// As Asterisk reads an argument in quotes.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let mut chars = inner
        .unwrap_or_else(|| panic!("not in quotes: {text}"))
        .chars();
    let mut value = String::new();
    while let Some(c) = chars.next() {
        assert_ne!(c, '"', "a quote within quotes: {text}");
        value.push(if c == '\\' { chars.next().unwrap() } else { c });
    }
    value
}

fn longest_number(text: &str) -> usize {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.map(str::len).max().unwrap_or_default()
}
