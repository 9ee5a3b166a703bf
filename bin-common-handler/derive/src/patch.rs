//! The typed patch of a resource: what a caller sends of it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Error, ExprPath, Field as BodyField, LitStr, Result, parse_str};

use crate::{
    input::{Field, Input},
    rules::Rules,
};

/// The patch's name.
pub fn name(input: &Input) -> Ident {
    format_ident!("{}Patch", input.ident)
}

/// The struct, its reading, and how it is put onto a row. `settable` are the row's fields that a caller may set,
/// `body` the fields that only a request has.
///
/// # Errors
/// When an attribute of a field cannot be carried over.
pub fn implement(
    input: &Input,
    settable: &[(&Field, &Rules)],
    body: &[BodyField],
) -> Result<TokenStream> {
    let (ident, patch, vis) = (&input.ident, name(input), &input.vis);
    let doc = format!(
        "What a caller sends of a [`{ident}`]: each field absent, null (its default) or a value."
    );
    let fields = settable
        .iter()
        .map(|(field, rules)| declare(field, rules, &patch))
        .collect::<Result<Vec<_>>>()?;
    let readers = settable
        .iter()
        .map(|(field, _)| reader(field))
        .collect::<Result<TokenStream>>()?;
    let apply = settable.iter().map(|(field, _)| {
        let name = &field.ident;
        quote_spanned! {field.span()=> self.#name.apply(&mut row.#name, || default().#name); }
    });
    let keys = keys(settable, body);
    Ok(quote! {
        #[doc = #doc]
        #[derive(
            ::core::fmt::Debug,
            ::core::clone::Clone,
            ::core::default::Default,
            ::bin_common_handler::derived::serde::Deserialize,
            ::bin_common_handler::schemars::JsonSchema,
        )]
        #[serde(default, crate = "::bin_common_handler::derived::serde")]
        #[schemars(crate = "::bin_common_handler::schemars")]
        #vis struct #patch {
            /// The tenant of a new row; whoever is confined to one may leave it out.
            pub customer_id: ::bin_common_handler::resource::NamedCustomer,
            #(#fields,)*
            #(#body,)*
        }

        #[automatically_derived]
        impl #patch {
            #readers
        }

        #[automatically_derived]
        impl ::bin_common_handler::resource::ResourcePatch for #patch {
            type Row = #ident;
            const KEYS: &'static [&'static str] = &["customer_id", #(#keys),*];

            fn apply(&self, row: &mut #ident) {
                let default = <#ident as ::core::default::Default>::default;
                #(#apply)*
            }

            fn customer_id(&self) -> &::bin_common_handler::resource::NamedCustomer {
                &self.customer_id
            }
        }
    })
}

/// The names of the keys, beside `customer_id`.
fn keys(settable: &[(&Field, &Rules)], body: &[BodyField]) -> Vec<String> {
    let own = settable.iter().map(|(field, _)| field.column());
    let more = body.iter().filter_map(|field| field.ident.as_ref());
    own.chain(more.map(ToString::to_string)).collect()
}

/// One field: its words for people and its schema go along.
fn declare(field: &Field, rules: &Rules, patch: &Ident) -> Result<TokenStream> {
    let (name, ty) = (&field.ident, &field.ty);
    let docs = field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"));
    let with = read_with(field)?.map(|_| {
        let path = format!("{patch}::{}", reader_name(field));
        quote!(#[serde(deserialize_with = #path)])
    });
    let schema = schema_type(field)?.map(|ty| {
        let ty = format!("::core::option::Option<{ty}>");
        quote!(#[schemars(with = #ty)])
    });
    let limits = rules.schema_limits(field);
    Ok(quote_spanned! {field.span()=>
        #(#docs)*
        #with
        #schema
        #limits
        pub #name: ::bin_common_handler::models::patch::Patch<#ty>
    })
}

fn reader_name(field: &Field) -> Ident {
    format_ident!("read_{}", field.column())
}

/// A field that the row reads in its own way is read so in the patch, unless it is null.
fn reader(field: &Field) -> Result<TokenStream> {
    let Some(path) = read_with(field)? else {
        return Ok(TokenStream::new());
    };
    let (name, ty) = (reader_name(field), &field.ty);
    Ok(quote_spanned! {field.span()=>
        fn #name<'de, D>(
            reader: D,
        ) -> ::core::result::Result<::bin_common_handler::models::patch::Patch<#ty>, D::Error>
        where
            D: ::bin_common_handler::derived::serde::Deserializer<'de>,
        {
            struct Read(#ty);

            impl<'de> ::bin_common_handler::derived::serde::Deserialize<'de> for Read {
                fn deserialize<D>(reader: D) -> ::core::result::Result<Self, D::Error>
                where
                    D: ::bin_common_handler::derived::serde::Deserializer<'de>,
                {
                    #path(reader).map(Self)
                }
            }

            let read: ::bin_common_handler::models::patch::Patch<Read> =
                ::bin_common_handler::derived::serde::Deserialize::deserialize(reader)?;
            ::core::result::Result::Ok(read.map(|Read(value)| value))
        }
    })
}

/// The function of `#[serde(deserialize_with = "…")]`.
fn read_with(field: &Field) -> Result<Option<ExprPath>> {
    let mut found = None;
    for attr in field.attrs.iter().filter(|attr| is_serde(attr)) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("deserialize_with") {
                let path: LitStr = meta.value()?.parse()?;
                found = Some(parse_str(&path.value())?);
                return Ok(());
            }
            // What is never shown, e.g. a secret, may still be set.
            let is_plain = ["default", "skip_serializing"]
                .iter()
                .any(|word| meta.path.is_ident(word));
            if is_plain && !meta.input.peek(syn::Token![=]) {
                return Ok(());
            }
            Err(meta.error(
                "a field that a caller may set takes only `deserialize_with`, `default` and \
                 `skip_serializing` of serde",
            ))
        })?;
    }
    Ok(found)
}

/// The type of `#[schemars(with = "…")]`; what else stands there is of the row alone.
fn schema_type(field: &Field) -> Result<Option<String>> {
    let mut found = None;
    let of_schema = field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("schemars"));
    for attr in of_schema {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("with") {
                let ty: LitStr = meta.value()?.parse()?;
                found = Some(ty.value());
                return Ok(());
            }
            Err(meta.error("a field that a caller may set takes only `with` of schemars"))
        })?;
    }
    Ok(found)
}

fn is_serde(attr: &Attribute) -> bool {
    attr.path().is_ident("serde")
}

/// Refuses a field of `body { … }` that the patch has already.
///
/// # Errors
/// Naming it.
pub fn ensure_distinct(settable: &[(&Field, &Rules)], body: &[BodyField]) -> Result<()> {
    let taken = keys(settable, &[]);
    let is_taken = |name: &Ident| name == "customer_id" || taken.iter().any(|it| name == it);
    let mut names = body.iter().filter_map(|field| field.ident.as_ref());
    match names.find(|name| is_taken(name)) {
        None => Ok(()),
        Some(name) => Err(Error::new_spanned(name, "the patch has this field already")),
    }
}

/// Reads `body { … }`; its fields are public, as the others of the patch.
///
/// # Errors
/// When these are no named fields.
pub fn body_fields(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<Vec<BodyField>> {
    let fields: syn::FieldsNamed = meta.input.parse()?;
    let public = |field| BodyField {
        vis: syn::parse_quote!(pub),
        ..field
    };
    Ok(fields.named.into_iter().map(public).collect())
}
