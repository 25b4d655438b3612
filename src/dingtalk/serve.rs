//! The bridge as a process: started, reloaded and stopped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::Config;
use super::post::SEND_DEADLINE;
use super::robot::Robot;
use super::server::{Settings, Site};
use crate::access::{Access, Reading};
use crate::client::Client;
use crate::config::{Mistakes, Overrides};
use crate::http::{self, Handler, Reload};
use crate::serve::StartError;
use crate::telemetry::bridge::Telemetry;

/// How long answers may take to be written once they are made.
const FAREWELL: Duration = Duration::from_millis(200);

/// Serves until SIGTERM or SIGINT; SIGHUP and POST /-/reload read `file` again.
pub fn run(config: Config, file: PathBuf, overrides: Overrides) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| StartError::new("the runtime cannot start", error))?;
    let result = runtime.block_on(async {
        let address = &config.web.listen_address;
        let listener =
            http::listen(address).await.map_err(|error| StartError::new(format_args!("cannot listen on {address}"), error))?;
        let (reloads, mut inbox) = mpsc::channel(4);
        let mut bridge = Bridge::start(config, reloads)?;
        let signals = |kind| signal(kind).map_err(|error| StartError::new("signals cannot be received", error));
        let mut hangup = signals(SignalKind::hangup())?;
        let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
        let address = listener.local_addr().map_err(|error| StartError::new("the listener has no address", error))?;
        tracing::info!(%address, version = crate::telemetry::VERSION, "serving");
        let server = tokio::spawn(http::serve(listener, bridge.site.clone()));
        loop {
            let reload = || Config::load(&file, &overrides);
            tokio::select! {
                _ = hangup.recv() => drop(bridge.reload(reload()).await),
                Some(done) = inbox.recv() => drop(done.send(bridge.reload(reload()).await)),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("stopping");
        server.abort();
        bridge.stop().await;
        Ok(())
    });
    runtime.shutdown_timeout(FAREWELL);
    result
}

/// A running bridge without its listener and signals.
struct Bridge {
    site: Arc<Site>,
    client: Client,
    config: Config,
    tasks: JoinSet<()>,
}

impl Bridge {
    fn start(config: Config, reloads: mpsc::Sender<Reload>) -> Result<Self, StartError> {
        let telemetry = Telemetry::new().map_err(|error| StartError::new("the metrics cannot be made", error))?;
        let client = Client::new().map_err(|error| StartError::new("requests cannot be made", error))?;
        let access = Access::new(Reading::new(config.web.config_file.as_deref()))
            .map_err(|error| StartError::new("the web configuration cannot be read", error))?;
        let site = Site::new(Arc::new(telemetry), access, Settings::new(&config, HashMap::new()), reloads);
        let mut bridge = Self { site: Arc::new(site), client, config, tasks: JoinSet::new() };
        bridge.take();
        Ok(bridge)
    }

    /// Starts, changes and ends robots as the configuration wants them.
    fn take(&mut self) {
        let before = self.site.settings().robots;
        let mut robots = HashMap::new();
        for settings in &self.config.robots {
            let robot = match before.get(&settings.name) {
                Some(robot) => {
                    robot.set(settings.clone());
                    robot.clone()
                }
                None => {
                    let robot = Arc::new(Robot::new(settings.clone(), self.client.clone(), self.site.telemetry.clone()));
                    let runs = robot.clone();
                    self.tasks.spawn(async move { runs.run().await });
                    robot
                }
            };
            robots.insert(settings.name.clone(), robot);
        }
        let ended: Vec<_> = before.iter().filter(|(name, _)| !robots.contains_key(*name)).collect();
        for (name, robot) in ended {
            robot.end();
            self.site.telemetry.robot_removed(name);
        }
        self.site.set(Settings::new(&self.config, robots));
    }

    /// Takes a new configuration whole, or refuses it and goes on with the old one.
    async fn reload(&mut self, config: Result<Config, Mistakes>) -> Result<(), Mistakes> {
        let config = config.and_then(|config| match config.web.listen_address == self.config.web.listen_address {
            true => Ok(config),
            false => Err(Mistakes(vec!["web.listen_address: cannot change without a restart".to_owned()])),
        });
        let config = match config {
            Ok(config) => {
                let reading = Reading::new(config.web.config_file.as_deref());
                self.site.access().set(reading).await.map(|()| config)
            }
            refused => refused,
        };
        match config {
            Ok(config) => {
                self.config = config;
                self.take();
                self.site.telemetry.config.taken();
                tracing::info!("the new configuration was taken");
                Ok(())
            }
            Err(mistakes) => {
                self.site.telemetry.config.refused();
                for mistake in &mistakes.0 {
                    tracing::error!(mistake, "the new configuration was refused, the old one is in force");
                }
                Err(mistakes)
            }
        }
    }

    /// Takes nothing more, answers what waits with 503, and lets messages end that are on their way.
    async fn stop(mut self) {
        self.site.stop();
        let ended = timeout(SEND_DEADLINE + FAREWELL, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("a message was on its way for too long; it may come twice");
        }
        tokio::time::sleep(FAREWELL).await;
    }
}
