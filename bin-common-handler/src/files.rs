//! Files of ours: nobody else reads them, they appear whole or not at all, and no tool writes over one that is used.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tracing::warn;

use crate::ids;

/// What SQLite keeps beside a database.
pub const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// The file whose lock says that a process uses DATA_DIR.
pub const LOCK: &str = "tandem.lock";
/// The file that keeps the bridge's key.
pub const BRIDGE_KEY: &str = "bridge.key";
/// The file that keeps the key of secrets at rest.
pub const SECRETS_KEY: &str = "secrets.key";
/// What the names of our files in DATA_DIR begin with.
const OWN_NAMES: [&str; 5] = ["tandem.", BRIDGE_KEY, SECRETS_KEY, "exports", "attachments"];
/// What everybody but the owner may do.
const OTHERS: u32 = 0o077;
/// Links that are followed from one name; as many as Linux follows.
const LINKS_MAX: u32 = 40;
/// How deep folders of ours lie in each other.
const DEPTH_MAX: u32 = 3;

/// Names of what a program has open.
const OPEN_ALREADY: [&str; 5] = [
    "/dev/stdout",
    "/dev/stderr",
    "/dev/fd",
    "/proc/self/fd",
    "/proc/thread-self/fd",
];
const OURS: &str = "is a file that tandem itself works on; choose another name";

/// Which file it is, whatever its name.
pub type Identity = (u64, u64);

/// Which file a name leads to, if any.
pub fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|about| identity_of(&about))
}

/// Which file this is.
pub fn identity_of(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}

/// `path` with something after its last letter.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes a folder, and those above it, that only we may enter.
///
/// # Errors
/// Whatever the system says.
pub fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A new file that only we may read.
///
/// # Errors
/// When it is there already, or whatever the system says.
pub fn new_private_file(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Bytes that may still be written where `path` lies; nothing where the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(path).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// The files that a process with these settings works on: no tool may write over them.
pub fn in_use(data_dir: &Path, database: Option<&Path>) -> Vec<PathBuf> {
    let mut all = vec![data_dir.join(LOCK), data_dir.join(BRIDGE_KEY)];
    if let Some(database) = database {
        all.push(database.to_owned());
        all.extend(COMPANIONS.map(|sidecar| with_suffix(database, sidecar)));
    }
    all
}

/// Checks that a file that a person named may be written: that it is none of `ours`, under whatever name or link,
/// no database that is in use, and an ordinary file if it is there.
///
/// # Errors
/// Says why it may not.
pub fn ensure_writable(target: &Path, ours: &[PathBuf]) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{}: {why}", target.display()));
    if ours.iter().any(|own| is_same(target, own)) {
        return refuse(OURS);
    }
    match fs::metadata(target) {
        Ok(about) if about.is_dir() => refuse("is a folder; name a file"),
        Ok(about) if !about.is_file() => refuse("is no ordinary file"),
        Ok(_) if is_used(target) => {
            refuse("is in use by another program; stop it, or choose another name")
        }
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => refuse(&fault.to_string()),
        _ if target.file_name().is_none() => refuse("is no name of a file"),
        _ => Ok(()),
    }
}

/// What is written to as it comes, and never replaced: a pipe, a terminal, or what a program has open already, such
/// as `/dev/stdout`. Nothing where the name is that of a file, or of none yet.
///
/// # Errors
/// When it cannot be opened, or is one of `ours`.
pub fn stream(target: &Path, ours: &[PathBuf]) -> io::Result<Option<File>> {
    let is_open = OPEN_ALREADY.iter().any(|open| target.starts_with(open));
    let is_stream = fs::metadata(target).is_ok_and(|about| {
        let kind = about.file_type();
        is_open || kind.is_fifo() || kind.is_char_device()
    });
    if !is_stream {
        return Ok(None);
    }
    if ours.iter().any(|own| is_same(target, own)) {
        return Err(io::Error::other(OURS));
    }
    File::options().append(true).open(target).map(Some)
}

/// Whether two names lead to one file, or would if it were there.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let is_one_file = identity(one)
        .zip(identity(other))
        .is_some_and(|(one, other)| one == other);
    is_one_file || place(one) == place(other)
}

/// Where a name leads: links followed, also one that leads nowhere yet, and its folder in its one spelling.
pub fn place(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = fs::read_link(&path) else {
            break;
        };
        path = folder_of(&path).join(link);
    }
    let folder = folder_of(&path);
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    path.file_name()
        .map_or(path.clone(), |name| folder.join(name))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A database that a process has open: locked by a daemon, or with its log beside it.
fn is_used(file: &Path) -> bool {
    let is_locked = File::open(file).is_ok_and(|open| open.try_lock_shared().is_err());
    let mut companions = COMPANIONS.iter();
    is_locked || companions.any(|sidecar| with_suffix(&place(file), sidecar).exists())
}

/// A file in the making, beside the one whose place it takes when it is whole. Dropped before, it is gone.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Begins one. Links to the target are followed: the file they lead to is replaced, not the link.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn of(target: &Path) -> io::Result<Self> {
        let target = place(target);
        let path = folder_of(&target).join(format!(".tandem-{}.part", ids::next().simple()));
        Ok(Self {
            file: new_private_file(&path)?,
            path,
            target,
        })
    }

    /// Gives it its name, once it is on the disk.
    ///
    /// # Errors
    /// Whatever the system says; the target is as it was then.
    pub fn publish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        File::open(folder_of(&self.target))?.sync_all()
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Not there any more once it is published.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes from others what they may do with DATA_DIR and our files in it, and with a database that lies elsewhere;
/// what was wider is warned of. A folder that holds others' files, too, is left as it is.
pub fn keep_private(data_dir: &Path, database: Option<&Path>) {
    let mut widened = Vec::new();
    let mut only_ours = true;
    for entry in fs::read_dir(data_dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OWN_NAMES.iter().any(|own| name.starts_with(own)) {
            tighten(&entry.path(), DEPTH_MAX, &mut widened);
        } else {
            only_ours = false;
        }
    }
    if only_ours {
        tighten(data_dir, 0, &mut widened);
    } else if is_wide(data_dir).is_some() {
        warn!(path = %data_dir.display(), "DATA_DIR holds other files, too, and others may enter it: chmod 700, or a folder of its own");
    }
    if let Some(database) = database {
        tighten(database, 0, &mut widened);
        for sidecar in COMPANIONS {
            tighten(&with_suffix(database, sidecar), 0, &mut widened);
        }
    }
    if let Some(first) = widened.first() {
        warn!(
            count = widened.len(), first = %first.display(),
            "others could read files of ours; now they cannot"
        );
    }
}

/// The mode of what others may do anything with.
fn is_wide(path: &Path) -> Option<u32> {
    let about = fs::symlink_metadata(path).ok()?;
    let mode = about.permissions().mode();
    (!about.is_symlink() && mode & OTHERS != 0).then_some(mode)
}

fn tighten(path: &Path, depth: u32, widened: &mut Vec<PathBuf>) {
    if let Some(mode) = is_wide(path) {
        match fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS & 0o7777)) {
            Ok(()) => widened.push(path.to_owned()),
            Err(fault) => warn!(path = %path.display(), %fault, "others may read it"),
        }
    }
    let is_dir = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
    if depth > 0 && is_dir {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            tighten(&entry.path(), depth - 1, widened);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// DATA_DIR with all of its files but for the journal, and another folder beside it.
    fn data() -> (TempDir, PathBuf, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        make_private_dir(&data).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        let ours = in_use(&data, Some(&data.join("tandem.db")));
        for file in &ours {
            if !file.to_string_lossy().ends_with("-journal") {
                fs::write(file, "x").unwrap();
            }
        }
        symlink(data.join("tandem.db"), dir.path().join("link")).unwrap();
        symlink("link", dir.path().join("link to the link")).unwrap();
        symlink(&data, dir.path().join("folder")).unwrap();
        symlink(data.join("tandem.db-journal"), dir.path().join("dangling")).unwrap();
        fs::hard_link(data.join("tandem.db"), dir.path().join("hard")).unwrap();
        fs::hard_link(data.join(BRIDGE_KEY), dir.path().join("hard key")).unwrap();
        (dir, data, ours)
    }

    #[rstest]
    #[case("data/tandem.db")]
    #[case("data/tandem.db-wal")]
    #[case("data/tandem.db-shm")]
    #[case::not_there_now("data/tandem.db-journal")]
    #[case("data/tandem.lock")]
    #[case("data/bridge.key")]
    #[case("data/./tandem.db")]
    #[case("data//tandem.db")]
    #[case("other/../data/tandem.db")]
    #[case("data/../data/tandem.db-wal")]
    #[case("folder/tandem.db")]
    #[case("folder/tandem.db-journal")]
    #[case("folder/bridge.key")]
    #[case("link")]
    #[case("link to the link")]
    #[case("dangling")]
    #[case("hard")]
    #[case("hard key")]
    #[case::a_folder("data")]
    #[case::a_folder("other/")]
    #[case::no_name("data/..")]
    #[case::no_folder("none/copy.db")]
    fn what_is_used_is_never_written_over(#[case] name: &str) {
        let (dir, _data, ours) = data();
        let target = dir.path().join(name);
        let checked = ensure_writable(&target, &ours);
        if name == "none/copy.db" {
            // Nothing is there to be lost; writing it says what is wrong.
            assert!(checked.is_ok() && Draft::of(&target).is_err());
        } else {
            assert!(checked.is_err(), "{name}");
        }
    }

    #[rstest]
    #[case("copy.db")]
    #[case("data/copy.db")]
    #[case("data/tandem.db.monday")]
    #[case("other/tandem.db")]
    #[case("other/bridge.key")]
    fn another_file_may_be_written(#[case] name: &str) {
        let (dir, _data, ours) = data();
        assert_eq!(ensure_writable(&dir.path().join(name), &ours), Ok(()));
    }

    #[test]
    fn a_database_that_somebody_else_uses_is_known_by_its_lock_or_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let (locked, logged) = (dir.path().join("a.db"), dir.path().join("b.db"));
        let open = new_private_file(&locked).unwrap();
        assert!(ensure_writable(&locked, &[]).is_ok());
        open.lock().unwrap();
        assert!(ensure_writable(&locked, &[]).is_err());
        fs::write(&logged, "x").unwrap();
        fs::write(with_suffix(&logged, "-wal"), "x").unwrap();
        assert!(ensure_writable(&logged, &[]).is_err());
        assert!(ensure_writable(Path::new("/dev/null"), &[]).is_err());
    }

    #[test]
    fn a_draft_is_private_and_takes_its_place_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("a.csv"), dir.path().join("link"));
        fs::write(&target, "old").unwrap();
        symlink("a.csv", &link).unwrap();
        let mut given_up = Draft::of(&target).unwrap();
        given_up.write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        let mut draft = Draft::of(&link).unwrap();
        draft.write_all(b"new").unwrap();
        draft.publish().unwrap();
        assert_eq!(
            (fs::read(&target).unwrap(), mode(&target)),
            (b"new".to_vec(), 0o600)
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        let (_dir, data, ours) = data();
        assert!(stream(Path::new("/dev/null"), &ours).unwrap().is_some());
        assert!(stream(&data.join("copy.csv"), &ours).unwrap().is_none());
        assert!(stream(&data.join("tandem.db"), &ours).unwrap().is_none());
        let open = File::open(data.join("tandem.db")).unwrap();
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        assert!(
            stream(Path::new(&name), &ours).is_err(),
            "ours under another name"
        );
    }

    #[test]
    fn what_was_wider_is_tightened() {
        let (dir, data, ours) = data();
        let export = data.join("exports").join("tenant").join("a.csv");
        fs::create_dir_all(export.parent().unwrap()).unwrap();
        fs::write(&export, "x").unwrap();
        let elsewhere = dir.path().join("other").join("my.db");
        fs::write(&elsewhere, "x").unwrap();
        for path in [&data, &export, &elsewhere] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        keep_private(&data, Some(&elsewhere));
        for dir in [&data, &data.join("exports"), &data.join("exports/tenant")] {
            assert_eq!(mode(dir), 0o700, "{}", dir.display());
        }
        let there = ours.iter().filter(|path| path.exists());
        for path in there.chain([&export, &elsewhere]) {
            assert_eq!(mode(path) & OTHERS, 0, "{}", path.display());
        }
    }

    #[test]
    fn a_folder_that_others_share_is_left_as_it_is() {
        let (_dir, data, ours) = data();
        fs::write(data.join("notes.txt"), "x").unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
        keep_private(&data, None);
        assert_eq!(mode(&data), 0o755);
        assert_eq!(mode(&ours[0]), 0o600);
    }

    #[test]
    fn room_is_told() {
        assert!(free_bytes(Path::new("/")).is_some());
        assert_eq!(free_bytes(Path::new("/no/such/folder")), None);
    }
}
