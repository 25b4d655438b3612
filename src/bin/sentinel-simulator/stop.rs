//! The request to stop: SIGTERM or SIGINT.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Whether somebody asked for the end.
pub(crate) struct Stop {
    requested: watch::Receiver<bool>,
}

impl Stop {
    /// Listens from now on. An error if the system refuses the signal handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (request, requested) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Nobody listens any more when the day is over already.
            let _ = request.send(true);
        });
        Ok(Self { requested })
    }

    /// Waits for `due`, if there is one, and says whether the end was asked for by then.
    pub(crate) async fn requested_before(&mut self, due: Option<Instant>) -> bool {
        let requested = *self.requested.borrow();
        match due {
            Some(due) if !requested && due > Instant::now() => tokio::select! {
                _ = self.requested.wait_for(|&requested| requested) => true,
                () = sleep_until(due) => false,
            },
            _ => requested,
        }
    }
}
