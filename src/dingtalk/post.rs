//! One message to one robot in DingTalk.

use std::time::Duration;

use hyper::Request;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::config::Webhook;
use super::plain::plain;
use super::sign::signed_url;
use super::verdict::{Verdict, judge, without_answer};
use crate::client::Client;
use crate::clock::unix_millis;

/// How long DingTalk may take. An answer that comes later may still mean that the message was delivered.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes; DingTalk's are a hundred.
const MAX_ANSWER: usize = 64 * 1024;
/// Characters of DingTalk's words that are logged.
const MAX_SAID: usize = 300;

/// Who carries messages to DingTalk.
pub(super) trait Courier: Send + Sync + 'static {
    /// Posts `body`, and judges the answer.
    fn post(&self, webhook: &Webhook, body: Vec<u8>) -> impl Future<Output = Verdict> + Send;
}

impl Courier for Client {
    async fn post(&self, webhook: &Webhook, body: Vec<u8>) -> Verdict {
        let mut request = Request::new(body);
        *request.method_mut() = hyper::Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        // The configuration has made sure that it is one.
        *request.uri_mut() = signed_url(webhook, unix_millis()).expose().parse().unwrap_or_default();
        let verdict = match self.send(request, SEND_DEADLINE, MAX_ANSWER).await {
            Ok(answer) => judge(answer.status().as_u16(), answer.body()),
            Err(error) => without_answer(&error),
        };
        Verdict { said: without_secrets(&verdict.said, webhook), ..verdict }
    }
}

/// What DingTalk said, should it repeat what it was sent.
fn without_secrets(said: &str, webhook: &Webhook) -> String {
    let query = webhook.url.expose().split_once('?').map(|(_, query)| query).unwrap_or_default();
    let values = query.split('&').filter_map(|parameter| parameter.split_once('=')).map(|(_, value)| value);
    let secrets = values.chain(webhook.secret.as_ref().map(|secret| secret.expose())).filter(|secret| !secret.is_empty());
    let said = secrets.fold(said.to_owned(), |said, secret| said.replace(secret, "(secret)"));
    plain(&said, MAX_SAID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn what_dingtalk_repeats_is_not_logged() {
        let webhook = Webhook { url: Secret::new("https://a/send?access_token=t0ken"), secret: Some(Secret::new("SECx")) };
        assert_eq!(without_secrets("bad t0ken\n and SECx", &webhook), "bad (secret) and (secret)");
        let bare = Webhook { url: Secret::new("https://a/send"), secret: None };
        assert_eq!(without_secrets("ok", &bare), "ok");
    }
}
