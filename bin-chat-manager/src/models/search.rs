//! How messages are found.

use bin_common_handler::text_enum;

text_enum!(
    /// By what messages were found.
    pub enum SearchSource {
        /// Their words: every word of the question stands in them.
        FullText = "full_text",
        /// Their meaning, by vectors of a model.
        Semantic = "semantic",
    }
);
