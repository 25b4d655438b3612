//! POST /-/reload: asks whoever holds the configuration to take it anew, and tells how that went.

use hyper::StatusCode;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, text};
use crate::config::{Mistakes, Web};

/// A request to take the configuration anew, and where to say how it went.
pub type Reload = oneshot::Sender<Result<(), Mistakes>>;

/// Sends a request to `reloads` and waits for its result, when `web` allows it.
pub async fn reload(reloads: &mpsc::Sender<Reload>, web: &Web) -> Answer {
    if !web.enable_lifecycle {
        let told = "Reloading over HTTP is off: set web.enable_lifecycle, or send SIGHUP.\n";
        return text(StatusCode::FORBIDDEN, told);
    }
    let (sender, result) = oneshot::channel();
    let sent = reloads.send(sender).await;
    match (sent, result.await) {
        (Ok(()), Ok(Ok(()))) => text(StatusCode::OK, "The configuration was taken.\n"),
        (Ok(()), Ok(Err(mistakes))) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("The configuration was refused:\n{mistakes}\n"))
        }
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "The exporter is stopping.\n"),
    }
}
