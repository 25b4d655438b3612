//! The section `web`: where and how it is served.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use super::Overrides;
use super::decode::Section;
use crate::access::Reading;

/// The paths that have their own answer, besides that of the metrics.
pub const RESERVED_PATHS: [&str; 10] = [
    "/",
    "/page.css",
    "/page.js",
    "/page.svg",
    "/api/sre/health",
    "/health",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/v1/events",
];

/// The section `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where to listen.
    pub listen_address: ListenAddress,
    /// The path of the metrics.
    pub telemetry_path: String,
    /// The web configuration: TLS and who gets in.
    pub config_file: Option<PathBuf>,
    /// Whether POST /-/reload is answered.
    pub enable_lifecycle: bool,
}

impl Web {
    /// Reads the section; what the command line says is in force.
    pub fn decode(mut section: Section<'_>, default: ListenAddress, overrides: &Overrides) -> Self {
        let listen_address = section.checked("listen_address", default, str::parse);
        let telemetry_path = section.checked("telemetry_path", "/metrics".to_owned(), check_telemetry_path);
        let mut config_file = section.path_at("config_file");
        // The command line's is relative to the working directory, as usual.
        if let Some(file) = &overrides.web_config_file {
            config_file = Some(file.clone());
        }
        if let Err(mistakes) = Reading::new(config_file.as_deref()).checked() {
            section.mistakes_of("config_file", mistakes);
        }
        let enable_lifecycle = section.bool("enable_lifecycle", false);
        section.finish();
        Self {
            listen_address: overrides.listen_address.clone().unwrap_or(listen_address),
            telemetry_path: overrides.telemetry_path.clone().unwrap_or(telemetry_path),
            config_file,
            enable_lifecycle,
        }
    }
}

/// Where to listen, as Prometheus writes it: `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, or `:8000` for all addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// This port of all addresses.
    All(u16),
    /// Host and port.
    One(String),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|_| digits)?;
            match host {
                "" => Some(Self::All(port)),
                host => is_host(host).then(|| Self::One(text.to_owned())),
            }
        });
        parsed.ok_or_else(|| "an address and port such as 127.0.0.1:8000, localhost:8000, [::1]:8000 or :8000".to_owned())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(port) => write!(f, ":{port}"),
            Self::One(address) => f.write_str(address),
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // A name has a letter in it.
    let name = host.contains(|c: char| c.is_ascii_alphabetic());
    if name {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    } else {
        host.parse::<Ipv4Addr>().is_ok()
    }
}

/// The metrics' path begins with a slash and is none that is answered with something else. The error is what is expected.
pub fn check_telemetry_path(path: &str) -> Result<String, String> {
    let taken = RESERVED_PATHS.iter().find(|taken| **taken == path);
    match taken {
        Some(taken) => Err(format!("a path other than {taken}, which has its own answer")),
        None if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte)) => {
            Ok(path.to_owned())
        }
        None => Err("a path such as /metrics".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_of_an_address_is_taken() {
        for text in [":8000", "127.0.0.1:8000", "[::1]:8000", "[::]:0", "localhost:8000", "inf-1.example.com:65535", "10gbit:80"]
        {
            assert_eq!(text.parse::<ListenAddress>().map(|address| address.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", ":", "8000", "localhost", ":http", ":65536", ":+80", "::1:8000", "[::1]", "[1.2.3.4]:80", "1.2.3:80", "a b:80"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
