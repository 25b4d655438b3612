//! A task that can be waited for several times, and ends with the value that holds it.

use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

pub(super) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub(super) fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }

    /// What it found, unless it takes longer than `limit`; then it goes on. Not to be asked again once it has answered.
    pub(super) async fn within(&mut self, limit: Duration) -> Option<Result<T, JoinError>> {
        timeout(limit, &mut self.0).await.ok()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
