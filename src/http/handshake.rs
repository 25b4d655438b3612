//! From an accepted connection to one that requests come over: TLS, when that is asked of clients.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::access::Rules;

/// How long a client may take until TLS is spoken.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take none of its answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may go on sending after its last answer, before the connection is cut.
const LINGER: Duration = Duration::from_secs(1);

/// What a client is told that does not speak TLS.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    This port speaks TLS: the address begins with https.\n";

/// What requests come over, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// The connection, once the client speaks as `rules` want it.
pub(super) async fn shaken(stream: TcpStream, rules: &Rules) -> io::Result<Pin<Box<dyn Stream>>> {
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = rules.tls() else { return Ok(Box::pin(timed(stream))) };
    let shake = async {
        let mut first = [0];
        let is_text = stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic();
        let mut stream = Box::pin(timed(stream));
        if is_text {
            stream.write_all(NOT_TLS).await?;
            end(stream).await;
            return Err(io::Error::other("the client does not speak TLS"));
        }
        match TlsAcceptor::from(tls).accept(stream).into_fallible().await {
            Ok(stream) => Ok(stream),
            Err((error, stream)) => {
                end(stream).await;
                Err(error)
            }
        }
    };
    // Not on the stack of every connection for as long as it lives.
    let shaken = timeout(HANDSHAKE_DEADLINE, Box::pin(shake)).await;
    Ok(Box::pin(shaken.map_err(|_| io::Error::other("the client took too long to speak TLS"))??))
}

fn timed(stream: TcpStream) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_DEADLINE));
    stream
}

/// Ends a connection. Closed with bytes unread it would be reset, and a client that is still sending might never see its answer, such as 413.
pub(super) async fn end(mut stream: impl Stream + Unpin) {
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    })
    .await;
}
