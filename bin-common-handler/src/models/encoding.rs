//! Bodies as they were packed: a byte order mark before the text, gzip around it.

use std::{borrow::Cow, io::Read};

use flate2::read::MultiGzDecoder;

/// What spreadsheets and Windows write before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Names for "as it is": text of ours is UTF-8.
const IDENTITIES: [&str; 4] = ["", "identity", "utf-8", "utf8"];
/// An encoding that is not known is named in the refusal, up to this length.
const NAME_MAX: usize = 40;

/// Why a body cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// It is packed in a way that we do not know.
    #[error("The content encoding {0:?} is not known; send the body as it is, or with gzip")]
    Unknown(String),
    /// Unpacked, it is larger than may be.
    #[error("The body has more than {0} bytes when it is unpacked; send less at a time")]
    TooLarge(usize),
    /// It says gzip, and is none.
    #[error("The body is not gzip, though its content encoding says so")]
    Broken,
}

/// The bytes without a byte order mark at their start.
pub fn skip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// Unpacks a body whose content encoding is `encoding`, to at most `max` bytes. A body that is not packed is returned
/// as it is, whatever its size.
///
/// # Errors
/// When the encoding is not known, or the body is not of it, or too large.
pub fn decode<'b>(
    encoding: &str,
    bytes: &'b [u8],
    max: usize,
) -> Result<Cow<'b, [u8]>, EncodingError> {
    if is_gzip(encoding)? {
        gunzip(bytes, max).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(bytes))
    }
}

/// Whether a body of this content encoding is packed with gzip; else it is as it is.
///
/// # Errors
/// When the encoding is neither.
pub fn is_gzip(encoding: &str) -> Result<bool, EncodingError> {
    let mut packed = encoding.split(',').map(str::trim).filter(|name| {
        !IDENTITIES
            .iter()
            .any(|same| same.eq_ignore_ascii_case(name))
    });
    match (packed.next(), packed.next()) {
        (None, _) => Ok(false),
        (Some(name), None)
            if ["gzip", "x-gzip"]
                .iter()
                .any(|gzip| gzip.eq_ignore_ascii_case(name)) =>
        {
            Ok(true)
        }
        _ => Err(EncodingError::Unknown(
            encoding.chars().take(NAME_MAX).collect(),
        )),
    }
}

/// Reads one byte more than may be: a small body may hold any number of zeros.
fn gunzip(bytes: &[u8], max: usize) -> Result<Vec<u8>, EncodingError> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|_| EncodingError::Broken)?;
    if unpacked.len() > max {
        return Err(EncodingError::TooLarge(max));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use rstest::rstest;

    use super::*;

    const MAX: usize = 1_000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[rstest]
    #[case(b"\xef\xbb\xbf{}", b"{}")]
    #[case(b"{}", b"{}")]
    #[case(b"\xef\xbb{}", b"\xef\xbb{}")]
    #[case(b"\xef\xbb\xbf", b"")]
    #[case(b"", b"")]
    fn a_mark_is_skipped(#[case] bytes: &[u8], #[case] text: &[u8]) {
        assert_eq!(skip_bom(bytes), text);
    }

    #[rstest]
    #[case("")]
    #[case("identity")]
    #[case("Identity")]
    #[case("utf-8")]
    #[case("UTF-8")]
    #[case("utf8")]
    #[case(" utf-8 ")]
    #[case("identity, utf-8")]
    fn what_is_not_packed_stays(#[case] encoding: &str) {
        assert_eq!(decode(encoding, b"{}", 1), Ok(Cow::Borrowed(&b"{}"[..])));
    }

    #[rstest]
    #[case("gzip")]
    #[case("GZIP")]
    #[case("x-gzip")]
    #[case("identity, gzip")]
    #[case("gzip,utf-8")]
    fn gzip_is_unpacked(#[case] encoding: &str) {
        let two = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(decode(encoding, &two, MAX).unwrap(), &b"{\"a\":1}"[..]);
    }

    #[rstest]
    #[case("br")]
    #[case("deflate")]
    #[case("zstd")]
    #[case("base64")]
    #[case("gzip, gzip")]
    #[case("utf-16")]
    fn what_is_not_known_is_named(#[case] encoding: &str) {
        let refused = decode(encoding, b"{}", MAX).unwrap_err();
        assert_eq!(refused, EncodingError::Unknown(encoding.to_owned()));
        assert!(refused.to_string().contains(encoding));
    }

    #[rstest]
    #[case(MAX, true)]
    #[case(MAX + 1, false)]
    #[case(10_000 * MAX, false)]
    fn no_more_is_unpacked_than_may_be(#[case] size: usize, #[case] fits: bool) {
        let unpacked = decode("gzip", &gzip(&vec![b' '; size]), MAX).map(|body| body.len());
        let expected = if fits {
            Ok(size)
        } else {
            Err(EncodingError::TooLarge(MAX))
        };
        assert_eq!(unpacked, expected);
    }

    #[test]
    fn what_only_says_gzip_is_refused() {
        let whole = gzip(b"{\"a\":1}");
        for broken in [&b"{}"[..], b"", &whole[..whole.len() - 4]] {
            assert_eq!(decode("gzip", broken, MAX), Err(EncodingError::Broken));
        }
    }
}
