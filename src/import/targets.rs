//! A row of the file becomes a target.

use bin_common_handler::{
    models::address::{Address, AddressType},
    redact,
};
use serde_json::{Map, Value, json, value::to_raw_value};

use super::{batch::Row, csv::Layout, lines::Record, report::Report};

const TEXTS: [&str; 4] = ["name", "detail", "data", "key"];
const DESTINATIONS: [&str; 5] = [
    "destination_0",
    "destination_1",
    "destination_2",
    "destination_3",
    "destination_4",
];

/// What each cell of a row is; nothing for columns that a target does not have.
#[derive(Debug)]
pub struct Columns(Vec<Option<&'static str>>);

impl Columns {
    /// With the columns that will be ignored.
    fn named(header: &[String]) -> Result<(Self, Vec<String>), String> {
        let mut columns: Vec<Option<&'static str>> = Vec::new();
        let mut ignored = Vec::new();
        for cell in header {
            let name = cell.trim().to_ascii_lowercase();
            let known = DESTINATIONS.iter().chain(&TEXTS).find(|it| **it == name);
            match known {
                Some(name) if columns.contains(&Some(name)) => {
                    return Err(format!("the column {name} is there twice"));
                }
                None => ignored.push(cell.clone()),
                Some(_) => {}
            }
            columns.push(known.copied());
        }
        if !columns
            .iter()
            .flatten()
            .any(|name| DESTINATIONS.contains(name))
        {
            return Err(format!(
                "the first row must name the columns, separated by commas, with at least one of {}",
                DESTINATIONS.join(", ")
            ));
        }
        Ok((Self(columns), ignored))
    }
}

impl Layout for Columns {
    const DELIMITERS: &'static [u8] = b",";
    const EMPTY: &'static str = "the file is empty; its first row names the columns";

    /// At least one destination must be among the names, and none of ours there twice.
    fn of(first: &[String], report: &Report) -> Result<(Self, bool), String> {
        let (columns, ignored) = Self::named(first)?;
        if !ignored.is_empty() {
            report.note(&format!(
                "columns that a target does not have are ignored: {}",
                ignored.join(", ")
            ));
        }
        Ok((columns, false))
    }

    fn at(record: &Record) -> u64 {
        record.line
    }

    fn row(&self, at: u64, cells: &[String]) -> Result<Row, String> {
        if cells.len() != self.0.len() {
            return Err(format!(
                "has {} cells, but the first row has {}",
                cells.len(),
                self.0.len()
            ));
        }
        let (mut target, mut numbers) = (Map::new(), Vec::new());
        for (column, cell) in self.0.iter().zip(cells) {
            let Some(column) = *column else { continue };
            if cell.trim().is_empty() {
                continue;
            }
            let value = if DESTINATIONS.contains(&column) {
                let address = address(column, cell.trim())?;
                numbers.push(address.target.clone());
                json!(address)
            } else {
                json!(cell)
            };
            target.insert(column.to_owned(), value);
        }
        if numbers.is_empty() {
            return Err("has no destination".to_owned());
        }
        let body = to_raw_value(&target).map_err(|fault| fault.to_string())?;
        Ok(Row { at, numbers, body })
    }
}

/// `tel:+1415…`, `sip:user@domain` and so on; without a type a phone number.
fn address(column: &str, cell: &str) -> Result<Address, String> {
    let (kind, target) = match cell.split_once(':') {
        None => (AddressType::Tel, cell),
        Some((name, target)) => {
            let name = name.trim().to_ascii_lowercase();
            let kind = serde_json::from_value(Value::String(name)).map_err(|_| {
                format!("{column}: unknown type; write tel:+14155550123 or sip:user@domain")
            })?;
            (kind, target.trim())
        }
    };
    let address = Address {
        kind,
        target: target.to_owned(),
        ..Address::default()
    };
    address.validated(column).map_err(|fault| {
        format!(
            "{} (here {})",
            fault.message().trim_end_matches('.'),
            redact::phone(target)
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cells(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn row(header: &str, row: &str) -> Result<Row, String> {
        Columns::named(&cells(header))
            .unwrap()
            .0
            .row(7, &cells(row))
    }

    #[rstest]
    #[case(
        "destination_0",
        "+1 (415) 555-0123",
        r#"{"destination_0":{"type":"tel","target":"+14155550123"}}"#
    )]
    #[case(
        "destination_0",
        "tel:4155550123",
        r#"{"destination_0":{"type":"tel","target":"+14155550123"}}"#
    )]
    #[case(
        "Destination_4 ",
        "SIP:alice@example.com",
        r#"{"destination_4":{"type":"sip","target":"alice@example.com"}}"#
    )]
    #[case(
        "destination_0",
        "sip:alice@example.com:5070",
        r#"{"destination_0":{"type":"sip","target":"alice@example.com:5070"}}"#
    )]
    #[case(
        "destination_0,destination_1",
        "+14155550123,",
        r#"{"destination_0":{"type":"tel","target":"+14155550123"}}"#
    )]
    #[case("name,destination_0,detail,data,key,colour", " Ann ,+14155550123,d,{},7,red",
        r#"{"name":" Ann ","destination_0":{"type":"tel","target":"+14155550123"},"detail":"d","data":"{}","key":"7"}"#)]
    fn a_row_becomes_a_target(#[case] header: &str, #[case] text: &str, #[case] wanted: &str) {
        let row = row(header, text).unwrap();
        let body: Value = serde_json::from_str(row.body.get()).unwrap();
        assert_eq!(body, serde_json::from_str::<Value>(wanted).unwrap());
        assert_eq!(row.at, 7);
    }

    #[rstest]
    #[case(
        "destination_0",
        "12345",
        "destination_0.target is too short for a phone number (here ***)"
    )]
    #[case(
        "destination_0",
        "+999155501234",
        "destination_0.target has a country code that does not exist (here +9991***1234)"
    )]
    #[case(
        "destination_1",
        "sip:alice",
        "destination_1.target must be a SIP URI such as user@domain or sips:user@domain:5061 (here ***)"
    )]
    #[case(
        "destination_0",
        "fax:+14155550123",
        "destination_0: unknown type; write tel:+14155550123 or sip:user@domain"
    )]
    #[case(
        "destination_0",
        ":+14155550123",
        "destination_0.type must be given (here +1415***0123)"
    )]
    #[case("destination_0,name", ",Ann", "has no destination")]
    #[case(
        "destination_0,name",
        "+14155550123",
        "has 1 cells, but the first row has 2"
    )]
    #[case(
        "destination_0",
        "+14155550123,Ann",
        "has 2 cells, but the first row has 1"
    )]
    fn a_bad_row_is_told_without_its_number(
        #[case] header: &str,
        #[case] text: &str,
        #[case] message: &str,
    ) {
        assert_eq!(row(header, text).unwrap_err(), message);
    }

    #[rstest]
    #[case("name,detail", "destination_0")]
    #[case("destination_0;name", "separated by commas")]
    #[case("destination_0,destination_0", "twice")]
    fn a_header_must_name_a_destination_once(#[case] header: &str, #[case] message: &str) {
        let fault = Columns::named(&cells(header)).unwrap_err();
        assert!(fault.contains(message), "{fault}");
    }

    #[test]
    fn other_columns_are_ignored_and_named() {
        let (_, ignored) = Columns::named(&cells("destination_0,Colour")).unwrap();
        assert_eq!(ignored, ["Colour"]);
    }

    #[test]
    fn what_the_server_says_shows_no_number() {
        let row = row("destination_0", "+14155550123").unwrap();
        assert_eq!(
            row.masked("+14155550123 is blocked"),
            "+1415***0123 is blocked"
        );
    }
}
