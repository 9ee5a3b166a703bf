//! Free text fields: strings, empty by default, with a limit.

use serde::{Deserialize, Deserializer};

use super::error::{Error, Result};

/// Longest `name`, in characters: a VARCHAR(255).
pub const NAME_MAX: usize = 255;
/// Longest `detail` and `data`, in bytes: a TEXT column.
pub const TEXT_MAX: usize = 65_535;

/// Longest sentence about what a caller sent, in bytes; libraries repeat the input in theirs.
pub const MESSAGE_MAX: usize = 1_000;

/// Cuts what is said short, at a character's end.
pub fn brief(mut said: String) -> String {
    if said.len() > MESSAGE_MAX {
        said.truncate(said.floor_char_boundary(MESSAGE_MAX));
        said.push('…');
    }
    said
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
    check(text.chars().count() <= NAME_MAX, field, "255 characters")
}

/// Checks that a text fits its column.
///
/// # Errors
/// 400 naming `field`.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    check(text.len() <= TEXT_MAX, field, "65535 bytes")
}

/// Declares an enum whose values have one written form each, the same on the wire, in SQL and in settings:
/// `text_enum!(/// Why. pub enum Role { /// May do all. Admin = "admin", … })`. The first is the default.
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident {
        $(#[$first_doc:meta])* $first:ident = $first_text:literal
        $(, $(#[$value_doc:meta])* $value:ident = $text:literal)* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            #[serde(rename = $first_text)]
            $first,
            $($(#[$value_doc])* #[serde(rename = $text)] $value,)*
        }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &'static [Self] = &[Self::$first $(, Self::$value)*];

            /// The written form of every value.
            pub const WORDS: &'static [&'static str] = &[$first_text $(, $text)*];

            /// Its written form.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$value => $text,)*
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

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("{text:?} is not known"))
            }
        }

        impl From<$name> for $crate::databasehandler::Value {
            fn from(value: $name) -> Self {
                value.as_str().into()
            }
        }
    };
}

fn check(fits: bool, field: &str, limit: &str) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "TEXT_TOO_LONG",
        format!("{field} has at most {limit}."),
    ))
}
