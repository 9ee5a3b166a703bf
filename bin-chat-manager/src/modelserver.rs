//! An OpenAI-compatible server: the settings that name one, and a request to it. What is asked is its users' matter.

use bin_common_handler::{
    config::{Config, Setting},
    httphandler::{HttpFault, HttpRequest, Method},
    redact::Secret,
};
use serde::Serialize;

/// The settings of one server.
pub(crate) struct ModelSettings {
    /// The server; empty for none.
    pub base_url: Setting<String>,
    /// Its key.
    pub api_key: Setting<Secret>,
    /// Its model.
    pub model: Setting<String>,
}

impl ModelSettings {
    /// The settings of these names, in the order of the fields. `server_help` says what the server is for; `model` is the
    /// default and its help.
    pub(crate) const fn new(
        [base_url, api_key, model]: [&'static str; 3],
        server_help: &'static str,
        (default_model, model_help): (&'static str, &'static str),
    ) -> Self {
        Self {
            base_url: Setting::web_address(base_url, "", server_help, "https://api.openai.com"),
            api_key: Setting::secret(api_key, "", "The key of that server", "sk-..."),
            model: Setting::text(model, default_model, model_help, default_model),
        }
    }
}

/// One server.
#[derive(Clone)]
pub(crate) struct ModelServer {
    url: String,
    key: Secret,
    /// The model that is asked.
    pub model: String,
}

impl ModelServer {
    pub(crate) fn new(config: &Config, settings: &ModelSettings) -> Self {
        Self {
            url: config.get(&settings.base_url),
            key: config.get(&settings.api_key),
            model: config.get(&settings.model),
        }
    }

    /// Whether there is anybody to ask.
    pub(crate) const fn is_set(&self) -> bool {
        !self.url.is_empty()
    }

    /// A request to `path`, with the key where there is one.
    ///
    /// # Errors
    /// A key that no header can hold, a body without a JSON form.
    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Result<HttpRequest, HttpFault> {
        let base = self.url.trim_end_matches('/');
        let request = HttpRequest::new(Method::POST, format!("{base}{path}")).json(body)?;
        if self.key.is_empty() {
            return Ok(request);
        }
        request.header("authorization", &format!("Bearer {}", self.key.expose()))
    }
}
