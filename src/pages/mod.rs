//! The pages that the bridge serves: files inside the program, found by what they hold.
//!
//! An asset's name carries the hash of its bytes, so a browser may keep it for ever and never has an old one beside
//! a new page. Everything is packed once, at start. Pages load nothing from elsewhere and run no inline script:
//! the content security policy says so to the browser (CSP Level 3).

use std::{collections::HashMap, io::Write, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// The page at `/`. The names of assets stand in it as `{{name}}`.
const INDEX: &str = include_str!("index.html");
/// What pages load: name, media type, content.
const ASSETS: &[(&str, &str, &str)] = &[
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_str!("live.js"),
    ),
    (
        "tandem.css",
        "text/css; charset=utf-8",
        include_str!("tandem.css"),
    ),
];
/// Hexadecimal digits of a hash in a name: enough that two contents never share one.
const HASH_DIGITS: usize = 16;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Asked for again each time; the answer is 304 while it is the same.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The pages, ready to be sent. Clones share them.
#[derive(Clone)]
pub struct Pages(Arc<HashMap<String, Page>>);

struct Page {
    content_type: &'static str,
    cache_control: HeaderValue,
    etag: String,
    plain: Bytes,
    gzip: Bytes,
}

impl Default for Pages {
    fn default() -> Self {
        let (mut pages, mut index) = (HashMap::new(), INDEX.to_owned());
        for (name, content_type, content) in ASSETS {
            let path = format!("/assets/{}", hashed(name, content));
            index = index.replace(&format!("{{{{{name}}}}}"), &path);
            pages.insert(path, Page::new(content_type, FOR_EVER, content));
        }
        let page = Page::new("text/html; charset=utf-8", ASK_AGAIN, &index);
        pages.insert("/".to_owned(), page);
        Self(Arc::new(pages))
    }
}

impl Pages {
    /// The answer for a path that is a page; the caller leaves the body out for HEAD.
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        self.0.get(path).map(|page| page.answer(headers))
    }
}

impl Page {
    fn new(content_type: &'static str, cache_control: HeaderValue, content: &str) -> Self {
        Self {
            content_type,
            cache_control,
            etag: format!("\"{}\"", hash(content)),
            plain: Bytes::copy_from_slice(content.as_bytes()),
            gzip: packed(content),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let is_known = has_word(headers, &header::IF_NONE_MATCH, &self.etag);
        let takes_gzip = has_word(headers, &header::ACCEPT_ENCODING, "gzip");
        let mut response = Response::new(match (is_known, takes_gzip) {
            (true, _) => Body::empty(),
            (false, true) => Body::from(self.gzip.clone()),
            (false, false) => Body::from(self.plain.clone()),
        });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let own = response.headers_mut();
        let text = HeaderValue::from_static;
        own.insert(header::CONTENT_TYPE, text(self.content_type));
        own.insert(header::CACHE_CONTROL, self.cache_control.clone());
        own.insert(header::VARY, text("accept-encoding"));
        own.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        own.insert(header::X_CONTENT_TYPE_OPTIONS, text("nosniff"));
        own.insert(header::REFERRER_POLICY, text("no-referrer"));
        if takes_gzip && !is_known {
            own.insert(header::CONTENT_ENCODING, text("gzip"));
        }
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            own.insert(header::ETAG, etag);
        }
        response
    }
}

/// Whether a list in a header holds a word; what stands behind `;` is a weight, and `W/` a weak tag.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|item| {
            let (one, weight) = item.split_once(';').unwrap_or((item, ""));
            (weight.trim() != "q=0").then(|| one.trim())
        })
        .any(|one| one.strip_prefix("W/").unwrap_or(one) == word || one == "*" && word != "gzip")
}

/// `live.js` as `live.<hash>.js`.
fn hashed(name: &str, content: &str) -> String {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("{stem}.{}.{ending}", hash(content))
}

fn hash(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chars().take(HASH_DIGITS).collect()
}

/// Writing to memory does not fail; if it did, an empty body would be seen by the test below.
fn packed(content: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(content.as_bytes());
    written
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;
    use rstest::rstest;

    use super::*;

    async fn body(response: Response) -> Vec<u8> {
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec()
    }

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn every_asset_that_the_page_names_is_there_and_kept_for_ever() {
        let pages = Pages::default();
        let index = body(pages.answer("/", &HeaderMap::new()).unwrap()).await;
        let index = String::from_utf8(index).unwrap();
        assert!(!index.contains("{{"), "{index}");
        let named: Vec<_> = index
            .split('"')
            .filter(|text| text.starts_with("/assets/"))
            .collect();
        assert_eq!(named.len(), ASSETS.len());
        for path in named {
            let answer = pages.answer(path, &HeaderMap::new()).unwrap();
            assert_eq!(answer.headers()[header::CACHE_CONTROL], FOR_EVER);
        }
        assert!(
            !index.contains("<script>") && !index.contains("style="),
            "the policy forbids it"
        );
    }

    #[tokio::test]
    async fn who_takes_gzip_gets_it() {
        let pages = Pages::default();
        let packed = pages.answer("/", &headers(&[("accept-encoding", "br, gzip;q=0.8")]));
        let packed = packed.unwrap();
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        let mut text = String::new();
        let packed = body(packed).await;
        GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        let plain = pages.answer("/", &headers(&[("accept-encoding", "gzip;q=0")]));
        assert_eq!(body(plain.unwrap()).await, text.as_bytes());
    }

    #[rstest]
    #[case("W/{}", 304)]
    #[case("\"other\", {}", 304)]
    #[case("*", 304)]
    #[case("\"other\"", 200)]
    fn what_a_browser_has_is_not_sent_again(#[case] known: &str, #[case] status: u16) {
        let pages = Pages::default();
        let first = pages.answer("/", &HeaderMap::new()).unwrap();
        let etag = first.headers()[header::ETAG].to_str().unwrap();
        let known = known.replace("{}", etag);
        let again = pages.answer("/", &headers(&[("if-none-match", &known)]));
        assert_eq!(again.unwrap().status(), status);
    }

    #[rstest]
    #[case("/index.html")]
    #[case("/assets/live.js")]
    #[case("//")]
    fn nothing_else_is_a_page(#[case] path: &str) {
        assert!(Pages::default().answer(path, &HeaderMap::new()).is_none());
    }
}
