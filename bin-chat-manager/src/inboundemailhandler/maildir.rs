//! A maildir that a mail server delivers into: each mail of `new` is taken, and removed when it is a message, so that what is
//! kept, erased and forgotten is the conversation alone. What is refused goes to `cur`, flagged, for people of the installation.
//!
//! Replicas may share the folder: a mail that two of them read is one message.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    models::error::{Error, Result, Status},
};
use prometheus::IntCounterVec;
use tracing::warn;

use super::{MAIL_MAX, parsed, take};
use crate::app::App;

/// Where mail is delivered.
pub(crate) const INBOUND_MAILDIR: Setting<String> = Setting::text(
    "INBOUND_MAILDIR",
    "",
    "A maildir into which a mail server delivers answers to our mail; what was taken is removed from it; empty = none",
    "/var/mail/tandem/Maildir",
);
/// How often it is looked at.
pub(crate) const INBOUND_MAILDIR_PERIOD: Setting<Duration> = Setting::duration(
    "INBOUND_MAILDIR_PERIOD",
    "5s",
    100..=3_600_000,
    "How often the maildir is looked at",
    "5s",
);

/// What is wrong with a folder that is none.
const FOLDER_RULE: &str = "is no maildir: it is a folder that holds new, cur and tmp, and that this user may enter; \
                           for example INBOUND_MAILDIR=/var/mail/tandem/Maildir";
/// Mails of one pass; the next pass takes the rest.
const MAILS_MAX: usize = 100;
/// Names that one pass looks at: of a folder that somebody filled, not all are held at once.
const NAMES_MAX: usize = 10_000;

/// What is in a file of `new`.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Mail(Vec<u8>),
    /// It is larger than a mail may be, or no plain file.
    Refused,
    /// Another replica was faster.
    Gone,
}

/// Starts the job, where a maildir is set.
///
/// # Errors
/// When there is no such maildir, or the figure cannot be made.
pub(crate) fn start(ctx: &ManagerContext, app: &App) -> std::result::Result<(), StartError> {
    let root = ctx.config.get(&INBOUND_MAILDIR);
    if root.is_empty() {
        return Ok(());
    }
    let root = PathBuf::from(root);
    ensure_maildir(&root)?;
    let help = "Mails of the maildir, by what became of them";
    let counted = ctx
        .metrics
        .counter("inbound_mails_total", help, &["result"]);
    let counted = counted.map_err(|fault| StartError::Other(fault.to_string()))?;
    let (app, period) = (app.clone(), ctx.config.get(&INBOUND_MAILDIR_PERIOD));
    ctx.tasks.every("maildir", period, move || {
        let (app, root, counted) = (app.clone(), root.clone(), counted.clone());
        async move {
            if let Err(fault) = pass(&app, &root, &counted).await {
                warn!(%fault, "the maildir was left before its end");
            }
        }
    });
    Ok(())
}

/// Only here: whoever else reads the settings may be on another machine.
fn ensure_maildir(root: &Path) -> std::result::Result<(), StartError> {
    if root.join("new").is_dir() {
        return Ok(());
    }
    let name = INBOUND_MAILDIR.name();
    Err(StartError::Other(format!(
        "{name} = {root:?} {FOLDER_RULE}"
    )))
}

async fn pass(app: &App, root: &Path, counted: &IntCounterVec) -> Result<()> {
    let new = root.join("new");
    for path in on_disk(move || waiting(&new)).await? {
        let read = path.clone();
        let end = match on_disk(move || open(&read)).await? {
            Found::Mail(bytes) => work(app, &bytes).await?,
            Found::Refused => End::SetAside("refused"),
            Found::Gone => End::Leave,
        };
        let root = root.to_owned();
        match end {
            End::Remove(result) => {
                counted.with_label_values(&[result]).inc();
                on_disk(move || gone_is_fine(fs::remove_file(&path))).await?;
            }
            End::SetAside(result) => {
                counted.with_label_values(&[result]).inc();
                on_disk(move || set_aside(&root, &path)).await?;
            }
            End::Leave => {}
        }
    }
    Ok(())
}

/// What becomes of a mail's file, and for the figures why.
enum End {
    Remove(&'static str),
    SetAside(&'static str),
    Leave,
}

/// Takes a mail. What is full or away is asked again in the next pass; no other mail is tried twice, so none holds up others.
async fn work(app: &App, bytes: &[u8]) -> Result<End> {
    let Some(mail) = parsed::read(bytes) else {
        return Ok(End::SetAside("refused"));
    };
    let ctx = RequestContext::internal();
    match take(app, &ctx, &mail).await {
        Ok(result) => Ok(End::Remove(result)),
        Err(error) if error.status() == Status::Unavailable => Err(error),
        Err(error) if error.status() == Status::ResourceExhausted => Ok(End::Leave),
        Err(error) if error.is_fault() => {
            warn!(%error, "a mail was set aside by a fault");
            Ok(End::SetAside("failed"))
        }
        Err(_) => Ok(End::SetAside("unknown")),
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    let away = |fault| Error::unavailable("maildir", "the maildir's disk refuses").caused_by(fault);
    worked.map_err(Error::internal)?.map_err(away)
}

/// The oldest mails of a folder: names of a maildir begin with their time.
fn waiting(new: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(new)?.take(NAMES_MAX) {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden {
            names.push(entry.path());
        }
    }
    names.sort_unstable();
    names.truncate(MAILS_MAX);
    Ok(names)
}

/// Reads a plain file, and no more of it than a mail may have: no link to elsewhere, and no pipe that never ends.
fn open(path: &Path) -> io::Result<Found> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Found::Gone),
        Err(fault) => return Err(fault),
    };
    if !about.is_file() || about.len() > MAIL_MAX as u64 {
        return Ok(Found::Refused);
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Found::Gone),
        Err(fault) => return Err(fault),
    };
    let mut bytes = Vec::new();
    file.take(MAIL_MAX as u64).read_to_end(&mut bytes)?;
    Ok(Found::Mail(bytes))
}

/// To `cur`, seen and flagged, as mail programs do.
fn set_aside(root: &Path, path: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Ok(());
    };
    let cur = root.join("cur");
    fs::create_dir_all(&cur)?;
    let mut flagged = name.to_owned();
    flagged.push(":2,FS");
    gone_is_fine(fs::rename(path, cur.join(flagged)))
}

fn gone_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_that_is_no_maildir_stops_the_start() {
        let dir = tempfile::TempDir::new().unwrap();
        for root in [dir.path(), Path::new("/nonexistent/x")] {
            let told = ensure_maildir(root).unwrap_err().to_string();
            assert!(told.starts_with("INBOUND_MAILDIR = "), "{told}");
            assert!(told.contains("for example"), "{told}");
        }
        fs::create_dir(dir.path().join("new")).unwrap();
        assert!(ensure_maildir(dir.path()).is_ok());
    }

    #[test]
    fn the_oldest_are_taken_first_and_not_all_at_once() {
        let dir = tempfile::TempDir::new().unwrap();
        for at in 0..MAILS_MAX + 5 {
            fs::write(dir.path().join(format!("{at:06}.host")), "x").unwrap();
        }
        fs::write(dir.path().join(".hidden"), "x").unwrap();
        let found = waiting(dir.path()).unwrap();
        assert_eq!(found.len(), MAILS_MAX);
        assert!(found[0].ends_with("000000.host"), "{found:?}");
    }

    #[test]
    fn only_a_plain_file_that_is_no_larger_than_a_mail_is_read() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("mail"), "hello").unwrap();
        fs::write(path("large"), vec![b'x'; MAIL_MAX + 1]).unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink(path("mail"), path("link")).unwrap();
        for (name, expected) in [
            ("mail", Found::Mail(b"hello".to_vec())),
            ("large", Found::Refused),
            ("folder", Found::Refused),
            ("link", Found::Refused),
            ("none", Found::Gone),
        ] {
            assert_eq!(open(&path(name)).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_refused_is_set_aside_and_who_comes_second_has_nothing_to_do() {
        let dir = tempfile::TempDir::new().unwrap();
        let mail = dir.path().join("new").join("1.host");
        fs::create_dir(dir.path().join("new")).unwrap();
        fs::write(&mail, "x").unwrap();
        for _ in 0..2 {
            set_aside(dir.path(), &mail).unwrap();
        }
        assert!(!mail.exists() && dir.path().join("cur").join("1.host:2,FS").exists());
    }
}
