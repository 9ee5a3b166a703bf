//! What `#[resource(…)]` says of a field.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{Error, Expr, Path, Result, meta::ParseNestedMeta};

use crate::input::{Field, once, read};

/// Words of a field, for whoever wrote another.
const WORDS: &str =
    "known are set, filter, max_chars, max_bytes, min and max, not_blank, and check";

/// What may be done with a field.
#[derive(Default)]
pub struct Rules {
    /// A caller may set it.
    pub set: bool,
    /// Its list may be filtered by it: by the kind of its type, or by this one.
    pub filter: Option<Option<Expr>>,
    checks: Vec<Check>,
}

/// What a field may hold.
enum Check {
    MaxChars(Expr),
    MaxBytes(Expr),
    Range(Expr, Expr),
    NotBlank,
    With(Path),
}

impl Rules {
    /// Reads the attributes of a field.
    ///
    /// # Errors
    /// When a word is not known, is given twice, or makes no sense without another.
    pub fn of(field: &Field) -> Result<Self> {
        let mut rules = Self::default();
        let (mut min, mut max) = (None, None);
        read(&field.attrs, "resource", |meta| {
            let is = |word: &str| meta.path.is_ident(word);
            if is("min") {
                return once(&mut min, &meta, meta.value()?.parse()?);
            }
            if is("max") {
                return once(&mut max, &meta, meta.value()?.parse()?);
            }
            rules.word(&meta)
        })?;
        match (min, max) {
            (None, None) => {}
            (Some(min), Some(max)) => rules.checks.insert(0, Check::Range(min, max)),
            _ => {
                return Err(Error::new_spanned(
                    &field.ident,
                    "min and max are given together",
                ));
            }
        }
        if !rules.set && !rules.checks.is_empty() {
            return Err(Error::new_spanned(
                &field.ident,
                "a field that no caller may set needs no check; add `set`",
            ));
        }
        Ok(rules)
    }

    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let is = |word: &str| meta.path.is_ident(word);
        let check = if is("set") {
            self.set = true;
            return Ok(());
        } else if is("filter") {
            let kind = meta
                .input
                .peek(syn::Token![=])
                .then(|| meta.value()?.parse());
            return once(&mut self.filter, meta, kind.transpose()?);
        } else if is("max_chars") {
            Check::MaxChars(meta.value()?.parse()?)
        } else if is("max_bytes") {
            Check::MaxBytes(meta.value()?.parse()?)
        } else if is("not_blank") {
            Check::NotBlank
        } else if is("check") {
            Check::With(meta.value()?.parse()?)
        } else {
            return Err(meta.error(WORDS));
        };
        self.checks.push(check);
        Ok(())
    }

    /// Statements that check the field of `self`.
    pub fn checks(&self, field: &Field) -> TokenStream {
        let (name, ident) = (field.column(), &field.ident);
        let statements = self.checks.iter().map(|check| {
            let (function, rest) = match check {
                Check::MaxChars(most) => (quote_spanned!(field.span()=> max_chars), Some(most)),
                Check::MaxBytes(most) => (quote_spanned!(field.span()=> max_bytes), Some(most)),
                Check::NotBlank => (quote_spanned!(field.span()=> not_blank), None),
                Check::Range(min, max) => {
                    return quote_spanned! {field.span()=>
                        ::bin_common_handler::models::check::within(#name, &self.#ident, #min, #max)?;
                    };
                }
                Check::With(path) => {
                    return quote_spanned! {field.span()=> #path(#name, &self.#ident)?; };
                }
            };
            let rest = rest.into_iter();
            quote_spanned! {field.span()=>
                ::bin_common_handler::models::check::#function(#name, &self.#ident #(, #rest)*)?;
            }
        });
        statements.collect()
    }

    /// The limits that a JSON schema can say.
    pub fn schema_limits(&self, field: &Field) -> TokenStream {
        let limits = self.checks.iter().filter_map(|check| match check {
            Check::MaxChars(most) => {
                Some(quote_spanned!(field.span()=> #[schemars(length(max = #most))]))
            }
            Check::Range(min, max) => {
                Some(quote_spanned!(field.span()=> #[schemars(range(min = #min, max = #max))]))
            }
            Check::MaxBytes(_) | Check::NotBlank | Check::With(_) => None,
        });
        limits.collect()
    }

    /// The entry of the list's whitelist, if it has one.
    pub fn filter_entry(&self, field: &Field) -> Option<TokenStream> {
        let (name, ty) = (field.column(), &field.ty);
        let kind = match self.filter.as_ref()? {
            Some(kind) => quote_spanned!(field.span()=> #kind),
            None => quote_spanned! {field.span()=>
                <#ty as ::bin_common_handler::models::page::Filterable>::KIND
            },
        };
        Some(quote_spanned!(field.span()=> (#name, #kind)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::{DeriveInput, parse_str};

    use super::*;
    use crate::input::Input;

    fn rules(attribute: &str) -> Result<Rules> {
        let text = format!("struct Row {{ #[resource({attribute})] name: String }}");
        let input = Input::of(parse_str::<DeriveInput>(&text)?)?;
        Rules::of(&input.fields[0])
    }

    #[test]
    fn words_are_read() {
        let read = rules("set, filter, not_blank, max_chars = 255").unwrap();
        assert!(read.set && matches!(read.filter, Some(None)));
        assert!(matches!(
            read.checks[..],
            [Check::NotBlank, Check::MaxChars(_)]
        ));
        let read = rules("filter = FilterKind::Phone").unwrap();
        assert!(!read.set && matches!(read.filter, Some(Some(_))) && read.checks.is_empty());
        let read = rules("set, check = short, max = 9, min = -1").unwrap();
        assert!(matches!(
            read.checks[..],
            [Check::Range(..), Check::With(_)]
        ));
    }

    #[rstest]
    #[case("sett", "known are set, filter")]
    #[case("set, min = 1", "min and max are given together")]
    #[case("set, max = 1", "min and max are given together")]
    #[case("set, min = 1, min = 2, max = 3", "is given twice")]
    #[case("filter, filter", "is given twice")]
    #[case("not_blank", "add `set`")]
    #[case("set, max_chars", "expected `=`")]
    fn a_wrong_word_is_told(#[case] attribute: &str, #[case] told: &str) {
        let error = rules(attribute).err().unwrap().to_string();
        assert!(error.contains(told), "{error}");
    }
}
