//! Where requests go, and with which headers. Both may hold a secret, so neither is ever shown.

use std::fmt;

use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request, Uri};

use crate::client;
use crate::config::decode::Section;
use crate::secret::Secret;

/// The headers of every request to an endpoint.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// Reads `headers`, by name.
    pub fn decode(section: &mut Section<'_>) -> Self {
        let mut headers = Self::default();
        for (name, value) in section.secrets("headers") {
            let key = format!("headers.{name}");
            // The length of a body is not for the configuration to say.
            match name.parse().ok().filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)) {
                None => section.mistake(&key, "expected the name of a header, and of none that tells the body's length"),
                Some(name) => headers.insert(section, &key, name, &value),
            }
        }
        headers
    }

    /// Reads the value of the header `name`, under `key` or in the file under `file_key`; whether either key is there.
    pub fn secret(&mut self, section: &mut Section<'_>, key: &'static str, file_key: &'static str, name: HeaderName) -> bool {
        let given = section.has(key) || section.has(file_key);
        if let Some(value) = section.secret(key, file_key) {
            self.insert(section, key, name, &value);
        }
        given
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, section: &Section<'_>, key: &str, name: HeaderName, value: &Secret) {
        let value = HeaderValue::from_str(value.expose()).ok().filter(|value| !value.is_empty());
        match value {
            None => section.mistake(key, "expected one line of visible ASCII"),
            Some(_) if self.0.contains_key(&name) => section.mistake(key, format_args!("expected the header {name} once")),
            Some(mut value) => {
                value.set_sensitive(true);
                self.0.insert(name, value);
            }
        }
    }
}

/// An address, and the headers of every request to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Uri,
    headers: Headers,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<endpoint>")
    }
}

impl Endpoint {
    /// Reads `url` or `url_file`.
    pub fn decode(section: &mut Section<'_>, headers: Headers) -> Option<Self> {
        const FORM: &str = "expected http://HOST:PORT/PATH or https://HOST/PATH, without a user or password in it";
        let (key, text) = section.required_secret("url", "url_file", FORM)?;
        let url = client::address(text.expose());
        if url.is_none() {
            section.mistake(key, FORM);
        }
        Some(Self { url: url?, headers })
    }

    /// Reads `url` or `url_file`, an address that others are [`Self::below`].
    pub fn decode_base(section: &mut Section<'_>, headers: Headers) -> Option<Self> {
        let base = Self::decode(section, headers)?;
        if base.url.query().is_some() {
            section.mistake("url", "expected an address without ?, for paths are added to it");
        }
        Some(base)
    }

    /// What lies at `path`, which may have a query, below this address; for requests with the same headers.
    pub fn below(&self, path: &str) -> Option<Self> {
        let url = format!("{}{path}", self.url.to_string().trim_end_matches('/'));
        Some(Self { url: client::address(&url)?, headers: self.headers.clone() })
    }

    /// A request to it.
    pub fn request(&self, method: Method, body: Vec<u8>) -> Request<Vec<u8>> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.0.clone();
        request
    }

    /// A text that the endpoint answered, without the secrets that were sent to it.
    pub fn redacted(&self, text: &[u8]) -> String {
        let sent = self.headers.0.values().filter_map(|value| value.to_str().ok());
        sent.fold(String::from_utf8_lossy(text).into_owned(), |text, secret| text.replace(secret, "<secret>"))
    }
}
