//! The ways in which a planted text would be found, were it written down.

/// A phone number of ten digits: bare (and so in E.164 and with a trunk prefix, or URL-encoded), as people write
/// it, and in base64.
pub fn of_phone(ten_digits: &str) -> Vec<String> {
    let (npa, rest) = ten_digits.split_at(3);
    let (exchange, line) = rest.split_at(3);
    let mut all = vec![ten_digits.to_owned(), format!("({npa}) {exchange}-{line}")];
    for between in ["-", " ", ".", "%20", "+"] {
        all.push([npa, exchange, line].join(between));
    }
    all.extend(base64_of(ten_digits));
    all
}

/// A secret: bare, URL-encoded, and in base64.
pub fn of_secret(text: &str) -> Vec<String> {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    let mut all = vec![text.to_owned(), encoded.collect()];
    all.extend(base64_of(text));
    all
}

/// What of a text's base64 is there whatever stands before and after it.
fn base64_of(text: &str) -> Vec<String> {
    let shifted = (0..3).map(|before| {
        let whole = [vec![0; before], text.as_bytes().to_vec()].concat();
        let sixtets: Vec<_> = whole
            .chunks_exact(3)
            .flat_map(|three| {
                let bits = three
                    .iter()
                    .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
                [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize])
            })
            .collect();
        // The first group holds bits of what stands before.
        let own = if before == 0 { &sixtets } else { &sixtets[4..] };
        String::from_utf8(own.to_vec()).unwrap()
    });
    shifted.collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[test]
fn a_text_is_found_in_base64_wherever_it_stands() {
    let spellings = of_secret("the secret");
    for whole in [
        "dGhlIHNlY3JldA==",
        "dXNlcjp0aGUgc2VjcmV0",
        "eHRoZSBzZWNyZXQ=",
    ] {
        assert!(
            spellings.iter().any(|spelling| whole.contains(spelling)),
            "{whole}"
        );
    }
    assert!(spellings.contains(&"the%20secret".to_owned()));
}

#[test]
fn a_number_is_found_however_it_is_written() {
    let spellings = of_phone("4152001111");
    for text in [
        "+14152001111",
        "%2B14152001111",
        "14152001111",
        "415-200-1111",
        "(415) 200-1111",
    ] {
        assert!(
            spellings.iter().any(|spelling| text.contains(spelling)),
            "{text}"
        );
    }
    assert!(
        !spellings
            .iter()
            .any(|spelling| "+1415***1111".contains(spelling))
    );
}
