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

/// For `IN (…)`: the marks, and the values with the last one repeated until there are 1, 2, 4, 8 … of them.
pub fn list<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    (vec!["?"; values.len()].join(", "), values)
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

    #[test]
    fn there_are_few_lengths() {
        let rows = [0_u8; 300];
        let lengths: HashSet<_> = (0..rows.len())
            .flat_map(|count| runs(&rows[..count]).map(<[u8]>::len).collect::<Vec<_>>())
            .collect();
        assert_eq!(lengths.len(), 15);
    }
}
