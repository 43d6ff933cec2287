//! As much of HTTP/1.1 as Yahoo's clients use: requests with percent-encoded targets, responses with a length.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest request head that is read; Yahoo's own limit is of this order.
const HEAD_MAX: usize = 32 * 1024;
/// Longest request body that is skipped.
const BODY_MAX: usize = 1024 * 1024;

/// A request as the routes see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Request {
    pub method: String,
    /// As sent, for the journal.
    pub target: String,
    /// Percent-decoded.
    pub path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A decoded query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// The host asked for, without a port.
    pub(super) fn host(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        host.split(':').next().unwrap_or_default()
    }

    pub(super) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }
}

/// Reads requests off one connection, which may bring several in one packet.
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::with_capacity(4096) }
    }

    /// The next request; `None` at an orderly end. What is no HTTP is `InvalidData`.
    pub(super) async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
        loop {
            if let Some((request, head, body)) = parse(&self.buffer)? {
                self.fill_to(stream, head + body).await?;
                self.buffer.drain(..head + body);
                return Ok(Some(request));
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a request head over 32 KiB"));
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn fill_to(&mut self, stream: &mut (impl AsyncRead + Unpin), len: usize) -> io::Result<()> {
        while self.buffer.len() < len {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

/// A complete head with its length and that of the body after it.
fn parse(bytes: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut slots);
    let status = parsed.parse(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
    let httparse::Status::Complete(head) = status else { return Ok(None) };
    let target = parsed.path.unwrap_or_default().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    let headers: Vec<(String, String)> =
        parsed.headers.iter().map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).trim().to_owned())).collect();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: decode(path, false),
        query: pairs.map(|(k, v)| (decode(k, true), decode(v, true))).collect(),
        target: target.clone(),
        headers,
    };
    let body = request.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    if body > BODY_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request body over 1 MiB"));
    }
    Ok(Some((request, head, body)))
}

/// Percent-decoding; in a query a plus is a space. An incomplete escape stands for itself.
fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let plain = if plus && bytes[i] == b'+' { b' ' } else { bytes[i] };
        out.push(escaped.unwrap_or(plain));
        i += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Whole.
    Proper,
    /// Half of it, then a TCP reset.
    Reset,
    /// Never begun: the client waits until it gives up.
    Silence,
}

/// A response before it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Response {
    pub status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    pub body: String,
    pub ending: Ending,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json;charset=utf-8", body.to_string())
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into(), ending: Ending::Proper }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(super) fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// The bytes on the wire.
    pub(super) fn bytes(&self, close: bool) -> Vec<u8> {
        let extra: String = self.headers.iter().flat_map(|(name, value)| [*name, ": ", value, "\r\n"]).collect();
        let head = format!(
            "HTTP/1.1 {} {}\r\nserver: ATS\r\ncontent-type: {}\r\n{extra}content-length: {}\r\nconnection: {}\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
            if close { "close" } else { "keep-alive" }
        );
        let mut out = head.into_bytes();
        out.extend_from_slice(self.body.as_bytes());
        out
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn requests_arrive_in_any_pieces() {
        let wire = b"GET /v8/finance/chart/%5EGSPC?symbol=%5EGSPC&events=div|split&q=a+b HTTP/1.1\r\nHost: query1.finance.yahoo.com:443\r\n\r\nPOST /x HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /y HTTP/1.1\r\nconnection: close\r\n\r\n";
        let mut stream = tokio_test_pieces(wire);
        let mut reader = Reader::new();
        let first = reader.next(&mut stream).await.unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.param("symbol"), first.param("q")), ("/v8/finance/chart/^GSPC", Some("^GSPC"), Some("a b")));
        assert_eq!((first.param("events"), first.host()), (Some("div|split"), "query1.finance.yahoo.com"));
        assert_eq!(reader.next(&mut stream).await.unwrap().unwrap().method, "POST");
        let last = reader.next(&mut stream).await.unwrap().unwrap();
        assert!(last.path == "/y" && last.wants_close());
        assert_eq!(reader.next(&mut stream).await.unwrap(), None);
    }

    /// A stream that yields one byte a read.
    fn tokio_test_pieces(bytes: &[u8]) -> impl AsyncRead + Unpin + use<> {
        struct Drip(Vec<u8>, usize);
        impl AsyncRead for Drip {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                if let Some(&byte) = self.0.get(self.1) {
                    buf.put_slice(&[byte]);
                    self.1 += 1;
                }
                std::task::Poll::Ready(Ok(()))
            }
        }
        Drip(bytes.to_vec(), 0)
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "\\PC{0,24}") {
            let encoded = text.bytes().fold(String::new(), |out, b| out + &format!("%{b:02X}"));
            prop_assert_eq!(decode(&encoded, true), text);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let outcome = parse(&bytes);
            prop_assert!(outcome.is_ok() || outcome.is_err_and(|e| e.kind() == io::ErrorKind::InvalidData));
        }
    }
}
