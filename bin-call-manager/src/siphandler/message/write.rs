//! Responses, written from the requests that they answer.

use std::net::SocketAddr;

use super::{Request, Status};

impl Request {
    /// Where a datagram's response goes: back to where it came from, at the port that it names (RFC 3261, 18.2.2;
    /// RFC 3581). Never to another address.
    pub(crate) fn reply_to(&self, peer: SocketAddr) -> SocketAddr {
        let port = if self.has_rport {
            peer.port()
        } else {
            self.sent_by_port.unwrap_or(5060)
        };
        SocketAddr::new(peer.ip(), port)
    }

    /// The sender's Via with what we know of the sender: behind a WebSocket not its port, which is 0 then.
    fn via(&self, peer: SocketAddr) -> String {
        let mut via = String::with_capacity(self.top_via.len() + 40);
        for (at, part) in self.top_via.split(';').enumerate() {
            if at > 0 {
                via.push(';');
            }
            if part.trim().eq_ignore_ascii_case("rport") && peer.port() > 0 {
                via.push_str(&format!("rport={}", peer.port()));
            } else if !part.trim().to_ascii_lowercase().starts_with("received=") {
                via.push_str(part);
            } else {
                // The sender does not say whence it came.
                via.pop();
            }
        }
        if self.sent_by_host != Some(peer.ip()) || self.has_rport {
            via.push_str(&format!(";received={}", peer.ip()));
        }
        via
    }

    /// A response to this request. `tag` is ours, for a To that has none.
    pub(crate) fn response(
        &self,
        peer: SocketAddr,
        status: Status,
        tag: &str,
        more: &[(&str, String)],
    ) -> Vec<u8> {
        let Status(code, phrase) = status;
        let mut text = format!("SIP/2.0 {code} {phrase}\r\nVia: {}\r\n", self.via(peer));
        for via in &self.vias {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        let to_tag = if self.has_to_tag || code == 100 {
            String::new()
        } else {
            format!(";tag={tag}")
        };
        text.push_str(&format!(
            "From: {}\r\nTo: {}{to_tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
            self.from, self.to, self.call_id, self.cseq
        ));
        for (name, value) in more {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text.into_bytes()
    }
}
