//! The struct that is derived for: its fields, and attributes read once each.

use proc_macro2::{Ident, Span};
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Generics, LitStr, Result, Type, Visibility,
    ext::IdentExt, meta::ParseNestedMeta, spanned::Spanned,
};

/// A struct with named fields.
pub struct Input {
    pub ident: Ident,
    pub vis: Visibility,
    pub attrs: Vec<Attribute>,
    pub fields: Vec<Field>,
}

/// A field, which is a column.
pub struct Field {
    pub ident: Ident,
    pub ty: Type,
    pub attrs: Vec<Attribute>,
}

impl Field {
    pub fn column(&self) -> String {
        self.ident.unraw().to_string()
    }

    pub fn span(&self) -> Span {
        self.ty.span()
    }
}

impl Input {
    /// Reads the struct.
    ///
    /// # Errors
    /// When it is no struct with named fields, or has parameters.
    pub fn of(input: DeriveInput) -> Result<Self> {
        ensure_no_parameters(&input.generics)?;
        let Data::Struct(data) = input.data else {
            return Err(Error::new_spanned(
                input.ident,
                "only a struct can be a row of a table",
            ));
        };
        let Fields::Named(fields) = data.fields else {
            return Err(Error::new_spanned(
                input.ident,
                "a row of a table needs named fields: they are its columns",
            ));
        };
        let fields = fields.named.into_iter().filter_map(|field| {
            Some(Field {
                ident: field.ident?,
                ty: field.ty,
                attrs: field.attrs,
            })
        });
        Ok(Self {
            ident: input.ident,
            vis: input.vis,
            attrs: input.attrs,
            fields: fields.collect(),
        })
    }

    /// Refuses a struct without the fields that `what` needs.
    ///
    /// # Errors
    /// Naming the first that is missing.
    pub fn ensure_fields(&self, what: &str, names: &[&str]) -> Result<()> {
        let has = |name: &&&str| self.fields.iter().any(|field| field.ident == **name);
        match names.iter().find(|name| !has(name)) {
            None => Ok(()),
            Some(missing) => Err(Error::new_spanned(
                &self.ident,
                format!("{what} needs a field `{missing}`"),
            )),
        }
    }

    /// The table of `#[entity(table = "…")]`.
    ///
    /// # Errors
    /// When it is missing, or something else stands there.
    pub fn table(&self) -> Result<LitStr> {
        let mut table = None;
        read(&self.attrs, "entity", |meta| {
            if meta.path.is_ident("table") {
                return once(&mut table, &meta, meta.value()?.parse()?);
            }
            Err(meta.error("there is only `table` here"))
        })?;
        table.ok_or_else(|| {
            Error::new_spanned(
                &self.ident,
                "say the table: #[entity(table = \"manager_rows\")]",
            )
        })
    }
}

fn ensure_no_parameters(generics: &Generics) -> Result<()> {
    if generics.params.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(
        generics,
        "a row of a table has no type parameters or lifetimes",
    ))
}

/// Reads everything in the attributes of this name.
///
/// # Errors
/// Whatever `each` says.
pub fn read(
    attrs: &[Attribute],
    name: &str,
    mut each: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        attr.parse_nested_meta(&mut each)?;
    }
    Ok(())
}

/// Takes a value that may be given once.
///
/// # Errors
/// When it was given before.
pub fn once<T>(place: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    if place.replace(value).is_some() {
        return Err(meta.error("is given twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::parse_str;

    use super::*;

    fn input(text: &str) -> Result<Input> {
        Input::of(parse_str(text)?)
    }

    #[test]
    fn the_fields_are_the_columns_in_order() {
        let input = input("#[entity(table = \"x_rows\")] struct Row { id: Uuid, r#type: String }");
        let input = input.unwrap();
        let columns: Vec<_> = input.fields.iter().map(Field::column).collect();
        assert_eq!(columns, ["id", "type"]);
        assert_eq!(input.table().unwrap().value(), "x_rows");
    }

    #[rstest]
    #[case("enum Row { A }", "only a struct can be a row of a table")]
    #[case("struct Row(u8);", "needs named fields")]
    #[case("struct Row<T> { id: T }", "no type parameters")]
    fn what_cannot_be_a_row_is_told(#[case] text: &str, #[case] told: &str) {
        let error = input(text).err().unwrap().to_string();
        assert!(error.contains(told), "{error}");
    }

    #[rstest]
    #[case("struct Row { id: Uuid }", "say the table")]
    #[case(
        "#[entity(tabel = \"x\")] struct Row { id: Uuid }",
        "there is only `table` here"
    )]
    #[case(
        "#[entity(table = \"x\", table = \"y\")] struct Row { id: Uuid }",
        "is given twice"
    )]
    #[case(
        "#[entity(table = 5)] struct Row { id: Uuid }",
        "expected string literal"
    )]
    fn a_wrong_table_is_told(#[case] text: &str, #[case] told: &str) {
        let error = input(text).unwrap().table().err().unwrap().to_string();
        assert!(error.contains(told), "{error}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let input = input("struct Row { id: Uuid, tm_create: Timestamp }").unwrap();
        assert!(input.ensure_fields("a row", &["id", "tm_create"]).is_ok());
        let error = input.ensure_fields("an entity", &["id", "tm_update"]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "an entity needs a field `tm_update`"
        );
    }
}
