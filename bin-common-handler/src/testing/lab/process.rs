//! Processes that never outlive the tests, whatever becomes of these.

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use crate::ids;

/// One folder for everything, and a watchdog that kills what is left and removes it when this process ends:
/// it reads from a pipe whose other end only this process holds.
struct Yard {
    dir: PathBuf,
    _watchdog: Child,
}

const WATCHDOG: &str = r#"
read -r _
for mark in "$1"/groups/*; do kill -s KILL -- "-$(basename "$mark")"; done 2>/dev/null
rm -rf "$1"
"#;

fn yard() -> &'static Yard {
    static YARD: OnceLock<Yard> = OnceLock::new();
    YARD.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("tandem-faults-{}", ids::next().simple()));
        fs::create_dir_all(dir.join("groups")).expect("a folder");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        Yard {
            dir,
            _watchdog: watchdog,
        }
    })
}

/// A folder for `name`, gone with this process.
pub(super) fn folder(name: &str) -> PathBuf {
    let dir = yard().dir.join(name);
    fs::create_dir_all(&dir).expect("a folder");
    dir
}

/// The program `file` as it is now, kept in the folder: a build beside the tests may replace it.
pub(super) fn keep(file: &str) -> PathBuf {
    let path = Path::new(file);
    let kept = folder("programs").join(path.file_name().expect("a program's name"));
    if !kept.exists() && fs::hard_link(path, &kept).is_err() {
        fs::copy(path, &kept).expect("a copy of the program");
    }
    kept
}

/// A process with its group; killed with this value.
pub(super) struct Process {
    child: Child,
    mark: PathBuf,
}

impl Process {
    /// Starts it in a group of its own; what it says goes to `log`.
    pub(super) fn spawn(command: &mut Command, log: &Path) -> Self {
        let mut out = fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        writeln!(out, "-- started").expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a log"))
            .stderr(out)
            .process_group(0)
            .spawn()
            .expect("the program starts");
        let mark = yard().dir.join("groups").join(child.id().to_string());
        fs::write(&mark, "").expect("a mark");
        Self { child, mark }
    }

    /// Sends a signal, e.g. `TERM`, to the whole group.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, "--", &format!("-{}", self.child.id())])
            .stderr(Stdio::null())
            .status();
        assert!(sent.is_ok(), "kill exists");
    }

    /// How it ended, when it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }
}

/// What a process uses of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Open file descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
    /// Memory in RAM, in KiB.
    pub memory_kib: u64,
}

impl Process {
    /// What it uses now, as Linux tells it; nothing when it has ended.
    pub(super) fn usage(&self) -> Option<Usage> {
        let dir = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(dir.join("status")).ok()?;
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some(Usage {
            files: fs::read_dir(dir.join("fd")).ok()?.count() as u64,
            threads: figure("Threads:")?,
            memory_kib: figure("VmRSS:")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal("KILL");
            let _ = self.child.wait();
        }
        let _ = fs::remove_file(&self.mark);
    }
}
