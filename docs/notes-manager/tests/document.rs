//! What docs/new-manager.md quotes stands in the sources.

const DOCUMENT: &str = include_str!("../../new-manager.md");
const SOURCES: [&str; 7] = [
    include_str!("../src/lib.rs"),
    include_str!("../src/models.rs"),
    include_str!("../src/listenhandler.rs"),
    include_str!("../src/notehandler.rs"),
    include_str!("../src/dbhandler.rs"),
    include_str!("../src/callhandler.rs"),
    include_str!("notes.rs"),
];

#[test]
fn every_excerpt_occurs_in_a_source() {
    let blocks: Vec<&str> = DOCUMENT
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 5, "the document quotes the code");
    for block in blocks {
        let is_there = SOURCES.iter().any(|source| source.contains(block));
        assert!(is_there, "no source has this any more:\n{block}");
    }
}
