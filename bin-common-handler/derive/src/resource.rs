//! A resource: an entity with a name, filters, checks and a patch.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Field as BodyField, LitStr, Path, Result};

use crate::{
    entity,
    input::{Field, Input, once, read},
    patch,
    rules::Rules,
};

/// Set by the server, never by a caller.
const SYSTEM_FIELDS: [&str; 5] = ["id", "customer_id", "tm_create", "tm_update", "tm_delete"];

/// What `#[resource(…)]` says of the struct.
struct Options {
    name: LitStr,
    table: LitStr,
    check: Option<Path>,
    body: Vec<BodyField>,
}

impl Options {
    fn of(input: &Input) -> Result<Self> {
        let (mut name, mut table, mut check, mut body) = (None, None, None, None);
        read(&input.attrs, "resource", |meta| {
            let is = |word: &str| meta.path.is_ident(word);
            if is("name") {
                once(&mut name, &meta, meta.value()?.parse()?)
            } else if is("table") {
                once(&mut table, &meta, meta.value()?.parse()?)
            } else if is("check") {
                once(&mut check, &meta, meta.value()?.parse()?)
            } else if is("body") {
                once(&mut body, &meta, patch::body_fields(&meta)?)
            } else {
                Err(meta.error("known are name, table, check, and body { … }"))
            }
        })?;
        let missing = |what: &str| {
            let text =
                format!("say the {what}: #[resource(name = \"row\", table = \"manager_rows\")]");
            Error::new_spanned(&input.ident, text)
        };
        Ok(Self {
            name: name.ok_or_else(|| missing("name"))?,
            table: table.ok_or_else(|| missing("table"))?,
            check,
            body: body.unwrap_or_default(),
        })
    }
}

/// `Entity`, `Resource` and the patch of a struct with `#[resource(…)]`.
///
/// # Errors
/// When an attribute or a field is missing or wrong.
pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let input = Input::of(input)?;
    let options = Options::of(&input)?;
    input.ensure_fields("a resource", &SYSTEM_FIELDS)?;
    let rules = input
        .fields
        .iter()
        .map(|field| Ok((field, rules_of(field)?)))
        .collect::<Result<Vec<_>>>()?;
    let settable: Vec<_> = rules
        .iter()
        .filter_map(|(field, rules)| rules.set.then_some((*field, rules)))
        .collect();
    patch::ensure_distinct(&settable, &options.body)?;
    let entity = entity::implement(&input, &options.table)?;
    let patch = patch::implement(&input, &settable, &options.body)?;
    let resource = implement(&input, &options, &rules, &settable);
    Ok(quote! { #entity #patch #resource })
}

fn rules_of(field: &Field) -> Result<Rules> {
    let rules = Rules::of(field)?;
    let is_system = SYSTEM_FIELDS.iter().any(|name| field.ident == name);
    if is_system && (rules.set || rules.filter.is_some()) {
        return Err(Error::new_spanned(
            &field.ident,
            "the server sets this field; its filter is there in any case, where it has one",
        ));
    }
    Ok(rules)
}

fn implement(
    input: &Input,
    options: &Options,
    rules: &[(&Field, Rules)],
    settable: &[(&Field, &Rules)],
) -> TokenStream {
    let (ident, name, patch) = (&input.ident, &options.name, patch::name(input));
    let names = settable.iter().map(|(field, _)| field.column());
    let filters = rules
        .iter()
        .filter_map(|(field, rules)| rules.filter_entry(field));
    let checks = rules.iter().map(|(field, rules)| rules.checks(field));
    let last = options.check.as_ref().map_or_else(
        || quote! { let _ = (before, now); ::core::result::Result::Ok(()) },
        |path| quote! { #path(self, before, now) },
    );
    quote! {
        #[automatically_derived]
        impl ::bin_common_handler::resource::Resource for #ident {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            const FILTERS: &'static [::bin_common_handler::models::page::Filter] = &[
                ("id", ::bin_common_handler::models::page::FilterKind::Uuid),
                ("customer_id", ::bin_common_handler::models::page::FilterKind::Uuid),
                #(#filters,)*
                ("deleted", ::bin_common_handler::models::page::FilterKind::Deleted),
            ];
            type Patch = #patch;

            fn set_created(
                &mut self,
                id: ::bin_common_handler::derived::uuid::Uuid,
                customer_id: ::bin_common_handler::derived::uuid::Uuid,
                now: ::bin_common_handler::models::time::Timestamp,
            ) {
                self.id = id;
                self.customer_id = customer_id;
                self.tm_create = now;
                self.tm_update = ::bin_common_handler::databasehandler::Changed::created(now);
                self.tm_delete = ::core::option::Option::None;
            }

            fn set_updated(&mut self, now: ::bin_common_handler::models::time::Timestamp) {
                self.tm_update = ::bin_common_handler::databasehandler::Changed::updated(now);
            }

            fn set_deleted(&mut self, now: ::bin_common_handler::models::time::Timestamp) {
                self.set_updated(now);
                self.tm_delete = ::core::option::Option::Some(now);
            }

            fn customer_id(&self) -> ::bin_common_handler::derived::uuid::Uuid {
                self.customer_id
            }

            fn tm_create(&self) -> ::bin_common_handler::models::time::Timestamp {
                self.tm_create
            }

            fn tm_delete(
                &self,
            ) -> ::core::option::Option<::bin_common_handler::models::time::Timestamp> {
                self.tm_delete
            }

            fn check(
                &mut self,
                before: ::core::option::Option<&Self>,
                now: ::bin_common_handler::models::time::Timestamp,
            ) -> ::bin_common_handler::models::error::Result<()> {
                #(#checks)*
                #last
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::parse_str;

    use super::*;

    const SYSTEM: &str = "id: Uuid, customer_id: Uuid, tm_create: T, tm_update: T, tm_delete: T";

    fn told(attribute: &str, fields: &str) -> String {
        let text = format!("#[resource({attribute})] struct Row {{ {fields} }}");
        match derive(parse_str(&text).unwrap()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_declaration_is_enough() {
        let fields = format!("{SYSTEM}, #[resource(set, filter, max_chars = 255)] name: String");
        let attribute = "name = \"row\", table = \"x_rows\", body { extra: Patch<String> }";
        assert_eq!(told(attribute, &fields), "");
    }

    #[rstest]
    #[case("table = \"x\"", SYSTEM, "say the name")]
    #[case("name = \"x\"", SYSTEM, "say the table")]
    #[case("name = \"x\", tables = \"y\"", SYSTEM, "known are name, table")]
    #[case(
        "name = \"x\", table = \"y\"",
        "id: Uuid",
        "a resource needs a field `customer_id`"
    )]
    #[case(
        "name = \"x\", table = \"y\"",
        "id: Uuid, customer_id: Uuid, tm_create: T, tm_delete: T",
        "a resource needs a field `tm_update`"
    )]
    fn a_wrong_declaration_is_told(
        #[case] attribute: &str,
        #[case] fields: &str,
        #[case] wanted: &str,
    ) {
        let said = told(attribute, fields);
        assert!(said.contains(wanted), "{said}");
    }

    #[rstest]
    #[case("#[resource(set)] id: Uuid", "the server sets this field")]
    #[case("#[resource(filter)] tm_delete: T", "the server sets this field")]
    #[case("#[resource(set, often)] name: String", "known are set, filter")]
    #[case(
        "#[resource(set)] #[serde(rename = \"label\")] name: String",
        "takes only `deserialize_with`"
    )]
    #[case("#[resource(set)] extra: String", "the patch has this field already")]
    fn a_wrong_field_is_told(#[case] field: &str, #[case] wanted: &str) {
        let fields = format!("{SYSTEM}, {field}");
        let attribute = "name = \"x\", table = \"y\", body { extra: Patch<String> }";
        let said = told(attribute, &fields);
        assert!(said.contains(wanted), "{said}");
    }
}
