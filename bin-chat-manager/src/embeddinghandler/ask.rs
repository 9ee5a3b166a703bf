//! The model that makes vectors: one request to an OpenAI-compatible server, with a time limit and a limit on its answer.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    httphandler::{HttpClient, HttpFault},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::vector::Vector;
use crate::modelserver::{ModelServer, ModelSettings};

/// Largest answer that is read, in bytes: a batch of the longest vectors as text.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// Longest text that is sent, in bytes.
const TEXT_MAX: usize = 4_000;
/// Longest name of a model's vectors, in characters.
const NAME_MAX: usize = 255;

/// The model's server.
pub(crate) const SERVER: ModelSettings = ModelSettings::new(
    [
        "EMBEDDINGS_BASE_URL",
        "EMBEDDINGS_API_KEY",
        "EMBEDDINGS_MODEL",
    ],
    "An OpenAI-compatible server whose model finds messages by their meaning, for which it reads them; empty = by their words",
    (
        "text-embedding-3-small",
        "The model of that server; with another one all messages are read anew",
    ),
);
/// How long its vectors are.
pub(crate) const DIMENSIONS: Setting<u64> = Setting::number(
    "EMBEDDINGS_DIMENSIONS",
    "256",
    0..=2_048,
    "Numbers of a vector, where the model leaves the choice; 0 = as the model has it, at most 2,048",
    "256",
);

/// Why there are no vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server does not take these texts.
    Refused,
    /// It did not answer, or not as it should; as a word for people.
    Away(&'static str),
}

impl From<HttpFault> for Fault {
    fn from(fault: HttpFault) -> Self {
        Self::Away(fault.as_str())
    }
}

/// Asks for vectors.
#[derive(Clone)]
pub(crate) struct Embedder {
    http: HttpClient,
    server: ModelServer,
    dimensions: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    #[serde(default)]
    index: usize,
    embedding: Vec<f32>,
}

impl Embedder {
    pub(crate) fn new(http: HttpClient, config: &Config) -> Self {
        Self {
            http,
            server: ModelServer::new(config, &SERVER),
            dimensions: config.get(&DIMENSIONS),
        }
    }

    /// Whether there is anybody to ask.
    pub(crate) const fn is_set(&self) -> bool {
        self.server.is_set()
    }

    /// What vectors are called that can be compared.
    pub(crate) fn name(&self) -> String {
        let name = format!("{}/{}", self.dimensions, self.server.model);
        name.chars().take(NAME_MAX).collect()
    }

    /// The vectors of these texts, in their order.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn embed(
        &self,
        texts: &[&str],
        within: Duration,
    ) -> Result<Vec<Vector>, Fault> {
        let request = self.server.post("/v1/embeddings", &self.body(texts))?;
        let request = request.within(within).at_most(ANSWER_MAX);
        let sent = self.http.send(&request).await?;
        match sent.status.as_u16() {
            200..=299 => read(sent.json()?, texts.len()),
            // Bad, too long, or not understood: the same again would be, too.
            400 | 413 | 422 => Err(Fault::Refused),
            _ => Err(Fault::Away("refused")),
        }
    }

    fn body(&self, texts: &[&str]) -> Json {
        let texts: Vec<&str> = texts.iter().map(|text| cut(text)).collect();
        let mut body =
            json!({ "model": self.server.model, "input": texts, "encoding_format": "float" });
        if self.dimensions > 0
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("dimensions".to_owned(), self.dimensions.into());
        }
        body
    }
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(TEXT_MAX);
    text.get(..end).unwrap_or_default()
}

/// One vector for each text, whatever the order of the answer.
fn read(answer: Answer, texts: usize) -> Result<Vec<Vector>, Fault> {
    let strange = Fault::Away("not_understood");
    let mut found: Vec<Option<Vector>> = vec![None; texts];
    for one in answer.data {
        let place = found.get_mut(one.index).ok_or(strange)?;
        *place = Some(Vector::new(one.embedding).ok_or(strange)?);
    }
    let whole: Option<Vec<Vector>> = found.into_iter().collect();
    whole.ok_or(strange)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(data: Json) -> Answer {
        serde_json::from_value(json!({ "data": data })).unwrap()
    }

    #[test]
    fn vectors_are_taken_by_their_place() {
        let told = answer(json!([
            {"index": 1, "embedding": [0.0, 2.0]},
            {"index": 0, "embedding": [1.0, 0.0]},
        ]));
        let expected = [vec![1.0, 0.0], vec![0.0, 1.0]].map(|it| Vector::new(it).unwrap());
        assert_eq!(read(told, 2), Ok(expected.to_vec()));
    }

    #[rstest]
    #[case::too_few(json!([{"index": 0, "embedding": [1.0]}]))]
    #[case::out_of_place(json!([{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}]))]
    #[case::one_twice(json!([{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]))]
    #[case::no_direction(json!([{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": []}]))]
    #[case::nothing(json!([]))]
    fn an_answer_that_is_not_whole_is_none(#[case] data: Json) {
        assert_eq!(read(answer(data), 2), Err(Fault::Away("not_understood")));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let long = "ä".repeat(TEXT_MAX);
        let sent = cut(&long);
        assert_eq!(sent.len(), TEXT_MAX);
        assert!(cut(&format!("x{long}")).len() < TEXT_MAX);
    }
}
