//! The service files: what they promise stays in them, and what they start exists.

use std::collections::BTreeMap;

use crate::desk::Desk;

const UNIT: &str = include_str!("../../assets/nightdesk.service");
const PLIST: &str = include_str!("../../assets/com.nightdesk.daemon.plist");

/// Settings by section and key; a key that is there twice keeps both values.
fn parse(unit: &str) -> BTreeMap<(String, String), Vec<String>> {
    let (mut section, mut found) = (String::new(), BTreeMap::<_, Vec<_>>::new());
    for line in unit.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("neither a section nor a setting: {line}"));
            found.entry((section.clone(), key.to_owned())).or_default().push(value.to_owned());
        }
    }
    found
}

/// Every word of `command` that begins with two dashes is an option of `--help`.
fn exists(desk: &Desk, words: impl Iterator<Item = String>) {
    let help = desk.run(&["--help"]).out;
    let flags: Vec<String> = words.filter(|w| w.starts_with("--")).collect();
    assert!(flags.contains(&"--daemon".to_owned()), "{flags:?}");
    for flag in flags {
        let listed = help.lines().any(|l| l.split([' ', ',']).any(|w| w == flag));
        assert!(listed, "{flag} is not in --help");
    }
}

#[test]
fn the_unit_is_hardened_notified_and_starts_what_exists() {
    let unit = parse(UNIT);
    let expected = [
        ("Unit", "StartLimitIntervalSec", "0"),
        ("Service", "Type", "notify-reload"),
        ("Service", "NotifyAccess", "main"),
        ("Service", "WatchdogSec", "30"),
        ("Service", "Restart", "on-failure"),
        ("Service", "RestartSec", "10"),
        ("Service", "RestartPreventExitStatus", "2"),
        ("Service", "TimeoutStopSec", "30"),
        ("Service", "UMask", "0077"),
        ("Service", "StateDirectory", "nightdesk"),
        ("Service", "ProtectSystem", "strict"),
        ("Service", "ProtectHome", "read-only"),
        ("Service", "NoNewPrivileges", "yes"),
        ("Service", "PrivateTmp", "yes"),
        ("Service", "PrivateDevices", "yes"),
        ("Service", "CapabilityBoundingSet", ""),
        ("Service", "RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("Service", "MemoryDenyWriteExecute", "yes"),
        ("Service", "LimitNOFILE", "8192"),
        ("Install", "WantedBy", "multi-user.target"),
    ];
    for (section, key, value) in expected {
        let found = unit.get(&(section.to_owned(), key.to_owned()));
        assert_eq!(found.map(Vec::as_slice), Some(&[value.to_owned()][..]), "[{section}] {key}");
    }
    assert_eq!(unit[&("Service".to_owned(), "SystemCallFilter".to_owned())], ["@system-service", "~@privileged @resources"]);
    let start = &unit[&("Service".to_owned(), "ExecStart".to_owned())][0];
    exists(&Desk::new(), start.split_whitespace().map(str::to_owned));
}

#[test]
fn the_agent_stays_in_the_foreground_and_starts_what_exists() {
    let words = PLIST.lines().filter_map(|l| l.trim().strip_prefix("<string>")?.strip_suffix("</string>").map(str::to_owned));
    exists(&Desk::new(), words);
    for rule in ["SuccessfulExit", "ThrottleInterval", "RunAtLoad"] {
        assert!(PLIST.contains(&format!("<key>{rule}</key>")), "{rule}");
    }
}
