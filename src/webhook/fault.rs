//! Why an alert was not delivered, without a word of what is secret.

/// An alert that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// No address is configured.
    #[error("there is no webhook: set alerts.webhook in nightdesk.toml")]
    None,
    /// The address is not accepted.
    #[error("alerts.webhook cannot be used: {0}; give an https:// address, or http:// on this machine")]
    Address(&'static str),
    /// A header is not accepted.
    #[error("alerts.webhook_headers has an entry {0:?} that HTTP does not allow")]
    Header(String),
    /// TLS could not be set up.
    #[error("no HTTPS request can be made: {0}; are CA certificates installed (ca-certificates, or SSL_CERT_FILE)?")]
    Setup(String),
    /// Nobody answered.
    #[error("{host} gave no answer ({attempts} tried): {cause}; check alerts.webhook and the network")]
    NoAnswer {
        /// Host and port.
        host: String,
        /// What happened.
        cause: String,
        /// Attempts made.
        attempts: u32,
    },
    /// The receiver did not take it.
    #[error("{host} answered {status} ({attempts} tried): {said}")]
    Refused {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// The beginning of its answer.
        said: String,
        /// Attempts made.
        attempts: u32,
    },
}

impl WebhookFault {
    pub(super) fn after(mut self, tried: u32) -> Self {
        if let Self::NoAnswer { attempts, .. } | Self::Refused { attempts, .. } = &mut self {
            *attempts = tried;
        }
        self
    }
}

/// An error with its causes, without its address.
pub(super) fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let error = error.without_url();
    let mut parts = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(e) = next {
        let text = e.to_string();
        if !parts.contains(&text) {
            parts.push(text);
        }
        next = e.source();
    }
    parts.join(": ")
}
