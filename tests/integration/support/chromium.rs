//! A headless Chromium of the test's own, driven by its DevTools protocol over a pipe: no port, no driver.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::daemon::read;
use super::tempdir::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

const ARGUMENTS: &str = "--headless --no-sandbox --remote-debugging-pipe --no-first-run --no-proxy-server --disable-gpu --disable-dev-shm-usage \
    --disable-background-networking --disable-component-update --disable-extensions --disable-sync --hide-scrollbars";

/// One window with one page.
pub(crate) struct Chromium {
    child: Child,
    orders: File,
    answers: Receiver<Value>,
    /// What came that is no answer, such as what the page wrote to its console.
    events: Vec<Value>,
    last_id: u64,
    session: Option<String>,
    folder: TempDir,
}

impl Chromium {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new("chromium");
        let pipes = [folder.join("orders"), folder.join("answers")];
        let made = Command::new("mkfifo").args(&pipes).status().expect("run mkfifo");
        assert!(made.success(), "mkfifo: {made}");
        let log = File::create(folder.join("log")).unwrap();
        // It reads orders from descriptor 3 and writes answers to 4, each ended by a NUL.
        let script = format!("exec chromium {ARGUMENTS} --user-data-dir=profile about:blank 3<orders 4>answers");
        let mut chromium = Command::new("sh");
        chromium.args(["-c", &script]).current_dir(folder.path()).env("HOME", folder.path());
        chromium.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let child = chromium.spawn().expect("run sh");
        let orders = File::options().write(true).open(&pipes[0]).unwrap();
        let answers = BufReader::new(File::open(&pipes[1]).unwrap());
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("Chromium sends JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, orders, answers: receiver, events: Vec::new(), last_id: 0, session: None, folder };
        let page = browser.order("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.order("Target.attachToTarget", json!({"targetId": page["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.order(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Sends an order and waits for its answer.
    pub(crate) fn order(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut order = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&order).unwrap();
        bytes.push(0);
        self.orders.write_all(&bytes).unwrap_or_else(|error| panic!("{method}: {error}: {}", read(&self.folder.join("log"))));
        let id = self.last_id;
        self.until(method, |message| message["id"] == id).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The next message that `is_it`; an answer's result, or its error.
    fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message = self
                .answers
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("{what}: Chromium does not answer: {error}: {}", read(&self.folder.join("log"))));
            if !is_it(&message) {
                self.events.push(message);
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(error.to_string()),
                None if message.get("result").is_some() => Ok(message["result"].take()),
                None => Ok(message),
            };
        }
    }

    /// Opens `url` and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        // What has been loaded before is not what is waited for.
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        let opened = self.order("Page.navigate", json!({"url": url}));
        assert_eq!(opened.get("errorText"), None, "{url}: {opened}");
        self.loaded();
    }

    /// Waits for the end of a load that has begun.
    pub(crate) fn loaded(&mut self) {
        if let Some(at) = self.events.iter().position(|event| event["method"] == "Page.loadEventFired") {
            self.events.drain(..=at);
        } else {
            self.until("a load", |message| message["method"] == "Page.loadEventFired").unwrap();
        }
    }

    /// What an expression in the page comes to, promises awaited.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.order("Runtime.evaluate", parameters);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].take()
    }

    /// The window's size in CSS pixels, and whether the user prefers it dark.
    pub(crate) fn emulate(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.order("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        self.order("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
    }

    /// Whether scripts run in what is opened from now on.
    pub(crate) fn set_scripts(&mut self, enabled: bool) {
        self.order("Emulation.setScriptExecutionDisabled", json!({"value": !enabled}));
    }

    /// Presses a key, such as `Enter` with code 13, which types `text`.
    pub(crate) fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let parameters = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.order("Input.dispatchKeyEvent", parameters);
        }
    }

    /// What was written to the console, refused or not loaded so far: a page that is well says nothing.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // An answer that comes now has everything before it.
        self.evaluate("0");
        let methods = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed"];
        let complaint = |event: &&Value| methods.iter().any(|method| event["method"] == *method);
        self.events.iter().filter(complaint).map(Value::to_string).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The group: its zygotes and renderers outlive a parent that is killed alone.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}
