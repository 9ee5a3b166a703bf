//! Columns, their values, and the reading of a row.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, LitStr, Result};

use crate::input::Input;

/// `Entity` and `FromRow` of a struct with `#[entity(table = "…")]`.
///
/// # Errors
/// When the attribute or a field is missing or wrong.
pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let input = Input::of(input)?;
    let table = input.table()?;
    implement(&input, &table)
}

/// `FromRow` of a struct with `#[entity(table = "…")]`: some columns of a query.
///
/// # Errors
/// When the attribute is missing or wrong.
pub fn derive_row(input: DeriveInput) -> Result<TokenStream> {
    let input = Input::of(input)?;
    let table = input.table()?;
    Ok(from_row(&input, &table, &TokenStream::new()))
}

/// `Entity` and `FromRow` of a struct that is a row of `table`.
///
/// # Errors
/// When a field is missing.
pub fn implement(input: &Input, table: &LitStr) -> Result<TokenStream> {
    input.ensure_fields("an entity", &["id", "tm_create", "tm_update"])?;
    let ident = &input.ident;
    let columns = input.fields.iter().map(|field| field.column());
    let values = input.fields.iter().map(|field| {
        let name = &field.ident;
        quote_spanned! {field.span()=>
            ::core::convert::Into::into(::core::clone::Clone::clone(&self.#name))
        }
    });
    let settle = quote! {
        row.tm_update =
            ::bin_common_handler::databasehandler::Changed::settled(row.tm_update, row.tm_create);
    };
    let from_row = from_row(input, table, &settle);
    Ok(quote! {
        #[automatically_derived]
        impl ::bin_common_handler::databasehandler::Entity for #ident {
            const TABLE: &'static str = #table;
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];

            fn values(&self) -> ::std::vec::Vec<::bin_common_handler::databasehandler::Value> {
                ::std::vec![#(#values),*]
            }

            fn id(&self) -> ::bin_common_handler::derived::uuid::Uuid {
                self.id
            }

            fn version(&self) -> ::bin_common_handler::models::time::Timestamp {
                ::bin_common_handler::databasehandler::Changed::version(
                    self.tm_update,
                    self.tm_create,
                )
            }
        }

        #from_row
    })
}

/// Reads every field from the column of its name; `then` puts the `row` into its one form.
fn from_row(input: &Input, table: &LitStr, then: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let fields = input.fields.iter().map(|field| {
        let (name, column) = (&field.ident, field.column());
        quote_spanned! {field.span()=>
            #name: ::bin_common_handler::databasehandler::read(row, #table, #column)?
        }
    });
    // Without `then` nothing needs the row to be mutable.
    let binding = if then.is_empty() {
        quote!(row)
    } else {
        quote!(mut row)
    };
    quote! {
        #[automatically_derived]
        impl<'r, R> ::bin_common_handler::derived::sqlx::FromRow<'r, R> for #ident
        where
            R: ::bin_common_handler::derived::sqlx::Row
                + ::bin_common_handler::databasehandler::Cells,
        {
            fn from_row(
                row: &'r R,
            ) -> ::core::result::Result<Self, ::bin_common_handler::derived::sqlx::Error> {
                let #binding = Self { #(#fields),* };
                #then
                ::core::result::Result::Ok(row)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::parse_str;

    use super::*;

    #[rstest]
    #[case(
        "#[entity(table = \"x\")] struct Row { tm_create: T, tm_update: T }",
        "id"
    )]
    #[case(
        "#[entity(table = \"x\")] struct Row { id: Uuid, tm_update: T }",
        "tm_create"
    )]
    #[case(
        "#[entity(table = \"x\")] struct Row { id: Uuid, tm_create: T }",
        "tm_update"
    )]
    fn a_field_that_every_entity_has_is_missed(#[case] text: &str, #[case] name: &str) {
        let error = derive(parse_str(text).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("an entity needs a field `{name}`")
        );
    }

    #[test]
    fn a_row_may_be_any_columns() {
        let row = parse_str("#[entity(table = \"x\")] struct Level { tries: i64 }").unwrap();
        assert!(derive_row(row).is_ok());
    }
}
