//! Alerts that leave the machine: one JSON POST each, tried again until it is taken or hope is given up.
//!
//! `outbox` delivers what the engine's state gives rise to; the engine and `nightdesk alerts test` send test alerts.
//! Neither headers nor more of the address than its host ever reach a log or a message.

mod fault;
mod notice;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::DateTime;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use xxhash_rust::xxh3::xxh3_64;

pub use fault::WebhookFault;
pub use notice::{Event, Notice};

use crate::config::{AlertSettings, Settings, is_loopback};
use crate::market::Clock;
use crate::sources::Backoff;
use fault::cause;
use notice::{Letter, Origin};

/// The header by which a receiver knows a repeated alert.
pub const ID_HEADER: &str = "Idempotency-Key";
/// Longest pause that a receiver may ask for.
const LONGEST_WISH: Duration = Duration::from_mins(10);
/// Bytes of an answer that are looked at.
const ANSWER_BYTES: usize = 4096;
/// Characters of an answer that are shown.
const ANSWER_SHOWN: usize = 200;

/// Sends alerts to the configured address.
pub struct Webhook {
    settings: Arc<ArcSwap<Settings>>,
    clock: Arc<dyn Clock>,
    origin: Origin,
    pauses: (Duration, Duration),
}

/// A receiver's answer to an alert that it took.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// Host and port that answered.
    pub host: String,
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// The beginning of the body.
    pub said: String,
    /// Attempts it took.
    pub attempts: u32,
}

/// An attempt that failed.
struct Miss {
    fault: WebhookFault,
    again: bool,
    wish: Option<Duration>,
}

impl Webhook {
    /// A sender for the desk in `data_dir`. Settings are read anew for each alert.
    pub fn new(data_dir: &Path, demo: bool, settings: Arc<ArcSwap<Settings>>, clock: Arc<dyn Clock>) -> Self {
        let pauses = (Duration::from_secs(1), Duration::from_mins(1));
        Self { settings, clock, origin: Origin::new(data_dir, demo), pauses }
    }

    /// With other pauses between attempts: the first, and the longest.
    #[must_use]
    pub fn with_pauses(self, first: Duration, longest: Duration) -> Self {
        Self { pauses: (first, longest), ..self }
    }

    /// Whether there is an address to send to.
    pub fn configured(&self) -> bool {
        !self.settings.load().alerts.webhook.is_empty()
    }

    /// Sends a test alert, once, and gives the answer.
    pub async fn test(&self) -> Result<Answer, WebhookFault> {
        let text = "A test alert: the way to this webhook is open".to_owned();
        let notice = Notice { event: Event::Test, at: self.clock.now(), run: None, text };
        let alerts = AlertSettings { webhook_retries: 0, ..self.settings.load().alerts.clone() };
        self.send(&alerts, &format!("test-{}", self.clock.now_ms()), &notice).await
    }

    /// Sends an alert under the identity `id` until it is taken, refused for good, or all attempts are used up.
    pub async fn deliver(&self, id: &str, notice: &Notice) -> Result<Answer, WebhookFault> {
        let alerts = self.settings.load().alerts.clone();
        self.send(&alerts, id, notice).await
    }

    async fn send(&self, alerts: &AlertSettings, id: &str, notice: &Notice) -> Result<Answer, WebhookFault> {
        let url = alerts.address().map_err(WebhookFault::Address)?.ok_or(WebhookFault::None)?;
        let headers = alerts.headers().map_err(WebhookFault::Header)?;
        let client = client(&url, headers, Duration::from_secs(alerts.webhook_timeout_s))?;
        let letter = self.origin.letter(notice);
        let mut backoff = Backoff::new(self.pauses.0, self.pauses.1, xxh3_64(id.as_bytes()));
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(&client, &url, id, &letter).await {
                Ok((status, said)) => return Ok(Answer { host: host(&url), status: status.as_u16(), said, attempts }),
                Err(miss) if !miss.again || attempts > alerts.webhook_retries => return Err(miss.fault.after(attempts)),
                Err(miss) => {
                    let pause = backoff.pause().max(miss.wish.unwrap_or_default().min(LONGEST_WISH));
                    tracing::debug!(target: "control", attempts, ?pause, error = %miss.fault, "An alert was not taken, it is sent again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&self, client: &Client, url: &Url, id: &str, letter: &Letter<'_>) -> Result<(StatusCode, String), Miss> {
        let sent = client.post(url.clone()).header(ID_HEADER, id).json(letter).send().await;
        let response = sent.map_err(|e| Miss {
            fault: WebhookFault::NoAnswer { host: host(url), cause: cause(e), attempts: 0 },
            again: true,
            wish: None,
        })?;
        let status = response.status();
        let wish = self.retry_after(response.headers());
        let said = beginning(response).await;
        if status.is_success() {
            return Ok((status, said));
        }
        let again = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        Err(Miss { fault: WebhookFault::Refused { host: host(url), status: status.as_u16(), said, attempts: 0 }, again, wish })
    }

    /// The pause that the receiver asks for, as seconds or as a date (RFC 9110, 10.2.3).
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
        let seconds = match text.trim().parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => u64::try_from(DateTime::parse_from_rfc2822(text).ok()?.timestamp() - self.clock.now()).ok()?,
        };
        Some(Duration::from_secs(seconds))
    }
}

fn client(url: &Url, headers: HeaderMap, timeout: Duration) -> Result<Client, WebhookFault> {
    // A redirect could carry headers to another host, or off TLS.
    let base = Client::builder()
        .user_agent(concat!("nightdesk/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .timeout(timeout);
    let base = if is_loopback(url) { base.no_proxy() } else { base };
    // Plain HTTP needs no authorities, and a machine may have none.
    let base = if url.scheme() == "http" { base.tls_certs_only([]) } else { base };
    base.build().map_err(|e| WebhookFault::Setup(cause(e)))
}

/// Host and port, which are no secrets.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// The first words of an answer on one line; a body that does not come is no failure.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(ANSWER_SHOWN).collect()
}
