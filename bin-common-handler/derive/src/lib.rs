//! Derives that make a struct a row of a table, and a resource with routes.
//!
//! The generated code names everything by its path in `bin_common_handler`, which re-exports these derives. Their
//! tests stand there, because a crate of derives cannot use itself; here only the reading of attributes is tested.

mod entity;
mod input;
mod patch;
mod resource;
mod row;
mod rules;

use proc_macro::TokenStream;
use syn::{DeriveInput, Result, parse_macro_input};

/// Implements `Entity` and the reading of rows: `#[entity(table = "did_usages")]`.
///
/// The fields are the columns, in order. `id`, `tm_create` and `tm_update` are required.
#[proc_macro_derive(Entity, attributes(entity))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(entity::derive(input))
}

/// Implements the reading of some columns of a row: `#[entity(table = "did_dids")]`.
///
/// The table is the one that a value which is not understood is counted for.
#[proc_macro_derive(StoredRow, attributes(entity))]
pub fn derive_stored_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(entity::derive_row(input))
}

/// Implements the reading of a row whose values sqlx reads as they are: small rows of one query.
///
/// A field is the column of its name, or what `#[row(…)]` says: `rename = "column"`, or `flatten`, for a struct that reads
/// columns of the same row.
#[proc_macro_derive(FromRow, attributes(row))]
pub fn derive_from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(row::derive(input))
}

/// Implements `Entity` and `Resource`, and makes the struct's patch:
/// `#[resource(name = "didpool", table = "did_didpools", check = path)]`.
///
/// On the struct:
/// - `name`: in events and reasons. `table`: its table.
/// - `check = path` (optional): `fn(&mut Self, Option<&Self>, Timestamp) -> Result<()>`, run after the checks of fields.
/// - `body { … }` (optional): fields of a request that are no fields of the row; they become fields of the patch.
///
/// On a field, `#[resource(…)]`:
/// - `set`: a caller may set it; it becomes a field of the patch.
/// - `filter`: its list may be filtered by it, by the kind of its type, or `filter = kind`.
/// - `max_chars = n`, `max_bytes = n`, `min = n, max = n`, `not_blank`: what it may hold, checked in this order.
/// - `check = path`: `fn(&str, &T) -> Result<_>`, given its name and its value.
///
/// `id`, `customer_id`, `tm_create`, `tm_update` and `tm_delete` are required, and set by the server.
#[proc_macro_derive(Resource, attributes(resource))]
pub fn derive_resource(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(resource::derive(input))
}

fn tokens(derived: Result<proc_macro2::TokenStream>) -> TokenStream {
    derived
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
