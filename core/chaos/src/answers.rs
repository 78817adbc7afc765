//! HTTP as far as the proxy has to understand it: where a request ends, and what may answer in place of the
//! service.

use crate::plan::Foreign;

/// Finds the ends of requests in what a client sends.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    head: Vec<u8>,
    /// How many bytes of the current request's body are still to come.
    body: usize,
    /// How many requests were complete.
    pub(crate) whole: u64,
    /// The connection has become a WebSocket, and has no more requests.
    pub(crate) upgraded: bool,
}

impl Requests {
    /// Takes bytes. Returns where the request after the first `skip` ones ends, if it ends here.
    pub(crate) fn take(&mut self, bytes: &[u8], skip: u64) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.upgraded {
                return None;
            }
            if self.body > 0 {
                self.body -= 1;
            } else {
                self.head.push(*byte);
                if !self.head.ends_with(b"\r\n\r\n") {
                    continue;
                }
                let head = String::from_utf8_lossy(&std::mem::take(&mut self.head)).to_ascii_lowercase();
                self.upgraded = head.contains("\r\nupgrade: websocket");
                let length = head.split("\r\ncontent-length:").nth(1);
                let length = length.and_then(|rest| rest.split("\r\n").next()?.trim().parse().ok());
                self.body = length.unwrap_or(0);
            }
            if self.body == 0 && !self.upgraded {
                self.whole += 1;
                if self.whole == skip + 1 {
                    return Some(at + 1);
                }
            }
        }
        None
    }
}

impl Foreign {
    /// The answer in place of the service's. The connection ends after it.
    pub(crate) fn answer(self) -> &'static [u8] {
        match self {
            Self::Page => {
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 48\r\n\
                  connection: close\r\n\r\n<html><body><h1>502 Bad Gateway</h1></body></html>"
            }
            Self::Truncated => {
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
                  connection: close\r\n\r\n{\"code\":0"
            }
            Self::Nothing => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            Self::Swallowed => b"",
        }
    }
}
