//! Summaries without a model: sentences and words that stand in the conversation itself, chosen by how often their words
//! come again.

use std::collections::HashMap;

/// Sentences of a summary, and points of a list.
const SENTENCES: usize = 3;
const POINTS: usize = 5;
/// Words of a topic.
const TOPIC: usize = 3;
/// Longest sentence that is taken, in characters.
const SENTENCE_MAX: usize = 240;
/// Shorter words say little.
const WORD_MIN: usize = 4;
/// Longer ones that say as little.
const EMPTY: &[&str] = &[
    "about", "after", "again", "also", "been", "before", "could", "does", "doing", "from", "good",
    "have", "hello", "here", "into", "just", "know", "like", "make", "more", "need", "okay",
    "only", "please", "some", "sure", "thank", "thanks", "that", "them", "then", "there", "they",
    "this", "time", "today", "want", "well", "were", "what", "when", "where", "which", "will",
    "with", "would", "yeah", "your", "yours",
];
const GOOD: &[&str] = &[
    "amazing",
    "appreciate",
    "awesome",
    "excellent",
    "glad",
    "good",
    "great",
    "happy",
    "helpful",
    "love",
    "nice",
    "perfect",
    "thank",
    "thanks",
    "wonderful",
];
const BAD: &[&str] = &[
    "angry",
    "annoyed",
    "awful",
    "bad",
    "broken",
    "cancel",
    "complaint",
    "disappointed",
    "hate",
    "horrible",
    "never",
    "poor",
    "refund",
    "ridiculous",
    "rude",
    "slow",
    "terrible",
    "unacceptable",
    "upset",
    "useless",
    "waste",
    "worst",
    "wrong",
];

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn telling(text: &str) -> impl Iterator<Item = String> + '_ {
    words(text)
        .filter(|word| word.chars().count() >= WORD_MIN && !EMPTY.contains(&word.as_str()))
        .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
}

fn counts(texts: &[&str]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in texts.iter().flat_map(|text| telling(text)) {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The sentences that say most, in their order.
fn sentences(texts: &[&str], most: usize) -> Vec<String> {
    let counts = counts(texts);
    let all = texts
        .iter()
        .flat_map(|text| text.split(['.', '!', '?', '\n']));
    let mut rated: Vec<(usize, usize, String)> = Vec::new();
    for (at, sentence) in all.enumerate() {
        let sentence: String = sentence.trim().chars().take(SENTENCE_MAX).collect();
        let score = telling(&sentence).map(|word| counts.get(&word).copied().unwrap_or(0));
        let score: usize = score.sum();
        let is_new = rated.iter().all(|(_, _, known)| *known != sentence);
        if score > 0 && is_new {
            rated.push((score, at, sentence));
        }
    }
    rated.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
    rated.truncate(most);
    rated.sort_by_key(|(_, at, _)| *at);
    rated.into_iter().map(|(_, _, sentence)| sentence).collect()
}

/// What was said, in a few of its own sentences.
pub fn conversation(texts: &[&str]) -> String {
    match sentences(texts, SENTENCES) {
        found if found.is_empty() => String::new(),
        found => format!("{}.", found.join(". ")),
    }
}

/// The points that matter, a line for each.
pub fn key_points(texts: &[&str]) -> String {
    sentences(texts, POINTS).join("\n")
}

/// How the person feels, by plain words of theirs.
pub fn sentiment(of_person: &[&str]) -> &'static str {
    let count = |known: &[&str]| {
        let words = of_person.iter().flat_map(|text| words(text));
        words.filter(|word| known.contains(&word.as_str())).count()
    };
    match count(GOOD).cmp(&count(BAD)) {
        std::cmp::Ordering::Greater => "positive",
        std::cmp::Ordering::Equal => "neutral",
        std::cmp::Ordering::Less => "negative",
    }
}

/// What it is about: the words that come most often.
pub fn topic(texts: &[&str]) -> String {
    let mut counts: Vec<_> = counts(texts).into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let first = counts.into_iter().take(TOPIC).map(|(word, _)| word);
    first.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const SAID: [&str; 4] = [
        "Hello! My water heater is leaking. It is in the basement.",
        "Okay.",
        "The heater leaks since the morning. Please come today",
        "We can look at the water heater at noon.",
    ];

    #[test]
    fn a_summary_is_made_of_its_own_sentences() {
        let text = conversation(&SAID);
        assert!(text.contains("My water heater is leaking"), "{text}");
        assert!(!text.contains("Okay"), "{text}");
        let points = key_points(&SAID);
        for point in points.lines() {
            assert!(SAID.iter().any(|said| said.contains(point)), "{point}");
        }
        assert_eq!(topic(&SAID).split(' ').next(), Some("heater"));
    }

    #[rstest]
    #[case(&["Great, thanks!"], "positive")]
    #[case(&["This is the worst, I want a refund"], "negative")]
    #[case(&["Come at noon"], "neutral")]
    #[case(&[], "neutral")]
    fn how_somebody_feels(#[case] said: &[&str], #[case] expected: &str) {
        assert_eq!(sentiment(said), expected);
    }

    proptest! {
        #[test]
        fn any_words_are_taken_and_no_others_come_out(said in prop::collection::vec("\\PC{0,80}", 0..6)) {
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            for point in key_points(&said).lines() {
                prop_assert!(said.iter().any(|text| text.contains(point)));
            }
            let _ = (conversation(&said), topic(&said), sentiment(&said));
        }
    }
}
