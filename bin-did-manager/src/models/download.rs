//! A page of a file that is sent in pages.

use serde::Serialize;

/// As the bridge puts files together.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct DownloadPage {
    /// Whole lines.
    pub text: String,
    /// Where the next page begins; empty after the last.
    pub next_page_token: String,
}
