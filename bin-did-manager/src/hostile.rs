//! Input that means harm, as in [`bin_common_handler::testing::hostile`]: what is true of it whatever it is.

use bin_common_handler::{
    csv::{read_cell, unquoted, write_cell},
    models::time::Timestamp,
    resource::{self, Resource},
    table::Columns,
};
use serde_json::{Map, Value as Json};

use crate::{
    didhandler::row,
    models::{did::Did, didcolumns::COLUMNS},
    phone::{Dialled, E164, NumberFormat, read_dialled},
};

/// Phone numbers in pools and from dialers: what is read is a number of its form, and reads as itself.
///
/// # Panics
/// Where that is not so.
pub fn phone(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let prefixes = ["9".to_owned(), "011".to_owned(), "8".to_owned()];
    let dialled = match read_dialled(&text, &prefixes) {
        Dialled::Number(number) => Some(number),
        Dialled::Result(_) | Dialled::Noise | Dialled::Empty => None,
    };
    for number in dialled.into_iter().chain(E164::parse(&text)) {
        is_a_number(&number);
        let again = read_dialled(number.as_str(), &prefixes);
        assert!(again == Dialled::Number(number), "it reads as another");
    }
}

fn is_a_number(number: &E164) {
    let digits = number.as_str().strip_prefix('+');
    let is_e164 = digits.is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    assert!(is_e164, "{number:?} has no form of E.164");
    for format in NumberFormat::ALL {
        let shown = E164::parse(number.display(*format));
        assert_eq!(shown.as_ref(), Some(number), "as {format}");
    }
}

/// Rows of an import: what is read has a number and only fields that a number has.
///
/// # Panics
/// Where that is not so.
pub fn did_row(data: &[u8]) {
    let Ok(row) = serde_json::from_slice::<Map<String, Json>>(data) else {
        return;
    };
    let rows = std::slice::from_ref(&row);
    let Ok(columns) = Columns::of_objects(&COLUMNS, rows) else {
        return;
    };
    match row::read(&columns, &row) {
        Ok(None) => {}
        Err(error) => assert_eq!(error.status().code(), 400, "{error}"),
        Ok(Some((number, fields))) => {
            is_a_number(&number);
            assert!(
                fields
                    .keys()
                    .all(|name| Did::FIELDS.contains(&name.as_str()))
            );
            let now = Timestamp::default();
            let made = resource::read_fields(fields)
                .map(|patch| resource::patched(&Did::default(), &patch));
            let checked = made.and_then(|mut did| did.check(None, now).map(|()| did));
            match checked {
                Ok(did) => assert_eq!(did.number, number.as_str()),
                Err(error) => assert_eq!(error.status().code(), 400, "{error}"),
            }
        }
    }
}

/// Cells of an export: no spreadsheet calculates them, and they come back as they were.
///
/// # Panics
/// Where that is not so.
pub fn cell(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut line = String::new();
    write_cell(&text, &mut line);
    let written = unquoted(&line);
    assert_eq!(read_cell(&written), text);
    let calculates = written.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_number = written.parse::<f64>().is_ok();
    let is_phone = written.strip_prefix('+').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    assert!(
        !calculates || is_number || is_phone,
        "{written:?} is a formula"
    );
}

#[cfg(test)]
mod tests {
    use bin_common_handler::testing::hostile::survives;
    use rstest::rstest;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds");

    #[rstest]
    #[case::phone("phone", phone)]
    #[case::did_row("did_row", did_row)]
    #[case::cell("cell", cell)]
    fn hostile_input_does_no_harm(#[case] target: &str, #[case] take: fn(&[u8])) {
        survives(SEEDS, target, take);
    }
}
