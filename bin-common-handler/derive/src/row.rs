//! The reading of a row whose values sqlx reads as they are.
//!
//! sqlx has such a derive itself. It builds both drivers, their TLS and SQLite a second time for the host: minutes of every
//! cold build.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, LitStr, Result};

use crate::input::{Field, Input, once, read};

/// Where a field comes from.
enum From {
    /// The column of this name.
    Column(String),
    /// A struct that reads columns of the same row.
    Row,
}

impl From {
    fn of(field: &Field) -> Result<Self> {
        let (mut flatten, mut rename) = (None, None);
        read(&field.attrs, "row", |meta| {
            if meta.path.is_ident("flatten") {
                return once(&mut flatten, &meta, ());
            }
            if meta.path.is_ident("rename") {
                return once(&mut rename, &meta, meta.value()?.parse::<LitStr>()?);
            }
            Err(meta.error("there are `flatten` and `rename = \"column\"` here"))
        })?;
        match (flatten, rename) {
            (Some(()), None) => Ok(Self::Row),
            (None, rename) => Ok(Self::Column(
                rename.map_or_else(|| field.column(), |name| name.value()),
            )),
            (Some(()), Some(name)) => Err(syn::Error::new(
                name.span(),
                "what is flattened has no column of its own",
            )),
        }
    }
}

/// `FromRow` of a struct with named fields.
///
/// # Errors
/// When it is none, or an attribute is wrong.
pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let input = Input::of(input)?;
    let ident = &input.ident;
    let sqlx = quote!(::bin_common_handler::derived::sqlx);
    let (mut bounds, mut fields) = (Vec::new(), Vec::new());
    for field in &input.fields {
        let (name, kind) = (&field.ident, &field.ty);
        match From::of(field)? {
            From::Column(column) => {
                bounds.push(quote_spanned! {field.span()=>
                    #kind: #sqlx::Decode<'r, R::Database> + #sqlx::Type<R::Database>
                });
                fields.push(quote_spanned! {field.span()=>
                    #name: #sqlx::Row::try_get(row, #column)?
                });
            }
            From::Row => {
                bounds.push(quote_spanned! {field.span()=> #kind: #sqlx::FromRow<'r, R>});
                fields.push(quote_spanned! {field.span()=>
                    #name: #sqlx::FromRow::from_row(row)?
                });
            }
        }
    }
    Ok(quote! {
        #[automatically_derived]
        impl<'r, R> #sqlx::FromRow<'r, R> for #ident
        where
            R: #sqlx::Row,
            &'static str: #sqlx::ColumnIndex<R>,
            #(#bounds),*
        {
            fn from_row(row: &'r R) -> ::core::result::Result<Self, #sqlx::Error> {
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::parse_str;

    use super::*;

    #[test]
    fn a_field_is_read_from_its_column_or_from_its_own_columns() {
        let text = "struct Row { id: i64, #[row(rename = \"type\")] kind: String, #[row(flatten)] rest: Rest }";
        let derived = derive(parse_str(text).unwrap()).unwrap().to_string();
        for part in [
            "(row , \"id\")",
            "(row , \"type\")",
            "Rest : :: bin_common_handler :: derived :: sqlx :: FromRow < 'r , R >",
        ] {
            assert!(derived.contains(part), "{part}: {derived}");
        }
        assert!(!derived.contains("\"kind\"") && !derived.contains("\"rest\""));
    }

    #[rstest]
    #[case("#[row(flaten)]", "there are `flatten` and `rename")]
    #[case("#[row(flatten, flatten)]", "is given twice")]
    #[case("#[row(flatten, rename = \"x\")]", "no column of its own")]
    #[case("#[row(rename = 5)]", "expected string literal")]
    fn a_wrong_attribute_is_told(#[case] attribute: &str, #[case] told: &str) {
        let text = format!("struct Row {{ {attribute} a: i64 }}");
        let error = derive(parse_str(&text).unwrap()).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
