//! A process that serves until it is told to stop: what the exporter and the bridge have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::access::Reading;
use crate::config::{Mistakes, Web};
use crate::http::{self, Handler, Reload};
use crate::telemetry::Configured;

/// Why a process could not start, in words for people.
#[derive(Debug)]
pub struct StartError(pub(crate) String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// What a process does, apart from its listener and signals.
pub(crate) trait Service: Sized {
    /// Its configuration.
    type Config;
    /// What answers its requests.
    type Site: Handler;
    /// How long a thread that hangs, in the file system say, may hold up the end of the process.
    const EXIT_DEADLINE: Duration;

    /// The section `web` of a configuration.
    fn web(config: &Self::Config) -> &Web;

    /// What answers its requests.
    fn site(&self) -> &Arc<Self::Site>;

    /// Where it is told whether the configuration was taken.
    fn configured(&self) -> &Configured;

    /// The keys in which a new configuration differs that only a restart can change.
    fn fixed_differences(&self, config: &Self::Config) -> Vec<&'static str>;

    /// Goes on with a new configuration.
    async fn take(&mut self, config: Self::Config);

    /// Ends what is under way.
    async fn stop(self);
}

/// Serves what `start` makes until SIGTERM or SIGINT; SIGHUP and POST /-/reload `load` the configuration again.
pub(crate) fn run<S: Service>(
    config: S::Config,
    start: impl AsyncFnOnce(S::Config, mpsc::Sender<Reload>) -> Result<S, StartError>,
    load: impl Fn() -> Result<S::Config, Mistakes>,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(async {
        let signals = |kind| signal(kind).map_err(|error| StartError(format!("signals cannot be received: {error}")));
        // What asks for a reload during the start is heard after it; without this it would end the process, as the others still do.
        let mut hangup = signals(SignalKind::hangup())?;
        let address = &S::web(&config).listen_address;
        let listener = http::listen(address)
            .await
            .map_err(|error| StartError(format!("cannot listen on {address}: {error}; --web.listen-address names another")))?;
        let (reloads, mut inbox) = mpsc::channel(4);
        let mut service = start(config, reloads).await?;
        let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
        let address = listener.local_addr().map_err(|error| StartError(format!("the listener has no address: {error}")))?;
        tracing::info!(%address, version = crate::telemetry::VERSION, "serving");
        let server = tokio::spawn(http::serve(listener, service.site().clone()));
        loop {
            tokio::select! {
                _ = hangup.recv() => drop(reload(&mut service, load()).await),
                Some(done) = inbox.recv() => drop(done.send(reload(&mut service, load()).await)),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("stopping");
        server.abort();
        service.stop().await;
        Ok(())
    });
    runtime.shutdown_timeout(S::EXIT_DEADLINE);
    result
}

/// Takes a new configuration whole, or refuses it and goes on with the old one.
async fn reload<S: Service>(service: &mut S, config: Result<S::Config, Mistakes>) -> Result<(), Mistakes> {
    let taken = match config {
        Ok(config) => take(service, config).await,
        Err(mistakes) => Err(mistakes),
    };
    match &taken {
        Ok(()) => {
            service.configured().taken();
            tracing::info!("the new configuration was taken");
        }
        Err(Mistakes(mistakes)) => {
            service.configured().refused();
            for mistake in mistakes {
                tracing::error!(mistake, "the new configuration was refused, the old one is in force");
            }
        }
    }
    taken
}

async fn take<S: Service>(service: &mut S, config: S::Config) -> Result<(), Mistakes> {
    let fixed = service.fixed_differences(&config);
    if !fixed.is_empty() {
        return Err(Mistakes(fixed.iter().map(|key| format!("{key}: cannot change without a restart")).collect()));
    }
    // Nothing else is taken if this is refused: the file may have changed since it was checked.
    service.site().access().set(Reading::new(S::web(&config).config_file.as_deref())).await?;
    service.take(config).await;
    Ok(())
}
