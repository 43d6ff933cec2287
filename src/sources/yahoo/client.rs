//! The HTTP client, live or pointed at a simulator on loopback, and the `yahoo_finance_api` connectors built on it.
//!
//! One client serves the crate and our own requests, so that both share connections and the TLS fingerprint. Called by
//! `YahooSource::new` and, for a fresh fundamentals session, by `summary`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use yahoo_finance_api::{YahooConnector, YahooConnectorBuilder};

use crate::config::YahooSettings;

/// The browser the crate presents itself as; Yahoo answers 429 to a request without a user agent.
pub(super) const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36";

/// Why the Yahoo source cannot be built. None of these goes away by retrying.
#[derive(Debug, thiserror::Error)]
pub enum YahooSetupError {
    /// TLS has nothing to trust.
    #[error("no CA certificates on this machine (install ca-certificates or set SSL_CERT_FILE): Yahoo cannot be reached over TLS")]
    NoCaStore,
    /// `yahoo.loopback` is not `IP:PORT`.
    #[error("yahoo.loopback = {0:?} is not an address; write it as 127.0.0.1:PORT, or remove it to use Yahoo itself")]
    LoopbackAddress(String),
    /// `yahoo.loopback` leaves this machine.
    #[error("yahoo.loopback = {0} is not on this machine; a simulator is accepted on 127.0.0.1 or [::1] only")]
    NotLoopback(SocketAddr),
    /// `yahoo.loopback` without `yahoo.loopback_ca`.
    #[error("yahoo.loopback is set but yahoo.loopback_ca is not; name the PEM file that the simulator wrote")]
    MissingCa,
    /// The simulator's authority cannot be read.
    #[error("cannot read the simulator's certificate authority {path}: {cause}; start the simulator, or correct yahoo.loopback_ca")]
    UnreadableCa {
        /// `yahoo.loopback_ca`.
        path: PathBuf,
        /// The operating system's or the parser's words.
        cause: String,
    },
    /// The TLS stack refused to start for another reason.
    #[error("cannot set up HTTPS for Yahoo: {0}")]
    Client(String),
}

/// How requests leave: one client, and the crate's connector on top of it where it can be built.
pub(super) struct Wire {
    /// For our own requests.
    pub http: reqwest::Client,
    /// Host name or address shown in the Sources pane.
    pub endpoint: String,
    crate_usable: bool,
}

impl Wire {
    /// Builds the client that the settings ask for.
    pub(super) fn new(settings: &YahooSettings) -> Result<Self, YahooSetupError> {
        // The crate fills a connector's other fields from `reqwest::Client::default()`, which panics where there is no
        // CA store. The same client built here answers with an error instead, so it is asked first.
        let store = reqwest::Client::builder().build();
        let base = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .timeout(Duration::from_secs(settings.timeout_s.max(1)))
            .https_only(true)
            .no_proxy();
        match &settings.loopback {
            None => {
                store.map_err(|e| without_store(&e))?;
                let http = base.build().map_err(|e| without_store(&e))?;
                Ok(Self { http, endpoint: "query1.finance.yahoo.com".into(), crate_usable: true })
            }
            Some(text) => {
                let addr = loopback_address(text)?;
                let ca = simulator_ca(settings)?;
                let http = base
                    .tls_certs_only([ca])
                    .dns_resolver(Arc::new(LoopbackOnly(addr)))
                    .build()
                    .map_err(|e| YahooSetupError::Client(chain(&e)))?;
                Ok(Self { http, endpoint: format!("simulator {addr}"), crate_usable: store.is_ok() })
            }
        }
    }

    /// A new connector of the crate on the shared client. `None` on a machine without a CA store, where the crate
    /// cannot be constructed even for a simulator with its own authority; our own requests then carry everything.
    pub(super) fn connector(&self) -> Option<YahooConnector> {
        if !self.crate_usable {
            return None;
        }
        YahooConnectorBuilder::build_with_client(self.http.clone()).ok()
    }
}

fn without_store(error: &reqwest::Error) -> YahooSetupError {
    let text = chain(error);
    if text.contains("No CA certificates") { YahooSetupError::NoCaStore } else { YahooSetupError::Client(text) }
}

fn loopback_address(text: &str) -> Result<SocketAddr, YahooSetupError> {
    let addr: SocketAddr = text.parse().map_err(|_| YahooSetupError::LoopbackAddress(text.to_owned()))?;
    if addr.ip().is_loopback() { Ok(addr) } else { Err(YahooSetupError::NotLoopback(addr)) }
}

fn simulator_ca(settings: &YahooSettings) -> Result<reqwest::Certificate, YahooSetupError> {
    let path = settings.loopback_ca.clone().ok_or(YahooSetupError::MissingCa)?;
    let pem = std::fs::read(&path).map_err(|e| YahooSetupError::UnreadableCa { path: path.clone(), cause: e.to_string() })?;
    reqwest::Certificate::from_pem(&pem).map_err(|e| YahooSetupError::UnreadableCa { path, cause: chain(&e) })
}

/// Resolves Yahoo's hosts to the simulator and nothing else, so that a demo can never reach the network.
struct LoopbackOnly(SocketAddr);

impl reqwest::dns::Resolve for LoopbackOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (addr, host) = (self.0, name.as_str().to_owned());
        Box::pin(async move {
            if host == "yahoo.com" || host.ends_with(".yahoo.com") {
                Ok(Box::new(std::iter::once(addr)) as reqwest::dns::Addrs)
            } else {
                Err(format!("host {host} is not simulated: refusing to resolve it").into())
            }
        })
    }
}

/// An error with its causes on one line, and without its URL (which may carry a crumb).
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(e) = next {
        let text = strip_query(&e.to_string());
        // reqwest and rustls repeat their source's text in their own.
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
        next = e.source();
    }
    parts.join(": ")
}

/// Removes query strings from URLs in `text`: they carry the session's crumb and nothing a reader needs.
pub(super) fn strip_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        match word.find('?').filter(|_| word.contains("https://")) {
            None => out.push_str(word),
            Some(at) => {
                out.push_str(&word[..at]);
                if word.ends_with(')') {
                    out.push(')');
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(loopback: &str) -> YahooSettings {
        YahooSettings { loopback: Some(loopback.into()), ..YahooSettings::default() }
    }

    #[test]
    fn a_simulator_elsewhere_is_refused() {
        let refused = |text: &str| Wire::new(&settings(text)).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refused("10.0.0.1:443").contains("not on this machine"));
        assert!(refused("0.0.0.0:443").contains("not on this machine"));
        assert!(refused("localhost").contains("not an address"));
        assert!(refused("127.0.0.1:4443").contains("loopback_ca"));
    }

    #[test]
    fn an_unreadable_authority_is_reported_with_its_path() {
        let s = YahooSettings { loopback_ca: Some("/nonexistent/ca.pem".into()), ..settings("127.0.0.1:1") };
        let text = Wire::new(&s).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("/nonexistent/ca.pem"), "{text}");
    }

    #[test]
    fn crumbs_do_not_reach_messages() {
        let text = strip_query("error for url (https://query2.finance.yahoo.com/v10/x/AAPL?modules=a&crumb=s3cret)");
        assert_eq!(text, "error for url (https://query2.finance.yahoo.com/v10/x/AAPL)");
        assert_eq!(strip_query("no url? here"), "no url? here");
    }
}
