//! Topics and the patterns that pick some of them, as AMQP has them.

/// Whether a topic fits a pattern: words between dots, `*` one word, `#` any number of them.
pub(crate) fn matches(pattern: &str, topic: &str) -> bool {
    fn fits(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), None) => fits(rest, topic),
            (Some((&"#", rest)), Some((_, tail))) => fits(rest, topic) || fits(pattern, tail),
            (Some((word, rest)), Some((head, tail))) => {
                (*word == "*" || word == head) && fits(rest, tail)
            }
            _ => false,
        }
    }
    fits(
        &pattern.split('.').collect::<Vec<_>>(),
        &topic.split('.').collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::matches;

    #[rstest]
    #[case("outdial-manager.#", "outdial-manager.outdial.1.created", true)]
    #[case(
        "outdial-manager.outdial.*.created",
        "outdial-manager.outdial.1.created",
        true
    )]
    #[case(
        "outdial-manager.outdial.*",
        "outdial-manager.outdial.1.created",
        false
    )]
    #[case("#.created", "outdial-manager.outdial.1.created", true)]
    #[case("did-manager.#", "outdial-manager.outdial.1.created", false)]
    #[case("#", "", true)]
    fn a_pattern_fits_as_on_the_broker(
        #[case] pattern: &str,
        #[case] topic: &str,
        #[case] fits: bool,
    ) {
        assert_eq!(matches(pattern, topic), fits);
    }
}
