//! What is said, with the time since the call came in.

use std::time::Instant;

use serde_json::json;

use crate::output;

/// Columns of whoever speaks.
const NAME_WIDTH: usize = 18;

/// A dialogue on the screen.
pub struct Transcript {
    is_json: bool,
    began: Instant,
}

impl Transcript {
    /// Begins now.
    pub fn new(is_json: bool) -> Self {
        Self {
            is_json,
            began: Instant::now(),
        }
    }

    /// The time begins again: the call comes in.
    pub fn restart(&mut self) {
        self.began = Instant::now();
    }

    /// Somebody says or does something.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn line(&self, who: &str, text: &str) -> Result<(), String> {
        let seconds = self.began.elapsed().as_secs_f64();
        let line = if self.is_json {
            json!({"seconds": (seconds * 1_000.0).round() / 1_000.0, "who": who, "text": text})
                .to_string()
        } else {
            let text = output::printable(text);
            format!("{seconds:6.1} s  {who:NAME_WIDTH$}  {text}")
        };
        output::line(&line).map_err(|fault| fault.to_string())
    }
}
