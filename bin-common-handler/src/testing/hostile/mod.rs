//! Input that means harm: functions that take any bytes and hold what must be true of whatever they are.
//!
//! Each is a fuzz target (`tests/fuzz/`), and is run on mangled samples by the ordinary tests.

mod mangle;
mod server;

use serde_json::Value as Json;

pub use mangle::survives;
pub use server::{filters, query, request, uri};

use crate::{
    databasehandler::Dsn,
    models::{
        page::{PAGE_SIZE_MAX, Page},
        sock::{Event, Request, Response},
        text::MESSAGE_MAX,
        time::Timestamp,
    },
    table::{BadRows, Field, Reader, Row, Schema, Splitter, TableFault},
};

/// Stands where a secret would.
const CANARY: &str = "hunter2canary";
/// Years that a DATETIME holds.
const YEARS: [&str; 2] = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"];

/// Envelopes: what is read is written as it was read.
pub fn envelope(data: &[u8]) {
    comes_back::<Request>(data);
    comes_back::<Response>(data);
    comes_back::<Event>(data);
}

fn comes_back<T: serde::Serialize + serde::de::DeserializeOwned>(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("and read again");
    let again = serde_json::to_vec(&again).expect("and written again");
    assert_eq!(written, again);
}

/// Database addresses: a password is never shown, whatever stands around it.
pub fn dsn(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    shows_no_secret(&format!("mysql://user:{CANARY}@{text}"));
    shows_no_secret(&format!("user:{CANARY}@{text}"));
    shows_no_secret(&format!("user:{CANARY}@tcp({text})/name"));
    let _ = text.parse::<Dsn>();
}

fn shows_no_secret(text: &str) {
    let shown = match text.parse::<Dsn>() {
        Ok(dsn) => format!("{dsn} {dsn:?}"),
        Err(bad) => format!("{bad} {bad:?}"),
    };
    // An address may repeat the word behind its last @ by itself.
    let (_, place) = text.rsplit_once('@').unwrap_or(("", ""));
    assert!(place.contains(CANARY) || !shown.contains(CANARY), "{shown}");
}

/// Page sizes and tokens: a page is bounded, a time fits its column and comes back as it was.
pub fn page_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (size, token) = text.split_once('&').unwrap_or(("", &text));
    match Page::parse(Some(size), Some(token)) {
        Ok(page) => {
            assert!((1..=PAGE_SIZE_MAX).contains(&page.size));
            if let Some(time) = page.token {
                fits_its_column(time);
            }
        }
        Err(error) => {
            assert_eq!(error.status().code(), 400);
            assert!(error.message().len() <= MESSAGE_MAX);
        }
    }
}

fn fits_its_column(time: Timestamp) {
    let [first, last] = YEARS.map(|year| year.parse::<Timestamp>().expect("a time"));
    assert!(first <= time && time <= last, "{time} is in no DATETIME");
    let again: Timestamp = time.to_string().parse().expect("a time is written as one");
    assert_eq!(again, time);
}

/// Files of rows: the same rows in whatever pieces they come; each row is JSON.
pub fn rows(data: &[u8]) {
    let (piece, file) = data.split_first().map_or((1, data), |(first, rest)| {
        (usize::from(*first) % 64 + 1, rest)
    });
    let whole = read(file, usize::MAX);
    assert_eq!(read(file, piece), whole, "in pieces of {piece}");
    let array = cut_json(file, usize::MAX);
    assert_eq!(cut_json(file, piece), array, "in pieces of {piece}");
    if let Ok(rows) = serde_json::from_slice::<Vec<Json>>(file) {
        assert_eq!(array.map(|array| array.len()), Ok(rows.len()));
    }
}

static SCHEMA: Schema = Schema {
    fields: &[
        Field::number("number", &["cid", "phonenumber"]),
        Field::of("status", &[]),
        Field::of("daily_cap", &["capacity"]),
    ],
};

fn read(file: &[u8], piece: usize) -> Result<Vec<Row>, TableFault> {
    let (mut reader, mut rows) = (Reader::new(&SCHEMA, None), Vec::new());
    for piece in file.chunks(piece) {
        reader.push(piece)?;
        while let Some(row) = reader.next_row()? {
            rows.push(row);
        }
    }
    reader.finish()?;
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    Ok(rows)
}

fn cut_json(file: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadRows> {
    let (mut splitter, mut rows) = (Splitter::default(), Vec::new());
    for mut piece in file.chunks(piece) {
        while let Some(row) = splitter.next_row(&mut piece)? {
            rows.push(row);
        }
    }
    splitter.finish().map(|()| rows)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds");

    #[rstest]
    #[case::envelope("envelope", envelope)]
    #[case::request("request", request)]
    #[case::uri("uri", uri)]
    #[case::query("query", query)]
    #[case::filters("filters", filters)]
    #[case::page_token("page_token", page_token)]
    #[case::dsn("dsn", dsn)]
    #[case::rows("rows", rows)]
    fn hostile_input_does_no_harm(#[case] target: &str, #[case] take: fn(&[u8])) {
        survives(SEEDS, target, take);
    }
}
