//! What the documents list is what the code says; and money is never a floating-point number.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How the code makes refusals, with their status: `Error::not_found("CALL_NOT_FOUND"`.
const MAKERS: [(&str, u16); 7] = [
    ("invalid_argument", 400),
    ("unauthenticated", 401),
    ("permission_denied", 403),
    ("not_found", 404),
    ("already_exists", 409),
    ("failed_precondition", 409),
    ("resource_exhausted", 429),
];
/// Names of fields that are sums of money.
const SUMS: [&str; 14] = [
    "amount",
    "balance",
    "captured",
    "credit_limit",
    "daily_budget",
    "effective_bid",
    "held",
    "increment",
    "max_price",
    "payout",
    "price",
    "reserve",
    "revenue",
    "spent_today",
];
/// Files in which nothing at all is one.
const MONEY_ONLY: [&str; 8] = [
    "choice/price.rs",
    "ledgerhandler.rs",
    "models/ledgerentry.rs",
    "models/posting.rs",
    "models/refund.rs",
    "refundhandler.rs",
    "routehandler/ending.rs",
    "routehandler/winning.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    fs::read_to_string(root().join("../docs/exchange.md")).unwrap()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files(&path, found);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// What is compiled into the daemon, file by file.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join(folder), &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            (path, code.to_owned())
        })
        .collect()
}

/// Reasons that stand beside the function that makes them.
fn made() -> BTreeSet<(String, u16)> {
    let mut found = BTreeSet::new();
    for (_, code) in sources("src") {
        for part in code.split("Error::").skip(1) {
            let Some((maker, rest)) = part.split_once('(') else {
                continue;
            };
            let status = MAKERS.iter().find(|(name, _)| *name == maker);
            let literal = rest.trim_start().strip_prefix('"');
            if let (Some((_, status)), Some(literal)) = (status, literal) {
                let reason = literal.split('"').next().unwrap();
                found.insert((reason.to_owned(), *status));
            }
        }
    }
    found
}

/// The rows of the table in the document, in their order: status and reason.
fn rows(text: &str) -> Vec<(u16, String)> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(reasons), Some(status)) = (cells.next(), cells.next()) else {
            continue;
        };
        if let Ok(status) = status.parse::<u16>() {
            found.extend(quoted(reasons).map(|reason| (status, reason.to_owned())));
        }
    }
    found
}

/// The same, as a set of reason and status.
fn documented(text: &str) -> BTreeSet<(String, u16)> {
    let rows = rows(text).into_iter();
    rows.map(|(status, reason)| (reason, status)).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_reason_stands_in_the_document_with_its_status() {
    let (made, documented) = (made(), documented(&document()));
    assert!(made.len() > 20, "{made:?}");
    let missing: Vec<_> = made.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/exchange.md: {missing:?}");
}

/// Who looks a reason up finds it by its status, then by its name, in one place.
#[test]
fn the_reasons_are_sorted_and_none_stands_twice() {
    let rows = rows(&document());
    let wrong: Vec<_> = rows.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    assert!(wrong.is_empty(), "not in order: {wrong:?}");
}

/// Made here or in common, or of a resource's name.
#[test]
fn nothing_is_documented_that_nobody_says() {
    let code: Vec<String> = ["src", "../bin-common-handler/src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|(_, code)| code)
        .collect();
    let says = |word: &str| code.iter().any(|code| code.contains(word));
    for (reason, _) in documented(&document()) {
        let resource = reason
            .strip_suffix("_NOT_FOUND")
            .map(|name| format!("name = \"{}\"", name.to_lowercase()));
        let said = says(&format!("\"{reason}\"")) || resource.is_some_and(|name| says(&name));
        assert!(said, "{reason}");
    }
}

#[test]
fn every_rule_that_excludes_a_candidate_stands_in_the_document() {
    let text = document();
    let listed = text.split_once("An explanation's `excluded_by`").unwrap().1;
    let listed = listed.split("\n\n").next().unwrap();
    let is_reason = |word: &&str| {
        word.chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    let documented: BTreeSet<&str> = quoted(listed)
        .filter(is_reason)
        .filter(|word| *word != "NO_BIDS_AVAILABLE")
        .collect();
    let code = fs::read_to_string(root().join("src/choice/exclusion.rs")).unwrap();
    let function = code.split_once("fn excluded_by").unwrap().1;
    let function = function.split("\n    }\n").next().unwrap();
    let mut said: BTreeSet<&str> = function.split('"').skip(1).step_by(2).collect();
    // That of a campaign's countries, which is no matter of the choice.
    said.insert("DESTINATION_NOT_ALLOWED");
    assert_eq!(said, documented);
}

#[test]
fn money_is_never_a_floating_point_number() {
    let is_float = |text: &str| text.contains("f64") || text.contains("f32");
    for name in MONEY_ONLY {
        let code = fs::read_to_string(root().join("src").join(name)).unwrap();
        assert!(!is_float(&code), "{name}");
    }
    let common = root().join("../bin-common-handler/src/models/money.rs");
    assert!(!is_float(&fs::read_to_string(common).unwrap()));
    let mut sums = 0;
    for (path, code) in sources("src") {
        for line in code.lines() {
            let Some((name, kind)) = line.split_once(": ") else {
                continue;
            };
            let name = name.trim().trim_start_matches("pub(crate) ");
            if SUMS.contains(&name.trim_start_matches("pub ")) {
                sums += 1;
                assert!(!is_float(kind), "{}: {line}", path.display());
            }
        }
    }
    assert!(sums > 40, "{sums} sums were looked at");
}
