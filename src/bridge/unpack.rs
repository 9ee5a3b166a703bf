//! Bodies as they were packed: gzip is unpacked while they come in, piece by piece and within the route's limit.

use std::{io::Write, pin::Pin};

use axum::{
    BoxError,
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, header},
};
use flate2::write::MultiGzDecoder;
use futures_util::{StreamExt, stream};
use http_body_util::Limited;

use super::answer;
use bin_common_handler::models::{
    encoding::{self, EncodingError},
    error::Result,
};

/// Packed bytes at a time: each may stand for a thousand.
const PIECE: usize = 512;

/// The body without its packing. What is unpacked has to be limited by whoever reads it; what is packed is limited to
/// `limit_bytes` here.
///
/// # Errors
/// 415 when it is packed in a way that we do not know.
pub(super) fn unpacked(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Body> {
    let names: Vec<_> = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let is_gzip = encoding::is_gzip(&names.join(","))
        .map_err(|fault| answer::badly_encoded(&fault, limit_bytes))?;
    if !is_gzip {
        return Ok(body);
    }
    super::forward::refuse_large(&body, limit_bytes)?;
    let packed = Body::new(Limited::new(body, limit_bytes));
    let gunzip = Gunzip {
        packed: packed.into_data_stream(),
        piece: Bytes::new(),
        decoder: MultiGzDecoder::new(Vec::new()),
        is_over: false,
    };
    let pieces = stream::try_unfold(gunzip, |mut gunzip| async move {
        Ok::<_, BoxError>(gunzip.next().await?.map(|piece| (piece, gunzip)))
    });
    Ok(Body::from_stream(pieces))
}

/// The same body without a byte order mark at its start.
pub(super) fn without_mark(body: Body) -> Body {
    let state = (body.into_data_stream(), Some(Vec::new()));
    let pieces = stream::try_unfold(state, |(mut rest, mut start)| async move {
        loop {
            let piece = rest.next().await.transpose()?;
            let Some(mut begun) = start.take() else {
                return Ok::<_, axum::Error>(piece.map(|piece| (piece, (rest, None))));
            };
            let is_last = piece.is_none();
            begun.extend_from_slice(&piece.unwrap_or_default());
            if begun.len() >= 3 || is_last {
                let text = Bytes::copy_from_slice(encoding::skip_bom(&begun));
                return Ok((!is_last || !text.is_empty()).then_some((text, (rest, None))));
            }
            start = Some(begun);
        }
    });
    Body::from_stream(pieces)
}

struct Gunzip {
    packed: BodyDataStream,
    piece: Bytes,
    decoder: MultiGzDecoder<Vec<u8>>,
    is_over: bool,
}

impl Gunzip {
    /// Some bytes; nothing at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        while !self.is_over {
            if self.piece.is_empty() {
                match Pin::new(&mut self.packed).next().await.transpose()? {
                    Some(more) => self.piece = more,
                    None => {
                        self.is_over = true;
                        self.decoder
                            .try_finish()
                            .map_err(|_| EncodingError::Broken)?;
                    }
                }
            }
            let piece = self.piece.split_to(PIECE.min(self.piece.len()));
            self.decoder
                .write_all(&piece)
                .map_err(|_| EncodingError::Broken)?;
            let unpacked = std::mem::take(self.decoder.get_mut());
            if !unpacked.is_empty() {
                return Ok(Some(unpacked.into()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use flate2::{Compression, write::GzEncoder};
    use rstest::rstest;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn pieces(bytes: &[u8], length: usize) -> Body {
        let pieces: Vec<_> = bytes
            .chunks(length)
            .map(|piece| Ok::<_, BoxError>(piece.to_vec()))
            .collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read(encodings: &[&str], body: Body) -> Result<Vec<u8>> {
        let mut headers = HeaderMap::new();
        for encoding in encodings {
            headers.append(header::CONTENT_ENCODING, encoding.parse().unwrap());
        }
        let body = unpacked(&headers, body, LIMIT)?;
        match http_body_util::BodyExt::collect(Limited::new(body, LIMIT)).await {
            Ok(whole) => Ok(whole.to_bytes().to_vec()),
            Err(fault) => Err(answer::unread(fault, LIMIT)),
        }
    }

    #[rstest]
    #[case(&["gzip"])]
    #[case(&["GZIP"])]
    #[case(&["x-gzip"])]
    #[case(&["identity", "gzip"])]
    #[case(&["gzip, identity"])]
    #[tokio::test]
    async fn gzip_is_unpacked_however_it_comes(#[case] encodings: &[&str]) {
        let text = (0..20_000).map(|it| it.to_string()).collect::<String>();
        let two = [gzip(text.as_bytes()), gzip(b"end")].concat();
        for length in [1, 7, 511, 100_000] {
            let read = read(encodings, pieces(&two, length)).await.unwrap();
            assert_eq!(read, format!("{text}end").into_bytes(), "{length}");
        }
    }

    #[rstest]
    #[case(&[])]
    #[case(&[""])]
    #[case(&["identity"])]
    #[case(&["UTF-8"])]
    #[tokio::test]
    async fn anything_else_stays_as_it_is(#[case] encodings: &[&str]) {
        assert_eq!(read(encodings, Body::from("{}")).await.unwrap(), b"{}");
    }

    #[rstest]
    #[case(&["br"], "UNSUPPORTED_ENCODING", "\"br\"")]
    #[case(&["deflate"], "UNSUPPORTED_ENCODING", "\"deflate\"")]
    #[case(&["zstd"], "UNSUPPORTED_ENCODING", "\"zstd\"")]
    #[case(&["gzip", "gzip"], "UNSUPPORTED_ENCODING", "gzip")]
    #[case(&["gzip"], "INVALID_ENCODING", "not gzip")]
    #[tokio::test]
    async fn what_is_not_known_is_named(
        #[case] encodings: &[&str],
        #[case] reason: &str,
        #[case] named: &str,
    ) {
        let refused = read(encodings, Body::from("{}")).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
        assert!(refused.message().contains(named), "{}", refused.message());
    }

    #[tokio::test]
    async fn a_bomb_and_a_part_are_refused() {
        let bomb = gzip(&vec![0; 64 * LIMIT]);
        assert!(bomb.len() < LIMIT / 10);
        let refused = read(&["gzip"], Body::from(bomb)).await.unwrap_err();
        assert_eq!(refused.reason(), "REQUEST_TOO_LARGE");
        let whole = gzip(b"0123456789");
        for length in [1, 9, 15, whole.len() - 1] {
            let part = Body::from(whole[..length].to_vec());
            let refused = read(&["gzip"], part).await.unwrap_err();
            assert_eq!(refused.reason(), "INVALID_ENCODING", "{length}");
        }
    }

    #[rstest]
    #[case("\u{feff}[1]", "[1]")]
    #[case("[1]", "[1]")]
    #[case("1", "1")]
    #[case("", "")]
    #[case("\u{feff}", "")]
    #[case("[\"\u{feff}\"]", "[\"\u{feff}\"]")]
    #[tokio::test]
    async fn a_mark_is_skipped_wherever_pieces_end(#[case] text: &str, #[case] expected: &str) {
        for length in [1, 2, 3, 100] {
            let body = without_mark(pieces(text.as_bytes(), length));
            let read = to_bytes(body, LIMIT).await.unwrap();
            assert_eq!(read, expected.as_bytes(), "{length}");
        }
    }
}
