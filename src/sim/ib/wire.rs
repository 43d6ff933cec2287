//! Framing and the handshake: `u32` big-endian length, then the body; the version exchange in front of it.

use std::io;

use chrono::{DateTime, Utc};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The newest server version the simulator speaks, that of TWS 10.50.
pub(super) const NEWEST: i32 = 226;
/// The oldest version of which every message is protobuf.
const FIRST_PROTOBUF: i32 = 213;
/// The newest version of which every message is text.
const LAST_TEXT: i32 = 200;
/// The longest body the protocol allows.
pub(super) const MAX_BODY: usize = 0x00FF_FFFF;

/// How messages are written; it follows from the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Protobuf,
    Text,
}

/// The version both ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub number: i32,
    pub dialect: Dialect,
}

/// Chooses the version for a client's range. Between 201 and 212 some messages are text and some protobuf; no known
/// client needs those, so a range that lies there entirely is refused.
pub(super) fn negotiate(min: i32, max: i32) -> Option<Version> {
    let number = max.min(NEWEST);
    if number >= FIRST_PROTOBUF {
        return (min <= number).then_some(Version { number, dialect: Dialect::Protobuf });
    }
    let number = number.min(LAST_TEXT);
    (min <= number).then_some(Version { number, dialect: Dialect::Text })
}

/// Reads the client's greeting, `API\0` and `v<min>..<max>[ options]`, and answers it. `None`: the client cannot be
/// served, or did not speak the protocol.
pub(super) async fn handshake<S>(stream: &mut S, now: DateTime<Utc>) -> io::Result<Option<Version>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).await?;
    if &magic != b"API\0" {
        return Ok(None);
    }
    let length = stream.read_u32().await? as usize;
    if length > 256 {
        return Ok(None);
    }
    let mut greeting = vec![0; length];
    stream.read_exact(&mut greeting).await?;
    let Some(version) = range(&greeting).and_then(|(min, max)| negotiate(min, max)) else { return Ok(None) };
    let local = now.with_timezone(&chrono_tz::US::Eastern);
    let body = format!("{}\0{} US/Eastern\0", version.number, local.format("%Y%m%d %H:%M:%S"));
    stream.write_all(&frame(body.as_bytes())).await?;
    Ok(Some(version))
}

fn range(greeting: &[u8]) -> Option<(i32, i32)> {
    let text = std::str::from_utf8(greeting).ok()?;
    let versions = text.split(' ').next()?.strip_prefix('v')?;
    let (min, max) = versions.split_once("..").unwrap_or((versions, versions));
    Some((min.parse().ok()?, max.parse().ok()?))
}

/// A body with its length in front.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 4);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_client_gets_its_dialect() {
        let version = |min, max| negotiate(min, max).map(|v| (v.number, v.dialect));
        assert_eq!(version(213, 226), Some((226, Dialect::Protobuf)));
        assert_eq!(version(100, 225), Some((225, Dialect::Protobuf)));
        assert_eq!(version(157, 178), Some((178, Dialect::Text)));
        assert_eq!(version(100, 206), Some((200, Dialect::Text)));
        assert_eq!(version(201, 212), None);
        assert_eq!(version(227, 300), None);
    }

    #[tokio::test]
    async fn the_greeting_is_answered_in_text() {
        let (mut client, mut server) = tokio::io::duplex(256);
        client.write_all(b"API\0\x00\x00\x00\x11v213..226 +PACEAPI").await.unwrap();
        let now = DateTime::from_timestamp(1_795_350_890, 0).unwrap();
        let version = handshake(&mut server, now).await.unwrap().unwrap();
        assert_eq!(version.number, 226);
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(&answer[4..8], b"226\0");
        assert_eq!(usize::from(answer[3]), answer.len() - 4);
    }

    #[tokio::test]
    async fn a_stranger_is_turned_away() {
        let (mut client, mut server) = tokio::io::duplex(256);
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert_eq!(handshake(&mut server, DateTime::default()).await.unwrap(), None);
    }
}
