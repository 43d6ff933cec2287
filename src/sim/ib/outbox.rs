//! The writing half of a connection: frames in order, and the ways to end a connection badly.

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Something to write.
pub(super) enum Out {
    /// Whole frames.
    Frames(Vec<u8>),
    /// Frames in single bytes.
    Drip(Vec<u8>),
    /// These bytes, then the end of the connection.
    Last {
        bytes: Vec<u8>,
        /// Reset it instead of closing it in order.
        reset: bool,
    },
}

/// Writes until the channel closes, the client leaves or a `Last` comes; then ends the session through `over`.
pub(super) async fn write(mut socket: OwnedWriteHalf, mut outs: mpsc::Receiver<Out>, over: CancellationToken) {
    loop {
        let out = tokio::select! {
            biased;
            out = outs.recv() => out,
            () = over.cancelled() => None,
        };
        let done = match out {
            None => true,
            Some(Out::Frames(bytes)) => socket.write_all(&bytes).await.is_err(),
            Some(Out::Drip(bytes)) => drip(&mut socket, &bytes).await.is_err(),
            Some(Out::Last { bytes, reset }) => {
                // The connection ends either way; a client that has left already makes no difference.
                let _ = socket.write_all(&bytes).await;
                if reset {
                    let _ = socket.as_ref().set_zero_linger();
                }
                true
            }
        };
        if done {
            break;
        }
    }
    over.cancel();
}

async fn drip(socket: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        socket.write_all(std::slice::from_ref(byte)).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
