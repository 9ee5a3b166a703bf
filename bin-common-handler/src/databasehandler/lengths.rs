//! Lists in statements, in few lengths.
//!
//! A list of another length is another statement. A connection keeps a hundred of them prepared and closes
//! the one used longest ago for each new one; to close it is a message without an answer, and the driver's
//! sockets hold the message behind it back until the server's delayed acknowledgement, 40 ms later. So what
//! varies with the load must not make a new statement each time.

use super::Value;

/// Rows that one statement writes at most.
const RUN_MAX: usize = 64;
/// Runs longer than this are multiples of it.
const RUN_STEP: usize = 8;

/// `?, ?, …` for as many values: for a row, whose length never changes. What varies is a [`list`].
pub fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// For `IN (…)`: the marks, and the values with the last one repeated until there are 1, 2, 4, 8, 16, 24 … 64, 128 …
/// of them.
pub fn list<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
    fill(&mut values);
    (marks(values.len()), values)
}

/// Rows for a statement that may write a row twice, in their order and at most 64 at a time, the last one repeated
/// as in a [`list`].
pub fn fills<T: Clone>(rows: &[T]) -> impl Iterator<Item = Vec<T>> {
    rows.chunks(RUN_MAX).map(|rows| {
        let mut rows = rows.to_vec();
        fill(&mut rows);
        rows
    })
}

fn fill<T: Clone>(rows: &mut Vec<T>) {
    let length = match rows.len() {
        RUN_STEP..=RUN_MAX => rows.len().next_multiple_of(RUN_STEP),
        other => other.next_power_of_two(),
    };
    if let Some(last) = rows.last().cloned() {
        rows.resize(length, last);
    }
}

/// Rows to write, in their order and in at most two statements for 64: a multiple of 8, then fewer than 8.
pub fn runs<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let length = match rest.len() {
            0 => return None,
            short @ 1..RUN_STEP => short,
            long => long.min(RUN_MAX) / RUN_STEP * RUN_STEP,
        };
        let (run, left) = rest.split_at_checked(length)?;
        rest = left;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "", 0)]
    #[case(1, "?", 1)]
    #[case(3, "?, ?, ?, ?", 4)]
    #[case(4, "?, ?, ?, ?", 4)]
    #[case(8, "?, ?, ?, ?, ?, ?, ?, ?", 8)]
    fn a_list_repeats_its_last_value(
        #[case] count: i64,
        #[case] marks: &str,
        #[case] length: usize,
    ) {
        let (text, values) = list(1..=count);
        assert_eq!((text.as_str(), values.len()), (marks, length));
        let last = values.last().cloned();
        assert_eq!(last, (count > 0).then_some(Value::Int(count)));
    }

    proptest! {
        #[test]
        fn runs_hold_every_row_once_and_in_order(count in 0..300_usize) {
            let rows: Vec<_> = (0..count).collect();
            let runs: Vec<_> = runs(&rows).collect();
            prop_assert_eq!(runs.concat(), rows.clone());
            prop_assert!(runs.len() <= count / RUN_MAX + 2);
            prop_assert!(runs.iter().all(|run| !run.is_empty() && run.len() <= RUN_MAX));
        }
    }

    proptest! {
        #[test]
        fn fills_hold_every_row_in_order_and_repeat_only_the_last(count in 0..300_usize) {
            let rows: Vec<_> = (0..count).collect();
            let mut filled: Vec<_> = fills(&rows).collect();
            prop_assert!(filled.iter().all(|rows| rows.len() <= RUN_MAX));
            filled.iter_mut().for_each(Vec::dedup);
            prop_assert_eq!(filled.concat(), rows);
        }
    }

    #[test]
    fn there_are_few_lengths() {
        let rows = [0_u8; 300];
        let lengths = |of: fn(&[u8]) -> Vec<usize>| {
            let lengths: HashSet<_> = (0..rows.len())
                .flat_map(|count| of(&rows[..count]))
                .collect();
            lengths.len()
        };
        assert_eq!(lengths(|rows| runs(rows).map(<[u8]>::len).collect()), 15);
        assert_eq!(
            lengths(|rows| fills(rows).map(|rows| rows.len()).collect()),
            11
        );
        assert_eq!(
            lengths(|rows| vec![list(rows.iter().map(|row| i64::from(*row))).1.len()]),
            15
        );
    }
}
