//! Keys that a first start makes and keeps in a file of its own, for those who set none.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
};

use crate::{files, ids, redact::Secret};

/// 256 random bits as hexadecimal digits behind `prefix`, which tells the key from others, e.g. for scanners of
/// source code.
pub fn generate(prefix: &str) -> Secret {
    let bits: [u8; 32] = rand::random();
    let key = bits.iter().fold(prefix.to_owned(), |mut key, byte| {
        // Writing to a String does not fail.
        let _ = write!(key, "{byte:02x}");
        key
    });
    Secret::new(key)
}

/// What an earlier start has kept, if any.
///
/// # Errors
/// Whatever the system says; [`io::ErrorKind::InvalidData`] when the file holds no key.
pub fn read(path: &Path, length_min: usize) -> io::Result<Option<Secret>> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= length_min => Ok(Some(Secret::new(text.trim()))),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no key; delete it, and the next start makes one",
        )),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Keeps a key. The file appears under its name only when it is whole, is nobody else's to read from its first
/// moment, and never takes the place of another.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when another process was faster, or whatever the system says.
pub fn keep(path: &Path, key: &Secret) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        files::make_private_dir(dir)?;
    }
    let draft = path.with_extension(format!("key.{}", ids::next()));
    let kept = write_private(&draft, key).and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    kept
}

/// What an earlier start has kept; where there is none, one is made and kept.
///
/// # Errors
/// As [`read`] and [`keep`].
pub fn read_or_make(path: &Path, prefix: &str, length_min: usize) -> io::Result<Secret> {
    if let Some(key) = read(path, length_min)? {
        return Ok(key);
    }
    let key = generate(prefix);
    match keep(path, &key) {
        Ok(()) => Ok(key),
        // Another process was faster; its key is the key.
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
            read(path, length_min)?.ok_or(fault)
        }
        Err(fault) => Err(fault),
    }
}

fn write_private(path: &Path, key: &Secret) -> io::Result<()> {
    let mut file = files::new_private_file(path)?;
    writeln!(file, "{}", key.expose())?;
    file.sync_all()
}
