//! The webhook's address and headers: what is accepted, and how much of them may be shown.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{AlertSettings, Settings};

/// What a hidden value is shown as.
const HIDDEN: &str = "(hidden)";
const ADDRESS: &str = "alerts.webhook";
const HEADERS: &str = "alerts.webhook_headers.";

impl AlertSettings {
    /// The webhook's address; `None` when there is none. Plain HTTP is accepted on this machine only, because headers
    /// and addresses of webhooks are secrets.
    pub fn address(&self) -> Result<Option<Url>, &'static str> {
        if self.webhook.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&self.webhook).map_err(|_| "not an address")?;
        match url.scheme() {
            "https" => Ok(Some(url)),
            "http" if is_loopback(&url) => Ok(Some(url)),
            "http" => Err("plain http would leave this machine"),
            _ => Err("neither https nor http"),
        }
    }

    /// The webhook's headers, marked as secrets; the error is the name of one that HTTP does not allow.
    pub fn headers(&self) -> Result<HeaderMap, String> {
        let mut out = HeaderMap::new();
        for (name, value) in &self.webhook_headers {
            let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
            let (key, mut value) = parsed.ok_or_else(|| name.clone())?;
            value.set_sensitive(true);
            out.insert(key, value);
        }
        Ok(out)
    }
}

/// Whether a URL's host is this machine by its name or number.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The value of a key as it may be shown and kept in a log: secrets are hidden, a webhook's address is cut to its
/// host. Everything that prints, logs or audits settings goes through here.
pub fn shown(key: &str, value: Value) -> Value {
    match &value {
        Value::String(text) if key == ADDRESS && !text.is_empty() => match Url::parse(text) {
            Ok(url) if url.has_host() => format!("{}/{HIDDEN}", url.origin().ascii_serialization()).into(),
            _ => HIDDEN.into(),
        },
        _ if key.starts_with(HEADERS) => HIDDEN.into(),
        _ => value,
    }
}

impl Settings {
    /// The settings as JSON with secrets hidden.
    pub fn shown(&self) -> Value {
        // Settings hold nothing JSON cannot say; the fallback is never taken.
        let mut tree = serde_json::to_value(self).unwrap_or_default();
        let alerts = &mut tree["alerts"];
        alerts["webhook"] = shown(ADDRESS, alerts["webhook"].take());
        if let Some(headers) = alerts["webhook_headers"].as_object_mut() {
            headers.values_mut().for_each(|v| *v = HIDDEN.into());
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(webhook: &str) -> AlertSettings {
        AlertSettings { webhook: webhook.into(), ..AlertSettings::default() }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in ["https://hooks.example.com/a?b=c", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:8080/"] {
            assert!(of(good).address().is_ok_and(|u| u.is_some()), "{good}");
        }
        for bad in ["http://example.com/", "http://127.0.0.1.evil.example/", "ftp://localhost/", "hooks.example.com", "http://10.0.0.1/"] {
            assert!(of(bad).address().is_err(), "{bad}");
        }
        assert_eq!(of("").address(), Ok(None));
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = Settings::default();
        settings.alerts = of("https://user:pass@hooks.example.com:8443/T0/secret?token=x");
        settings.alerts.webhook_headers.insert("Authorization".into(), "Bearer s3cret".into());
        let text = settings.shown().to_string();
        assert!(text.contains("https://hooks.example.com:8443/(hidden)"), "{text}");
        let leaves = settings.leaves().into_iter().map(|(k, v)| shown(&k, v).to_string()).collect::<String>();
        for secret in ["pass", "s3cret", "T0", "token=x"] {
            assert!(!text.contains(secret) && !leaves.contains(secret), "{secret}");
        }
        assert!(settings.alerts.headers().unwrap()["authorization"].is_sensitive());
        settings.alerts.webhook_headers.insert("Bad name".into(), "x".into());
        assert_eq!(settings.alerts.headers().unwrap_err(), "Bad name");
    }
}
