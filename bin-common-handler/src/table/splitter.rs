//! One JSON array, cut into its rows while it comes in.
//!
//! Only brackets, strings and commas are understood here. That is enough: what is cut wrongly because it is
//! not JSON is found not to be JSON when its batch is parsed, since a batch is the same text again.

/// Largest row, in bytes: one must fit into a batch.
pub const ROW_MAX: usize = 850 * 1024;

/// Why a body is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRows {
    /// It is not one array.
    #[error("the body must be one JSON array of rows")]
    NotAnArray,
    /// A row is larger than an envelope may be.
    #[error("a row has at most {ROW_MAX} bytes")]
    RowTooLarge,
}

/// Finds where the rows of an array end.
#[derive(Debug, Default)]
pub struct Splitter {
    place: Place,
    /// Open brackets inside the row.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    row: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before `[`.
    #[default]
    Start,
    /// After `[`: a row or `]`.
    First,
    /// After a comma: a row.
    Next,
    /// Inside a row.
    Row,
    /// After `]`.
    End,
}

impl Splitter {
    /// Takes bytes from the front of `input` up to the end of the next row, which it gives; nothing when
    /// `input` is used up before.
    ///
    /// # Errors
    /// When the bytes cannot be an array, or a row is too large.
    pub fn next_row(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, BadRows> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            if self.take(*byte)? {
                return Ok(Some(std::mem::take(&mut self.row)));
            }
        }
        Ok(None)
    }

    /// Says that there is no more input.
    ///
    /// # Errors
    /// When the array has not ended.
    pub fn finish(&self) -> Result<(), BadRows> {
        if self.place == Place::End {
            Ok(())
        } else {
            Err(BadRows::NotAnArray)
        }
    }

    /// True when `byte` ended a row.
    fn take(&mut self, byte: u8) -> Result<bool, BadRows> {
        if self.place == Place::Row {
            return self.take_in_row(byte);
        }
        match (self.place, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => {}
            (Place::Start, b'[') => self.place = Place::First,
            (Place::First, b']') => self.place = Place::End,
            (Place::First | Place::Next, byte) => {
                self.place = Place::Row;
                // A comma or bracket here would end an empty row.
                if self.take_in_row(byte)? {
                    return Err(BadRows::NotAnArray);
                }
            }
            _ => return Err(BadRows::NotAnArray),
        }
        Ok(false)
    }

    fn take_in_row(&mut self, byte: u8) -> Result<bool, BadRows> {
        if self.in_string {
            let is_escaped = std::mem::take(&mut self.after_backslash);
            match byte {
                b'\\' if !is_escaped => self.after_backslash = true,
                b'"' if !is_escaped => self.in_string = false,
                _ => {}
            }
        } else {
            match (byte, self.depth) {
                (b',', 0) => return Ok(self.end_row(Place::Next)),
                (b']', 0) => return Ok(self.end_row(Place::End)),
                (b'}', 0) => return Err(BadRows::NotAnArray),
                (b']' | b'}', _) => self.depth = self.depth.saturating_sub(1),
                (b'[' | b'{', _) => self.depth = self.depth.saturating_add(1),
                (b'"', _) => self.in_string = true,
                _ => {}
            }
        }
        if self.row.len() >= ROW_MAX {
            return Err(BadRows::RowTooLarge);
        }
        self.row.push(byte);
        Ok(false)
    }

    fn end_row(&mut self, place: Place) -> bool {
        self.place = place;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, value::RawValue};

    use super::*;

    fn split(text: &[u8], chunk: usize) -> Result<Vec<Vec<u8>>, BadRows> {
        let (mut splitter, mut rows) = (Splitter::default(), Vec::new());
        for mut chunk in text.chunks(chunk.max(1)) {
            while let Some(row) = splitter.next_row(&mut chunk)? {
                rows.push(row);
            }
        }
        splitter.finish().map(|()| rows)
    }

    /// As the bridge does it: the rows in an array of their own, parsed.
    fn accepted(text: &[u8], chunk: usize) -> Option<Vec<Value>> {
        let rows = split(text, chunk).ok()?;
        let again = [b"[".as_slice(), &rows.join(b",".as_slice()), b"]"].concat();
        serde_json::from_slice(&again).ok()
    }

    #[rstest]
    #[case("[]", 0)]
    #[case(" [ ] ", 0)]
    #[case("[1]", 1)]
    #[case(r#"[{"a":"],\"}{"},[1,[2]], "\\" ,null]"#, 4)]
    fn rows_are_counted(#[case] text: &str, #[case] rows: usize) {
        assert_eq!(split(text.as_bytes(), 3).unwrap().len(), rows);
    }

    #[rstest]
    #[case("")]
    #[case("{}")]
    #[case("[1,]")]
    #[case("[,1]")]
    #[case("[1,,2]")]
    #[case("[1")]
    #[case("[\"a]")]
    #[case("[}]")]
    #[case("[1]]")]
    #[case("[1] x")]
    #[case("[1][2]")]
    fn anything_but_one_array_is_refused(#[case] text: &str) {
        assert_eq!(split(text.as_bytes(), 2), Err(BadRows::NotAnArray));
    }

    #[test]
    fn an_endless_row_is_refused_early() {
        let text = vec![b'['; ROW_MAX + 2];
        assert_eq!(split(&text, 4096), Err(BadRows::RowTooLarge));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\[\\]{}\",\\\\ a\u{e9}\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a\\]\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_array_gives_its_rows_however_it_is_chunked(
            rows in prop::collection::vec(any_json(), 0..8),
            pretty in any::<bool>(),
            chunk in 1..40_usize,
        ) {
            let text = if pretty {
                serde_json::to_string_pretty(&rows).unwrap()
            } else {
                serde_json::to_string(&rows).unwrap()
            };
            let split = split(text.as_bytes(), chunk).unwrap();
            let parsed: Vec<Value> = split.iter().map(|row| serde_json::from_slice(row).unwrap()).collect();
            prop_assert_eq!(parsed, rows);
        }

        #[test]
        fn what_serde_refuses_is_refused_and_the_rest_is_the_same(
            text in prop::collection::vec(prop::sample::select(b"[]{},:\"\\1 an".to_vec()), 0..24),
            chunk in 1..5_usize,
        ) {
            let expected = serde_json::from_slice::<Vec<Value>>(&text).ok();
            prop_assert_eq!(accepted(&text, chunk), expected);
        }

        #[test]
        fn a_row_is_the_very_text(rows in prop::collection::vec(any_json(), 1..5)) {
            let text = serde_json::to_string(&rows).unwrap();
            let raw: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
            let split = split(text.as_bytes(), 7).unwrap();
            prop_assert_eq!(split, raw.iter().map(|row| row.get().as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }
}
