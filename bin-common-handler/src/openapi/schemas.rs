//! The schemas of a document. What a type is read from and what it is written as may differ: a field with a default may
//! be left out by a caller and is always there in a reply. Then the former is called `…Input`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value};

use crate::listenhandler::describe::SchemaOf;

/// Where definitions are.
const HOME: &str = "#/components/schemas/";
/// Where those of requests are until it is known what they are called.
const REQUESTS: &str = "#/components/requests/";

/// Makes schemas, and collects those that they refer to.
pub(super) struct Schemas {
    replies: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        Self {
            replies: generator(HOME, Contract::Serialize),
            requests: generator(REQUESTS, Contract::Deserialize),
        }
    }
}

fn generator(home: &'static str, contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = Cow::Borrowed(home.trim_start_matches('#'));
        settings.contract = contract;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

impl Schemas {
    /// The schema of something that is sent to us.
    pub(super) fn request(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.requests).into()
    }

    /// The schema of something that we answer.
    pub(super) fn reply(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.replies).into()
    }

    /// Every definition that was referred to, under the name that it has in the document.
    pub(super) fn definitions(&self) -> Map<String, Value> {
        let names = self.names();
        let mut all = self.replies.definitions().clone();
        for (name, schema) in self.requests.definitions() {
            if let Some(called) = names.get(name) {
                all.insert(called.clone(), schema.clone());
            }
        }
        all
    }

    /// Makes references of the requests' schemas right, everywhere in the document.
    pub(super) fn settle(&self, document: &mut Value) {
        rename(document, &self.names());
    }

    /// What the definitions of requests are called.
    fn names(&self) -> BTreeMap<String, String> {
        let requests = self.requests.definitions();
        let replies = self.replies.definitions();
        let mut differ: BTreeSet<&str> = BTreeSet::new();
        loop {
            let before = differ.len();
            for (name, schema) in requests {
                let as_reply = |schema: &Value| schema.to_string().replace(REQUESTS, HOME);
                let text = Value::to_string;
                let is_other = replies
                    .get(name)
                    .is_some_and(|reply| as_reply(schema) != text(reply));
                let refers = replies.contains_key(name)
                    && differ.iter().any(|other| refers_to(schema, other));
                if is_other || refers {
                    differ.insert(name);
                }
            }
            if differ.len() == before {
                break;
            }
        }
        let called = |name: &String| {
            if differ.contains(name.as_str()) {
                format!("{name}Input")
            } else {
                name.clone()
            }
        };
        requests
            .keys()
            .map(|name| (name.clone(), called(name)))
            .collect()
    }
}

fn refers_to(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let target = value.as_str().and_then(|to| to.strip_prefix(REQUESTS));
            (key == "$ref" && target == Some(name)) || refers_to(value, name)
        }),
        Value::Array(items) => items.iter().any(|item| refers_to(item, name)),
        _ => false,
    }
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = value.as_str().and_then(|to| to.strip_prefix(REQUESTS));
                match name.filter(|_| key == "$ref") {
                    Some(name) => {
                        let called = names.get(name).map_or(name, String::as_str);
                        *value = format!("{HOME}{called}").into();
                    }
                    None => rename(value, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}
