//! For each route a request that its owner is answered with success, and the ids and texts in it that could be
//! another tenant's. Each manager has a file of its own.

mod call;
mod chat;
mod did;
mod outdial;

use std::{cell::RefCell, collections::BTreeSet};

use bin_common_handler::{ids, listenhandler::RouteInfo};
use serde_json::Value as Json;

use crate::{
    contact_center::holder,
    tenant::{Values, urlencoded},
};

/// What goes with a route's path.
#[derive(Debug, Default, Clone)]
pub struct Sample {
    pub query: String,
    pub body: Option<Json>,
    /// What its owner is answered when it is asked for again.
    pub status: u16,
}

/// Gives values out and notes which were wanted: those could be another's.
pub struct Picker<'v> {
    values: &'v Values,
    /// Which of them is not the caller's own.
    swapped: &'v str,
    picked: RefCell<BTreeSet<&'static str>>,
}

impl<'v> Picker<'v> {
    pub fn new(values: &'v Values) -> Self {
        Self {
            values,
            swapped: "",
            picked: RefCell::default(),
        }
    }

    /// With one of the values another's, or nobody's.
    pub fn with_swapped(self, swapped: &'v str) -> Self {
        Self { swapped, ..self }
    }

    /// What could be another's.
    pub fn pick(&self, name: &str) -> &'v str {
        let (name, value) = self
            .values
            .get_key_value(name)
            .unwrap_or_else(|| panic!("no tenant has a value for {name}: let Tenant::new make it"));
        self.picked.borrow_mut().insert(name);
        value
    }

    /// What is always the caller's own.
    pub fn own(&self, name: &str) -> &'v str {
        self.values.get(name).unwrap()
    }

    /// The dialer's id of a call: another call each time, or it would be a repetition of the one before.
    fn call(&self) -> String {
        let uniqueid = self.pick("uniqueid");
        if self.swapped == "uniqueid" {
            uniqueid.to_owned()
        } else {
            format!("{uniqueid}.{}", ids::next())
        }
    }

    /// The route's path with its placeholders filled in.
    pub fn path(&self, route: &RouteInfo) -> String {
        let segments = route.template.split('/').map(|segment| {
            placeholder(segment).map_or(segment, |name| self.pick(holder(route.template, name)))
        });
        segments.collect::<Vec<_>>().join("/")
    }

    pub fn picked(self) -> BTreeSet<&'static str> {
        self.picked.into_inner()
    }
}

/// The name in a segment of a template that stands for a value.
fn placeholder(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('<')?.strip_suffix('>')
}

/// Whether this value stands in the route's path.
pub fn is_in_path(route: &RouteInfo, name: &str) -> bool {
    let placeholders = route.template.split('/').filter_map(placeholder);
    placeholders
        .map(|placeholder| holder(route.template, placeholder))
        .any(|holder| holder == name)
}

/// What goes with a route's path; a route that is not here fails the proof.
pub fn of(route: &RouteInfo, picker: &Picker<'_>) -> Sample {
    let sample = did::sample(route, picker)
        .or_else(|| outdial::sample(route))
        .or_else(|| call::sample(route, picker))
        .or_else(|| chat::sample(route, picker));
    let (method, template) = (route.method, route.template);
    sample.unwrap_or_else(|| panic!("{method} {template} has no sample in {}", file!()))
}

pub fn nothing() -> Sample {
    Sample {
        status: 200,
        ..Sample::default()
    }
}

pub fn body(body: Json) -> Sample {
    Sample {
        body: Some(body),
        ..nothing()
    }
}

pub(super) fn query(pairs: &[(&str, &str)]) -> Sample {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", urlencoded(value)));
    Sample {
        query: pairs.collect::<Vec<_>>().join("&"),
        ..nothing()
    }
}
