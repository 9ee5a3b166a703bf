//! Cells of a CSV file that spreadsheets cannot take for formulas, and that come back as they were.

/// What makes a spreadsheet calculate.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
const ESCAPE: char = '\'';

/// A cell as it is written: quoted where need be, and escaped unless it is a number or a phone number.
pub(crate) fn write_cell(text: &str, line: &mut String) {
    let is_phone = text.strip_prefix('+').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_formula = text.starts_with(FORMULA_STARTS) && !is_phone && text.parse::<f64>().is_err();
    // A cell that begins with the escape itself is escaped, too: so it comes back as it was.
    let escape = if is_formula || text.starts_with(ESCAPE) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(escape);
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(escape);
        line.push_str(text);
    }
}

/// What [`write_cell`] escaped.
pub(crate) fn read_cell(text: &str) -> &str {
    match text.strip_prefix(ESCAPE) {
        Some(rest) if rest.starts_with(FORMULA_STARTS) || rest.starts_with(ESCAPE) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn written(text: &str) -> String {
        let mut line = String::new();
        write_cell(text, &mut line);
        line
    }

    #[rstest]
    #[case("+14155550123", "+14155550123")]
    #[case("-122.41", "-122.41")]
    #[case("=1+1", "'=1+1")]
    #[case("@SUM(A1)", "'@SUM(A1)")]
    #[case("-cmd", "'-cmd")]
    #[case("+a", "'+a")]
    #[case("'quoted", "''quoted")]
    #[case("a,b", "\"a,b\"")]
    #[case("say \"hi\"", "\"say \"\"hi\"\"\"")]
    #[case("plain", "plain")]
    fn no_cell_is_a_formula(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(written(text), expected);
    }

    proptest! {
        #[test]
        fn a_cell_comes_back_as_it_was(text in "[ -~\t]{0,20}") {
            let line = written(&text);
            let cell = match line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(quoted) if text.contains([',', '"']) => quoted.replace("\"\"", "\""),
                _ => line.clone(),
            };
            prop_assert_eq!(read_cell(&cell), text);
        }
    }
}
