//! The webhook's address and headers: what is accepted.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::AlertSettings;

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
    fn headers_are_secrets_and_must_be_headers() {
        let mut alerts = of("");
        alerts.webhook_headers.insert("Authorization".into(), "Bearer s3cret".into());
        assert!(alerts.headers().unwrap()["authorization"].is_sensitive());
        alerts.webhook_headers.insert("Bad name".into(), "x".into());
        assert_eq!(alerts.headers().unwrap_err(), "Bad name");
    }
}
