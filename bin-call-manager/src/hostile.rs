//! Input that means harm, as in [`bin_common_handler::testing::hostile`]: what is true of it whatever it is.

use crate::{pinghandler, siphandler};

/// SIP messages: what is read is within its bounds, and an answer to it has one end.
///
/// # Panics
/// Where that is not so.
pub fn sip(data: &[u8]) {
    siphandler::message::hostile(data);
}

/// Answers of bidders: a bid is within its bounds, and a reason is a plain line.
///
/// # Panics
/// Where that is not so.
pub fn ping_answer(data: &[u8]) {
    pinghandler::hostile(data);
}

#[cfg(test)]
mod tests {
    use bin_common_handler::testing::hostile::survives;
    use rstest::rstest;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds");

    #[rstest]
    #[case::sip("sip", sip)]
    #[case::ping_answer("ping_answer", ping_answer)]
    fn hostile_input_does_no_harm(#[case] target: &str, #[case] take: fn(&[u8])) {
        survives(SEEDS, target, take);
    }
}
