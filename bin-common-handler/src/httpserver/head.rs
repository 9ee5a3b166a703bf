//! A request's head: what is refused whatever the application says, and the form in which its path is passed on.

use axum::{
    body::{Body, HttpBody},
    http::{
        HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version, header,
        uri::{Authority, PathAndQuery},
    },
};

use super::wire::Framing;
use crate::models::error::Error;
use crate::models::path::tidy_path;

/// For connections that cannot have a seat.
pub(super) const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    cache-control: no-store\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A head that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: &'static str,
    message: &'static str,
}

const LOOSE: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "INVALID_REQUEST",
    message: "Each line of a request's head must end with CR LF.",
};
const HOST_MISSING: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "INVALID_HOST",
    message: "The header Host is missing.",
};
const HOST_TWICE: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "INVALID_HOST",
    message: "The header Host may stand there once only.",
};
const HOST_WRONG: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "INVALID_HOST",
    message: "The header Host must be a name or an address, with or without a port.",
};
const EXPECTATION: Refusal = Refusal {
    status: StatusCode::EXPECTATION_FAILED,
    reason: "EXPECTATION_FAILED",
    message: "The only expectation that is met is 100-continue.",
};

/// What follows a head on the wire.
pub(super) fn framing<B: HttpBody>(request: &Request<B>) -> Framing {
    request
        .body()
        .size_hint()
        .exact()
        .map_or(Framing::Unknown, Framing::Length)
}

/// Whether a request may be passed on.
pub(super) fn check<B>(request: &Request<B>, is_loose: bool) -> Result<(), Refusal> {
    if is_loose {
        return Err(LOOSE);
    }
    check_host(request.headers(), request.version())?;
    let mut expected = request.headers().get_all(header::EXPECT).iter();
    if expected.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(EXPECTATION);
    }
    Ok(())
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        let may_lack = version < Version::HTTP_11;
        return if may_lack { Ok(()) } else { Err(HOST_MISSING) };
    };
    if hosts.next().is_some() {
        return Err(HOST_TWICE);
    }
    let is_right = host.is_empty()
        || Authority::try_from(host.as_bytes()).is_ok_and(|it| !it.as_str().contains('@'));
    if is_right { Ok(()) } else { Err(HOST_WRONG) }
}

impl Refusal {
    /// As a typed error; the connection ends with it.
    pub(super) fn answer(&self, listener: &str) -> Response<Body> {
        let error = Error::invalid_argument(self.reason, self.message).to_response(listener);
        let body = match error.body().strip_suffix('}') {
            Some(fields) => format!("{fields},\"success\":false}}"),
            None => error.body().to_owned(),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The same request with its path as routes have it.
pub(super) fn tidy<B>(mut request: Request<B>) -> Request<B> {
    let uri = request.uri();
    let Some(path) = tidy_path(uri.path()) else {
        return request;
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(target) = PathAndQuery::try_from(target) {
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("//v1//dids?a=//&b=%64", "/v1/dids?a=//&b=%64")]
    #[case("http://host:1//v1/dids/?a", "http://host:1/v1/dids?a")]
    fn the_query_stays_as_it_is(#[case] uri: &str, #[case] expected: &str) {
        let request = Request::builder().uri(uri).body(()).unwrap();
        assert_eq!(tidy(request).uri().to_string(), expected);
    }

    #[rstest]
    #[case(&["example.com"], None)]
    #[case(&["127.0.0.1:8080"], None)]
    #[case(&["[::1]:8080"], None)]
    #[case(&[""], None)]
    #[case(&["a_b-c.example:80"], None)]
    #[case(&[], Some("is missing"))]
    #[case(&["a", "a"], Some("once only"))]
    #[case(&["a", "b"], Some("once only"))]
    #[case(&["", "b"], Some("once only"))]
    #[case(&["a b"], Some("must be"))]
    #[case(&["a,b"], None)]
    #[case(&["user@host"], Some("must be"))]
    #[case(&["host/path"], Some("must be"))]
    #[case(&["http://host"], Some("must be"))]
    fn one_host_that_is_one(#[case] hosts: &[&str], #[case] said: Option<&str>) {
        let mut request = Request::builder();
        for host in hosts {
            request = request.header("host", *host);
        }
        let request = request.body(()).unwrap();
        let refused = check(&request, false).err();
        match said {
            None => assert!(refused.is_none(), "{refused:?}"),
            Some(said) => assert!(refused.unwrap().message.contains(said)),
        }
    }

    #[test]
    fn old_callers_need_no_host_and_expectations_are_few() {
        let old = Request::builder().version(Version::HTTP_10).body(());
        assert!(check(&old.unwrap(), false).is_ok());
        let expecting = |what: &str| {
            let request = Request::builder()
                .header("host", "a")
                .header("expect", what);
            check(&request.body(()).unwrap(), false).map_err(|refusal| refusal.status.as_u16())
        };
        assert_eq!(expecting("100-Continue"), Ok(()));
        assert_eq!(expecting("200-ok"), Err(417));
    }
}
