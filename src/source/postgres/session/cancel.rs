//! The request to cancel a query, on a connection of its own, as the protocol has it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::CancelToken;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;

use super::Target;
use super::answer::describe;

/// Sends it and waits until the server has taken it: a pooler loses one whose connection closes at once.
pub(super) async fn send(token: CancelToken, target: Arc<Target>) -> Result<(), String> {
    let Some(Host::Tcp(host)) = target.config.get_hosts().first() else {
        return Err("expected a host to connect to over TCP".to_owned());
    };
    let port = target.config.get_ports().first().copied().unwrap_or(5432);
    let text = |error: io::Error| error.to_string();
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(text)?.into_std().map_err(text)?;
    let mut kept = TcpStream::from_std(stream.try_clone().map_err(text)?).map_err(text)?;
    let sent = TcpStream::from_std(stream).map_err(text)?;
    let tls = MakeTlsConnect::<KeptOpen>::make_tls_connect(&mut target.tls.clone(), host).map_err(|error| error.to_string())?;
    token.cancel_query_raw(KeptOpen(sent), tls).await.map_err(|error| describe(&error))?;
    let _ = kept.read(&mut [0; 1]).await;
    Ok(())
}

/// A stream whose shutdown does nothing; the connection stays open as long as its clone.
struct KeptOpen(TcpStream);

impl AsyncRead for KeptOpen {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for KeptOpen {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
