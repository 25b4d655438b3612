//! The bridge as a process: started, reloaded and stopped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::Config;
use super::post::SEND_DEADLINE;
use super::robot::Robot;
use super::server::{Settings, Site};
use crate::access::{Access, Reading};
use crate::client::Client;
use crate::config::{Mistakes, Web};
use crate::http::Reload;
use crate::serve::StartError;
use crate::serve::service::{self, Service};
use crate::telemetry::Configured;
use crate::telemetry::bridge::Telemetry;

/// How long answers may take to be written once they are made.
const FAREWELL: Duration = Duration::from_millis(200);

/// Serves until SIGTERM or SIGINT; SIGHUP and POST /-/reload `load` the configuration again.
pub fn run(config: Config, load: impl Fn() -> Result<Config, Mistakes>) -> Result<(), StartError> {
    service::run(config, Bridge::start, load)
}

/// A running bridge without its listener and signals.
struct Bridge {
    site: Arc<Site>,
    client: Client,
    config: Config,
    tasks: JoinSet<()>,
}

impl Bridge {
    async fn start(config: Config, reloads: mpsc::Sender<Reload>) -> Result<Self, StartError> {
        let access =
            Access::new(Reading::new(config.web.config_file.as_deref())).map_err(|error| StartError(error.to_string()))?;
        let telemetry = Telemetry::new().map_err(|error| StartError(format!("the metrics cannot be made: {error}")))?;
        let client = Client::new().map_err(|error| StartError(format!("requests cannot be made: {error}")))?;
        let site = Site::new(Arc::new(telemetry), access, Settings::new(&config, HashMap::new()), reloads);
        let mut bridge = Self { site: Arc::new(site), client, config, tasks: JoinSet::new() };
        bridge.update();
        Ok(bridge)
    }

    /// Starts, changes and ends robots as the configuration wants them.
    fn update(&mut self) {
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
}

impl Service for Bridge {
    type Config = Config;
    type Site = Site;
    const EXIT_DEADLINE: Duration = FAREWELL;

    fn web(config: &Config) -> &Web {
        &config.web
    }

    fn site(&self) -> &Arc<Site> {
        &self.site
    }

    fn configured(&self) -> &Configured {
        &self.site.telemetry.config
    }

    fn fixed_differences(&self, config: &Config) -> Vec<&'static str> {
        let differs = config.web.listen_address != self.config.web.listen_address;
        if differs { vec!["web.listen_address"] } else { Vec::new() }
    }

    async fn take(&mut self, config: Config) {
        self.config = config;
        self.update();
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
