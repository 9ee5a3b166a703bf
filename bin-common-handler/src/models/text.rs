//! Free text fields: strings, empty by default, with a limit.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::{
    check::{ensure, max_bytes, max_chars},
    error::Result,
};

/// Longest `name`, in characters: a VARCHAR(255).
pub const NAME_MAX: usize = 255;
/// Longest `detail` and `data`, in bytes: a TEXT column.
pub const TEXT_MAX: usize = 65_535;

/// Longest sentence about what a caller sent, in bytes; libraries repeat the input in theirs.
pub const MESSAGE_MAX: usize = 1_000;

/// Bytes as hexadecimal digits, small letters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cuts what is said short, at a character's end.
pub fn brief(mut said: String) -> String {
    if said.len() > MESSAGE_MAX {
        said.truncate(said.floor_char_boundary(MESSAGE_MAX));
        said.push('…');
    }
    said
}

/// A text that others wrote, as a terminal shows it: what a terminal would obey, or what would show letters in
/// another order, is written `\u001b`. Within JSON this is the same text. Lines and tabs stay.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// What [`check_shown`] refuses, returns of the carriage, marks of direction, other line ends, marks of annotations, and tags.
pub(super) fn is_obeyed(c: char) -> bool {
    c == '\r'
        || is_unshown(c)
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character shows nothing of its own: formats (Unicode category Cf), joiners, selectors of variants, and letters
/// that are blank.
pub const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e01ef}')
}

/// What a person says to another: something that can be seen, and no control but lines and tabs.
///
/// # Errors
/// 400 naming `field`.
pub fn check_said(field: &str, text: &str) -> Result<()> {
    let is_seen = |c: char| !c.is_whitespace() && !c.is_control() && !is_invisible(c);
    ensure(text.contains(is_seen), field, "must not be empty")?;
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    ensure(
        !text.contains(is_control),
        field,
        "must not have control characters",
    )
}

/// What a person writes for others to read, also in calendars and mail, or nothing: no control but lines and tabs, and
/// nothing that shows letters in another order (Unicode's bidirectional formats).
///
/// # Errors
/// 400 naming `field`.
pub fn check_shown(field: &str, text: &str) -> Result<()> {
    ensure(
        !text.contains(is_unshown),
        field,
        "must not have control characters, nor such as turn the direction of text",
    )
}

/// The same text without what [`check_shown`] refuses.
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !is_unshown(*c)).collect()
}

/// Controls (C0, DEL, C1) but lines and tabs, and what turns the direction of a text.
fn is_unshown(c: char) -> bool {
    let is_control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    is_control || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// For `#[serde(default, deserialize_with = "null_is_default")]`: null as if it were missing.
///
/// # Errors
/// When the value is of another type.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Checks that a name fits its column.
///
/// # Errors
/// 400 naming `field`.
pub fn check_name(field: &str, text: &str) -> Result<()> {
    max_chars(field, text, NAME_MAX)
}

/// Checks that a text fits its column.
///
/// # Errors
/// 400 naming `field`.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    max_bytes(field, text, TEXT_MAX)
}

/// Declares an enum whose values have one written form each, the same on the wire, in SQL and in settings:
/// `text_enum!(/// Why. pub enum Role { /// May do all. Admin = "admin", … })`. The first is the default.
///
/// A text in the database that is none of them is read as `Other`, and written as it was; no caller may send one.
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident {
        $(#[$first_doc:meta])* $first:ident = $first_text:literal
        $(, $(#[$value_doc:meta])* $value:ident = $text:literal)* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            $first,
            $($(#[$value_doc])* $value,)*
            /// A stored text that is not known here: passed on as it is, and never acted on.
            Other(&'static str),
        }

        impl $name {
            /// Every known value, in the order of its declaration.
            pub const ALL: &'static [Self] = &[Self::$first $(, Self::$value)*];

            /// The written form of every value.
            pub const WORDS: &'static [&'static str] = &[$first_text $(, $text)*];

            /// Its written form.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$value => $text,)*
                    Self::Other(text) => text,
                }
            }

            /// From its written form.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::models::text::one_of(deserializer, Self::ALL, Self::as_str)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": Self::WORDS })
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("{text:?} is not known"))
            }
        }

        impl $crate::models::page::Filterable for $name {
            const KIND: $crate::models::page::FilterKind =
                $crate::models::page::FilterKind::OneOf(Self::WORDS);
        }

        impl $crate::databasehandler::Stored for $name {
            fn stored(cell: $crate::databasehandler::Cell<'_>) -> Result<Self, Self> {
                let (Ok(text) | Err(text)) =
                    <String as $crate::databasehandler::Stored>::stored(cell);
                Self::parse(&text).ok_or_else(|| {
                    Self::Other($crate::databasehandler::lasting(&text))
                })
            }
        }

        impl From<$name> for $crate::databasehandler::Value {
            fn from(value: $name) -> Self {
                value.as_str().into()
            }
        }
    };
}

/// Reads one of the known values of a [`text_enum!`](crate::text_enum).
///
/// # Errors
/// When it is none of them; the error names them.
pub fn one_of<'de, D, T>(
    deserializer: D,
    all: &'static [T],
    as_str: fn(T) -> &'static str,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Copy,
{
    struct OneOf<T: 'static>(&'static [T], fn(T) -> &'static str);

    impl<T: Copy> OneOf<T> {
        fn wanted(&self) -> String {
            let known: Vec<_> = self.0.iter().map(|value| (self.1)(*value)).collect();
            let known: Vec<_> = known
                .into_iter()
                .map(|text| if text.is_empty() { "\"\"" } else { text })
                .collect();
            format!("must be one of {}", known.join(", "))
        }
    }

    impl<T: Copy> Visitor<'_> for OneOf<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.wanted())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            let found = self
                .0
                .iter()
                .copied()
                .find(|value| (self.1)(*value) == text);
            found.ok_or_else(|| E::custom(self.wanted()))
        }
    }

    deserializer.deserialize_str(OneOf(all, as_str))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Hi", true)]
    #[case("two\r\nlines\tand a tab \u{1f468}\u{200d}\u{1f469}", true)]
    #[case("\u{202b}\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202c}", true)]
    #[case("", false)]
    #[case(" \n", false)]
    #[case("\0", false)]
    #[case("a\0b", false)]
    #[case("a\u{1b}[2J", false)]
    #[case("\u{202e}\u{202e}", false)]
    #[case("\u{200b}\u{feff}\u{3164}", false)]
    #[case("\u{891}\u{110bd}\u{1d173}", false)]
    fn what_is_said_can_be_read(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(check_said("body", text).is_ok(), expected);
    }

    #[rstest]
    #[case("", "")]
    #[case(
        "12 Main St\r\n\tAcme 日本 \u{200f}\u{5e9}",
        "12 Main St\r\n\tAcme 日本 \u{200f}\u{5e9}"
    )]
    #[case("a\0b", "ab")]
    #[case("a\u{1b}[2J", "a[2J")]
    #[case("a\u{9b}", "a")]
    #[case("nice \u{202e}live\u{202c}", "nice live")]
    #[case("\u{2066}x\u{2069}", "x")]
    fn what_others_read_hides_nothing(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(shown(text), expected);
        assert_eq!(check_shown("title", text).is_ok(), text == expected);
    }

    #[rstest]
    #[case("plain é 日本 😀", "plain é 日本 😀")]
    #[case("two\nlines\tand a tab", "two\nlines\tand a tab")]
    #[case::escape("a\u{1b}[2J", "a\\u001b[2J")]
    #[case::bell("\u{7}", "\\u0007")]
    #[case::backspace("a\u{8}b", "a\\u0008b")]
    #[case::carriage_return("good\rbad", "good\\u000dbad")]
    #[case::null("\0", "\\u0000")]
    #[case::delete("\u{7f}", "\\u007f")]
    #[case::c1_csi("\u{9b}31m", "\\u009b31m")]
    #[case::c1_osc("\u{9d}0;title\u{9c}", "\\u009d0;title\\u009c")]
    #[case::c1_next_line("\u{85}", "\\u0085")]
    #[case::override_right("abc\u{202e}fdp.exe", "abc\\u202efdp.exe")]
    #[case::override_left("\u{202d}", "\\u202d")]
    #[case::embedding("\u{202a}\u{202b}\u{202c}", "\\u202a\\u202b\\u202c")]
    #[case::isolates("\u{2066}\u{2067}\u{2068}\u{2069}", "\\u2066\\u2067\\u2068\\u2069")]
    #[case::marks("\u{200e}\u{200f}\u{61c}", "\\u200e\\u200f\\u061c")]
    #[case::line_ends("\u{2028}\u{2029}", "\\u2028\\u2029")]
    #[case::tags("\u{e0041}", "\\udb40\\udc41")]
    fn a_terminal_obeys_nobody(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(escaped(text), shown);
    }

    #[test]
    fn json_stays_the_same_text() {
        let text = "a\u{9b}b\u{202e}c\u{e0041}d";
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(
            serde_json::from_str::<String>(&escaped(&json)).unwrap(),
            text
        );
    }
}
