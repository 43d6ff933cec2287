//! What the data-set step and the audit store comes back as it was, or is refused.

use nightdesk::store::model::{ConfigChange, RareEvent, ReplayError, Sample, SectorStats};

use crate::{Desk, NOW, date, symbol};

fn sample(ticker: &str, day: &str) -> Sample {
    Sample {
        symbol: symbol(ticker),
        date: date(day),
        label_end: date("2024-03-18"),
        matured: date("2024-04-01"),
        class: 2,
        regime: "crash".into(),
        features: vec![0.1, -0.0, f64::MIN_POSITIVE, 1e300],
        definition: "0123456789abcdef".into(),
        rules: "fedcba9876543210".into(),
    }
}

fn event(ticker: &str, day: &str, magnitude: f64) -> RareEvent {
    RareEvent { sample: sample(ticker, day), kind: "crash".into(), magnitude, archived_at: NOW }
}

#[test]
fn rare_events_come_and_go_with_their_rows() {
    let desk = Desk::new();
    let mut db = desk.db();
    let [a, b, c] = [event("AAPL", "2024-03-01", 3.0), event("AAPL", "2024-03-04", 4.0), event("MSFT", "2024-03-01", 5.0)];
    db.update_archive(&[], &[c.clone(), a.clone(), b.clone()]).unwrap();
    assert_eq!(desk.reader().rare_events().unwrap(), [a.clone(), b.clone(), c.clone()]);
    let stronger = RareEvent { magnitude: 9.0, ..a };
    db.update_archive(&[(c.sample.symbol, c.sample.date)], std::slice::from_ref(&stronger)).unwrap();
    assert_eq!(desk.reader().rare_events().unwrap(), [stronger.clone(), b.clone()]);
    // All or nothing: the second row breaks a rule of the table.
    let bad = RareEvent { sample: Sample { class: 3, ..sample("NVDA", "2024-03-05") }, ..b.clone() };
    assert!(db.update_archive(&[(b.sample.symbol, b.sample.date)], &[event("NVDA", "2024-03-01", 1.0), bad]).is_err());
    assert_eq!(desk.reader().rare_events().unwrap(), [stronger, b]);
}

#[test]
fn errors_are_kept_to_be_learnt_again() {
    let desk = Desk::new();
    let mut db = desk.db();
    let error = ReplayError { sample: sample("AAPL", "2024-03-01"), predicted: 0, confidence: 0.7, model: "mlp 3".into(), added_at: NOW };
    db.update_replay(&[], std::slice::from_ref(&error)).unwrap();
    assert_eq!(desk.reader().replay_errors().unwrap(), std::slice::from_ref(&error));
    let right = ReplayError { predicted: 2, ..error.clone() };
    assert!(db.update_replay(&[], &[right]).is_err(), "a right prediction is no error");
    db.update_replay(&[(error.sample.symbol, error.sample.date)], &[]).unwrap();
    assert_eq!(desk.reader().replay_errors().unwrap(), []);
}

#[test]
fn the_newest_sectors_and_changes_are_read() {
    let desk = Desk::new();
    let mut db = desk.db();
    let stats = |day: &str, sector: &str| SectorStats {
        date: date(day),
        sector: sector.into(),
        symbols: 3,
        samples: [10, 20, 30],
        signals: 4,
        wins: 1,
        net_return: Some(-0.01),
    };
    let (old, energy, health) = (stats("2024-03-01", "Energy"), stats("2024-03-04", "Energy"), stats("2024-03-04", "Health Care"));
    db.put_sector_stats(&[old, health.clone(), energy.clone()]).unwrap();
    let energy = SectorStats { symbols: 2, net_return: None, signals: 0, wins: 0, ..energy };
    db.put_sector_stats(std::slice::from_ref(&energy)).unwrap();
    assert_eq!(desk.reader().sector_stats().unwrap(), [energy, health]);

    let change = |key: &str, old: Option<&str>, new: Option<&str>| ConfigChange {
        at: NOW,
        file: "turbomode.toml".into(),
        key: key.into(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
        version: "2".into(),
    };
    let changes = [change("a.b", Some("1"), Some("2")), change("c", None, Some("x")), change("d", Some("y"), None)];
    db.audit(&changes).unwrap();
    assert!(db.audit(&[change("e", Some("1"), Some("1"))]).is_err(), "nothing has changed");
    let mut newest_first = changes.to_vec();
    newest_first.reverse();
    assert_eq!(desk.reader().config_changes(9).unwrap(), newest_first);
    assert_eq!(desk.reader().config_changes(1).unwrap(), newest_first[..1]);
}
