//! Rows in JSON: an array, or an object whose first array they are.

use super::splitter::{BadRows, Splitter};

/// Cuts JSON into rows.
#[derive(Debug, Default)]
pub struct JsonRows {
    place: Place,
    splitter: Splitter,
    /// Open brackets around the array.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first bracket.
    #[default]
    Start,
    /// In an array that is everything.
    Bare,
    /// In an object, before its first array.
    Before,
    /// In that array.
    Inside,
    /// After it.
    After,
    /// After the object.
    End,
}

impl JsonRows {
    /// As [`Splitter::next_row`].
    ///
    /// # Errors
    /// When it is no JSON, or holds no array.
    pub fn next_row(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, BadRows> {
        while let Some(byte) = input.first().copied() {
            let row = match self.place {
                Place::Bare => self.splitter.next_row(input)?,
                Place::Inside => self.next_inside(input)?,
                _ => {
                    self.skip(byte, input)?;
                    None
                }
            };
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }

    /// Whether everything ended where it may.
    ///
    /// # Errors
    /// When something is still open, or no array was there.
    pub fn finish(&self) -> Result<(), BadRows> {
        match self.place {
            Place::Bare => self.splitter.finish(),
            Place::End => Ok(()),
            _ => Err(BadRows::NotAnArray),
        }
    }

    /// Byte for byte: what follows the array is none of the splitter's business.
    fn next_inside(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, BadRows> {
        while let Some((mut byte, rest)) = input.split_at_checked(1) {
            *input = rest;
            let row = self.splitter.next_row(&mut byte)?;
            if self.splitter.finish().is_ok() {
                self.place = Place::After;
                return Ok(row);
            }
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }

    /// Passes over what is not the array. The bracket that opens it is left for its splitter.
    fn skip(&mut self, byte: u8, input: &mut &[u8]) -> Result<(), BadRows> {
        self.place = match (self.place, byte) {
            (Place::Start, b'[') => {
                self.place = Place::Bare;
                return Ok(());
            }
            (Place::Before, b'[') if self.depth == 1 && !self.in_string => {
                self.place = Place::Inside;
                return Ok(());
            }
            (Place::Start | Place::End, b' ' | b'\t' | b'\n' | b'\r') => self.place,
            (Place::Start, b'{') => {
                self.depth = 1;
                Place::Before
            }
            (Place::Before | Place::After, byte) => self.pass(byte)?,
            _ => return Err(BadRows::NotAnArray),
        };
        *input = input.get(1..).unwrap_or_default();
        Ok(())
    }

    /// A byte of the object outside its array.
    fn pass(&mut self, byte: u8) -> Result<Place, BadRows> {
        if self.in_string {
            let is_escaped = std::mem::take(&mut self.after_backslash);
            match byte {
                b'\\' if !is_escaped => self.after_backslash = true,
                b'"' if !is_escaped => self.in_string = false,
                _ => {}
            }
            return Ok(self.place);
        }
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth = self.depth.saturating_add(1),
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match (self.depth, self.place) {
            (0, Place::After) => Ok(Place::End),
            (0, _) => Err(BadRows::NotAnArray),
            (_, place) => Ok(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(text: &str, chunk: usize) -> Result<Vec<String>, BadRows> {
        let (mut json, mut rows) = (JsonRows::default(), Vec::new());
        for mut chunk in text.as_bytes().chunks(chunk.max(1)) {
            while let Some(row) = json.next_row(&mut chunk)? {
                rows.push(String::from_utf8(row).unwrap());
            }
        }
        json.finish().map(|()| rows)
    }

    #[rstest]
    #[case(r#"[1, 2]"#, &["1", "2"])]
    #[case(r#" {"dids":[{"a":[1]},2]} "#, &[r#"{"a":[1]}"#, "2"])]
    #[case(r#"{"numbers":["x"],"more":[1,2]}"#, &[r#""x""#])]
    #[case(r#"{"pool":{"tags":[1]},"x":"[\"","data":[3],"y":{"z":[]}}"#, &["3"])]
    #[case(r#"{"data":[]}"#, &[])]
    #[case("[]", &[])]
    fn the_first_array_is_the_rows(#[case] text: &str, #[case] rows: &[&str]) {
        for chunk in 1..9 {
            assert_eq!(read(text, chunk).unwrap(), rows, "in chunks of {chunk}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("{}")]
    #[case(r#"{"a":1}"#)]
    #[case(r#"{"a":"[1]"}"#)]
    #[case(r#"{"a":{"b":[1]}}"#)]
    #[case(r#"{"a":[1]"#)]
    #[case(r#"{"a":[1"#)]
    #[case(r#"{"a":[1]} x"#)]
    #[case(r#"{"a":[1,]}"#)]
    #[case("[1] x")]
    #[case("[1")]
    #[case("1")]
    #[case("\"[1]\"")]
    fn anything_else_is_refused(#[case] text: &str) {
        for chunk in 1..9 {
            assert_eq!(
                read(text, chunk),
                Err(BadRows::NotAnArray),
                "{text} {chunk}"
            );
        }
    }

    proptest! {
        #[test]
        fn wrapped_or_not_the_rows_are_the_same(
            rows in prop::collection::vec("[0-9]{1,3}|\"[a\\[\\]{},]{0,4}\"|\\{\"a\":\\[1\\]\\}", 0..8),
            chunk in 1..20_usize,
        ) {
            let array = format!("[{}]", rows.join(","));
            let wrapped = format!(r#"{{"n":1,"dids":{array},"rest":{{"a":[1]}}}}"#);
            prop_assert_eq!(read(&array, chunk).unwrap(), rows.clone());
            prop_assert_eq!(read(&wrapped, chunk).unwrap(), rows);
        }
    }
}
