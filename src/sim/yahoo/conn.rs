//! One connection: TLS at once or behind a CONNECT, then requests until either side has enough.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::World;
use super::http::{Ending, Reader, Response};
use super::routes;
use crate::sim::FaultName;

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves one connection to its end.
pub(super) async fn serve(world: Arc<World>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0; 1];
    if stream.peek(&mut first).await? == 0 {
        return Ok(());
    }
    if first[0] != TLS_HANDSHAKE && !accept_tunnel(&mut stream).await? {
        return Ok(());
    }
    let bad = world.faults.strike(FaultName::BadTls, None);
    let acceptor: &TlsAcceptor = if bad { &world.identities.untrusted } else { &world.identities.trusted };
    let tls = acceptor.accept(stream).await?;
    requests(&world, tls).await
}

/// Answers `CONNECT host:443` and says whether a tunnel was opened. Any host is "reached": it is always this one.
async fn accept_tunnel(stream: &mut TcpStream) -> io::Result<bool> {
    let request = Reader::new().next(stream).await?;
    if request.is_some_and(|r| r.method == "CONNECT") {
        stream.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
        return Ok(true);
    }
    let refusal = Response::text(400, "text/plain", "This port speaks TLS, or CONNECT and then TLS\n");
    stream.write_all(&refusal.bytes(true)).await?;
    Ok(false)
}

async fn requests(world: &World, mut tls: TlsStream<TcpStream>) -> io::Result<()> {
    let mut reader = Reader::new();
    while let Some(request) = reader.next(&mut tls).await? {
        let response = routes::answer(world, &request);
        world.journal.note(world.clock.now_ms(), &request, response.status);
        tokio::time::sleep(world.latency).await;
        let close = request.wants_close();
        let bytes = response.bytes(close);
        match response.ending {
            Ending::Proper => tls.write_all(&bytes).await?,
            Ending::Reset => {
                tls.write_all(&bytes[..bytes.len() / 2]).await?;
                tls.flush().await?;
                // With a zero linger the kernel sends RST instead of FIN when the socket closes.
                return tls.get_ref().0.set_zero_linger();
            }
            Ending::Silence => {
                let mut ignored = [0; 256];
                while tls.read(&mut ignored).await? > 0 {}
                return Ok(());
            }
        }
        tls.flush().await?;
        if close {
            return tls.shutdown().await;
        }
    }
    Ok(())
}
