//! Keeps secrets out of what is shown about a mistake: the values of `alerts.webhook` and `alerts.webhook_headers`.
//!
//! It works on the text, because a mistake may be one of syntax, and it hides too much rather than too little.

/// The keys of `[alerts]` that may be shown.
const OPEN: [&str; 3] = ["terminal", "webhook_timeout_s", "webhook_retries"];

/// Whether the value of a key, misspelt ones included, may be a secret.
pub(super) fn is_secret<S: AsRef<str>>(path: &[S]) -> bool {
    let mut parts = path.iter().map(|p| p.as_ref().to_ascii_lowercase());
    let open = |key: Option<String>| key.is_some_and(|k| OPEN.contains(&k.as_str()));
    match parts.next() {
        Some(table) if table.contains("alert") => !open(parts.next()),
        Some(key) => key.contains("webhook") && !OPEN.contains(&key.as_str()),
        None => false,
    }
}

/// The text with `...` in place of every value that may be a secret. Its length in bytes stays, so that places in the
/// original are places in it.
pub(super) fn masked(toml: &str) -> String {
    let mut table = String::new();
    // A value may go on over lines, whatever they look like.
    let mut hiding = false;
    let line = |line: &str| {
        let inner = line.trim();
        if let Some(name) = header(inner, hiding) {
            table = name;
            hiding = false;
            return line.to_owned();
        }
        let (key, at) = line.find('=').map_or((None, 0), |i| (Some(line[..i].trim()), i + 1));
        let bare = key.filter(|k| !k.is_empty() && k.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"' ".contains(c)));
        let secret = match bare {
            Some(key) => {
                let whole = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
                is_secret(&whole.split('.').map(|p| p.trim().trim_matches(['"', '\''])).collect::<Vec<_>>())
            }
            None => hiding || is_secret(&[&table]),
        };
        hiding = secret || (hiding && table.is_empty() && bare.is_none());
        if secret { hide(line, at) } else { line.to_owned() }
    };
    toml.split_inclusive('\n').map(line).collect()
}

/// The table that a line opens. Within a hidden value only the plainest form counts, as the line may belong to the value.
fn header(line: &str, hiding: bool) -> Option<String> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']').unwrap_or((&line[1..], ""));
    let name = name.trim_start_matches('[');
    let extra = if hiding { "_-." } else { "_-.\"' " };
    let ends = rest.trim_start_matches(']').trim_start();
    let is_header = name.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c)) && (ends.is_empty() || ends.starts_with('#'));
    is_header.then(|| name.chars().filter(|c| !" \"'".contains(*c)).collect())
}

/// Replaces what follows `at` up to the end of the line.
fn hide(line: &str, at: usize) -> String {
    let end = line.trim_end().len();
    let Some(value) = line.get(at..end).map(|v| at + v.len() - v.trim_start().len()).filter(|v| *v < end) else { return line.to_owned() };
    let dots = (end - value).min(3);
    format!("{}{}{}{}", &line[..value], ".".repeat(dots), " ".repeat(end - value - dots), &line[end..])
}

#[cfg(test)]
mod tests {
    use crate::config::{Flag, LoadRequest, SETTINGS_FILE, load};

    fn report(toml: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SETTINGS_FILE), toml).unwrap();
        let flag = |(key, value): &(&str, &str)| Flag { name: "--set".into(), key: (*key).into(), value: (*value).into() };
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let errors = load(LoadRequest { config_dir: Some(dir.path().into()), env, flags: flags.iter().map(flag).collect() }).unwrap_err();
        format!("{}\n{}\n{errors:?}", errors.render(false), errors.brief())
    }

    #[test]
    fn a_mistake_beside_a_secret_never_shows_it() {
        for toml in [
            "[alerts]\nwebhook_headers = \"Bearer S3CRET\"\n",
            "[alerts]\nwebhook_headers = [\"Bearer S3CRET\"]\n",
            "[alerts]\nwebhook_headers = [\n[\"Bearer S3CRET\"], \"x\" ]\n",
            "[alerts.webhook_headers]\nAuthorization = \"Bearer S3CRET\n",
            "[alerts.webhook_headers]\nAuthorization = Bearer S3CRET\n",
            "[alerts.webhook_headers]\nAuthorization \"Bearer S3CRET\"\n",
            "[alerts.webhook_headers]\nAuthorization = [\"Bearer S3CRET\"]\n",
            "[alerts]\nwebhook = \"http://example.com/S3CRET\"\n",
            "[alerts]\nwebhok = \"https://example.com/S3CRET\"\n",
            "[alert]\nwebhook = \"https://example.com/S3CRET\"\n",
            "[ alerts ]\nwebhook = \"\"\"\nx = S3CRET\n",
            "webhook = \"S3CRET\"\n",
            "alerts = \"S3CRET\"\n",
            "alerts.webhook = [\"S3CRET\"]\n",
            "alerts = { webhook = \"http://example.com/S3CRET\" }\n",
        ] {
            let shown = report(toml, &[], &[]);
            assert!(!shown.contains("S3CRET"), "{toml}\n{shown}");
        }
        for key in ["NIGHTDESK__ALERTS__WEBHOOK", "NIGHTDESK__ALERTS__WEBHOOK_HEADERS", "NIGHTDESK__ALERTS__WEBHOK", "NIGHTDESK__ALERTS"] {
            let shown = report("", &[(key, "http://example.com/S3CRET")], &[]);
            assert!(!shown.contains("S3CRET"), "{key}\n{shown}");
        }
        let shown = report("", &[], &[("alerts.webhook_headers", "Bearer S3CRET"), ("alerts.webhook", "http://example.com/S3CRET")]);
        assert!(!shown.contains("S3CRET"), "{shown}");
    }

    #[test]
    fn other_values_are_shown() {
        let shown =
            report("[alerts]\nwebhook_retries = 99\nterminal = 3\n[ib]\nport = \"abc\"\n", &[("NIGHTDESK__LOG__LEVEL", "loud")], &[]);
        for part in ["webhook_retries = 99", "terminal = 3", "port = \"abc\"", "LOG__LEVEL=loud"] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }
}
