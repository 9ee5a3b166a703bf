//! A bucket of an S3-compatible object store, in the place of the folder: requests with the path's style, signed in the query
//! by AWS Signature Version 4, so that any such store takes them.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    daemon::StartError,
    httphandler::{HttpClient, HttpRequest, HttpResponse, Method, StatusCode},
    models::{
        error::{Error, Result},
        text::hex,
        time::Timestamp,
    },
    redact::Secret,
};
use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::models::attachment::SIZE_MAX;

/// Where the bucket is.
pub(crate) const URL: Setting<String> = Setting::web_address(
    "ATTACHMENTS_S3_URL",
    "",
    "A bucket of an S3-compatible store, with its name in the path, for files of conversations; empty = they lie in DATA_DIR",
    "https://s3.us-east-1.amazonaws.com/tandem-files",
);
/// Its region.
pub(crate) const REGION: Setting<String> = Setting::text(
    "ATTACHMENTS_S3_REGION",
    "us-east-1",
    "The region of that bucket, which its signatures name",
    "us-east-1",
);
/// Who asks it.
pub(crate) const KEY_ID: Setting<String> = Setting::text(
    "ATTACHMENTS_S3_KEY_ID",
    "",
    "The access key's id of that bucket",
    "AKIAIOSFODNN7EXAMPLE",
);
/// Its secret.
pub(crate) const SECRET: Setting<Secret> = Setting::secret(
    "ATTACHMENTS_S3_SECRET",
    "",
    "The secret of that access key",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
);

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long a signed request is good, in seconds: as long as clocks may differ.
const EXPIRES_SECONDS: u32 = 300;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What is encoded in a query (RFC 3986, 2.3, has what is not).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A bucket, and who asks it.
pub(crate) struct Bucket {
    /// `https://` or `http://`.
    scheme: &'static str,
    /// Name and port.
    host: String,
    /// The bucket and whatever else stands before the names of its objects, with a slash before and none behind.
    path: String,
    region: String,
    key_id: String,
    secret: Secret,
}

impl Bucket {
    /// The bucket of the settings; none where none is set.
    ///
    /// # Errors
    /// When a setting beside it is missing, or its URL is none.
    pub(crate) fn new(config: &Config) -> std::result::Result<Option<Self>, StartError> {
        let url = config.get(&URL);
        if url.is_empty() {
            return Ok(None);
        }
        let wrong = |name: &str, rule: &str| StartError::Other(format!("{name} {rule}"));
        let (scheme, host, path) = read(&url).ok_or_else(|| {
            let rule = "must be the URL of a bucket, such as https://s3.example.com/files";
            wrong(URL.name(), rule)
        })?;
        let (key_id, secret) = (config.get(&KEY_ID), config.get(&SECRET));
        if key_id.is_empty() || secret.is_empty() {
            let rule = "and ATTACHMENTS_S3_SECRET are needed with ATTACHMENTS_S3_URL";
            return Err(wrong(KEY_ID.name(), rule));
        }
        Ok(Some(Self {
            scheme,
            host,
            path,
            region: config.get(&REGION),
            key_id,
            secret,
        }))
    }

    /// Keeps an object; it is there when this returns.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn put(
        &self,
        http: &HttpClient,
        now: Timestamp,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let url = self.signed("PUT", name, now)?;
        let request = HttpRequest::new(Method::PUT, url).body("application/octet-stream", bytes);
        let reply = ask(http, request).await?;
        done(&reply, reply.status.is_success())
    }

    /// An object's bytes; none where there is none.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn get(
        &self,
        http: &HttpClient,
        now: Timestamp,
        name: &str,
    ) -> Result<Option<Vec<u8>>> {
        let url = self.signed("GET", name, now)?;
        let request = HttpRequest::new(Method::GET, url).at_most(SIZE_MAX);
        let reply = ask(http, request).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        done(&reply, reply.status.is_success())?;
        Ok(Some(reply.body.to_vec()))
    }

    /// Removes an object; one that is gone is no error.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn delete(&self, http: &HttpClient, now: Timestamp, name: &str) -> Result<()> {
        let url = self.signed("DELETE", name, now)?;
        let reply = ask(http, HttpRequest::new(Method::DELETE, url)).await?;
        let is_gone = reply.status == StatusCode::NOT_FOUND;
        done(&reply, is_gone || reply.status.is_success())
    }

    /// The URL of an object, good for this method and a few minutes.
    fn signed(&self, method: &str, name: &str, now: Timestamp) -> Result<String> {
        let at = DateTime::from_timestamp_micros(now.micros()).unwrap_or_default();
        let time = at.format("%Y%m%dT%H%M%SZ").to_string();
        self.signed_at(
            method,
            &format!("{}/{name}", self.path),
            &time,
            EXPIRES_SECONDS,
        )
    }

    fn signed_at(&self, method: &str, path: &str, time: &str, expires: u32) -> Result<String> {
        let day = time.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let credential = format!("{}/{scope}", self.key_id);
        let query = format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={time}&X-Amz-Expires={expires}\
             &X-Amz-SignedHeaders=host",
            utf8_percent_encode(&credential, QUERY)
        );
        let host = &self.host;
        let canonical = format!("{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let digest = hex(&Sha256::digest(&canonical));
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.secret.expose()).into_bytes();
        for part in [day, self.region.as_str(), "s3", "aws4_request"] {
            key = mac(&key, part)?;
        }
        let signature = hex(&mac(&key, &to_sign)?);
        let scheme = self.scheme;
        Ok(format!(
            "{scheme}{host}{path}?{query}&X-Amz-Signature={signature}"
        ))
    }
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Scheme, host and path of a bucket's URL. Plain names only, which need no encoding.
fn read(url: &str) -> Option<(&'static str, String, String)> {
    let mut schemes = ["https://", "http://"].into_iter();
    let (scheme, rest) =
        schemes.find_map(|scheme| url.strip_prefix(scheme).map(|rest| (scheme, rest)))?;
    let (host, bucket) = rest.trim_end_matches('/').split_once('/')?;
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_right = !host.is_empty()
        && host.chars().all(is_host)
        && !bucket.is_empty()
        && bucket.chars().all(is_name)
        && !bucket
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."));
    is_right.then(|| (scheme, host.to_ascii_lowercase(), format!("/{bucket}")))
}

async fn ask(http: &HttpClient, request: HttpRequest) -> Result<HttpResponse> {
    let asked = http.send(&request.within(DEADLINE)).await;
    asked.map_err(|fault| {
        Error::unavailable("attachments", "the object store does not answer").caused_by(fault)
    })
}

fn done(reply: &HttpResponse, is_done: bool) -> Result<()> {
    if is_done {
        return Ok(());
    }
    let status = reply.status.as_u16();
    Err(
        Error::unavailable("attachments", "the object store refuses")
            .caused_by(format!("status {status}")),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The example of Amazon's documentation, "Authenticating requests: using query parameters".
    #[test]
    fn a_url_is_signed_as_the_standard_has_it() {
        let bucket = Bucket {
            scheme: "https://",
            host: "examplebucket.s3.amazonaws.com".to_owned(),
            path: String::new(),
            region: "us-east-1".to_owned(),
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        };
        let url = bucket
            .signed_at("GET", "/test.txt", "20130524T000000Z", 86_400)
            .unwrap();
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[rstest]
    #[case("https://S3.example.com/files", Some(("https://", "s3.example.com", "/files")))]
    #[case("http://127.0.0.1:9000/files/of/us/", Some(("http://", "127.0.0.1:9000", "/files/of/us")))]
    #[case("https://s3.example.com", None)]
    #[case("https://s3.example.com/", None)]
    #[case("ftp://s3.example.com/files", None)]
    #[case("https://user:word@s3.example.com/files", None)]
    #[case("https://s3.example.com/files/../other", None)]
    #[case("https://s3.example.com/files?x=1", None)]
    fn a_bucket_has_a_name(#[case] url: &str, #[case] expected: Option<(&str, &str, &str)>) {
        let found = read(url);
        let found = found
            .as_ref()
            .map(|(scheme, host, path)| (*scheme, host.as_str(), path.as_str()));
        assert_eq!(found, expected);
    }
}
