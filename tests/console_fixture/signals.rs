//! Signals of the fixture: open ones, settled ones, the newest scan, and a strategy without a champion.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use nightdesk::labels::Class;
use nightdesk::market::Strategy;
use nightdesk::scan::views::{
    Contribution, OutcomeView, PastCase, ScannedSymbol, SectorRow, Settled, SignalDetail, SignalRow, SignalState, SignalsPage, SignalsView,
};
use nightdesk::train::backtest::{Exit, Side};

use super::drift::day;
use super::{NOW, SECTORS, Scene, symbol};

fn after(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap()
}

fn open(signal_id: i64, name: &str, side: Side, date: NaiveDate, p: f64, close: f64) -> SignalRow {
    let rest = 1.0 - p;
    let entered = date < day(11, 20);
    SignalRow {
        signal_id,
        model_id: 14,
        symbol: symbol(name),
        sector: "Technology".into(),
        date,
        side,
        p: if side == Side::Buy { [rest * 0.4, rest * 0.6, p] } else { [p, rest * 0.6, rest * 0.4] },
        lift: p / 0.31,
        regime: "trending_up".into(),
        close,
        entry: entered.then_some(close * 1.004),
        lower: close * 0.956,
        upper: close * 1.047,
        horizon_end: after(date, 14),
        state: SignalState::Open,
        last: Some(close * 1.0183),
        outcome: None,
        void: None,
    }
}

fn settled(signal_id: i64, name: &str, reason: Exit, net: f64) -> SignalRow {
    let date = after(day(9, 1), signal_id as u64);
    let outcome = OutcomeView {
        settled_at: NOW - 900_000,
        class: match reason {
            Exit::Ambiguous => None,
            Exit::Horizon => Some(Class::Hold),
            _ if net > 0.0 => Some(Class::Buy),
            _ => Some(Class::Sell),
        },
        reason,
        exit_date: after(date, 9),
        exit_price: 100.0 * (1.0 + net),
        bars_held: 7,
        gross: net + 0.001,
        cost: 0.001,
        net,
    };
    SignalRow { state: SignalState::Settled, outcome: Some(outcome), ..open(signal_id, name, Side::Buy, date, 0.47, 100.0) }
}

/// All signals, newest first.
pub fn rows() -> Vec<SignalRow> {
    vec![
        open(41, "AAPL", Side::Buy, day(11, 20), 0.52, 241.18),
        open(40, "NVDA", Side::Sell, day(11, 20), 0.47, 181.4),
        open(38, "XOM", Side::Buy, day(11, 12), 0.49, 112.66),
        settled(37, "KO", Exit::Upper, 0.0412),
        settled(36, "JPM", Exit::Lower, -0.0387),
        settled(35, "META", Exit::Horizon, 0.0061),
        settled(34, "CVX", Exit::Ambiguous, -0.0402),
        SignalRow {
            state: SignalState::Void,
            outcome: None,
            void: Some("2026-10-14 has no bar".into()),
            ..settled(33, "BRK-B", Exit::Horizon, 0.0)
        },
    ]
}

fn scanned(name: &str, p: [f64; 3], decision: Class, why: Option<&str>) -> ScannedSymbol {
    ScannedSymbol {
        symbol: symbol(name),
        sector: "Technology".into(),
        p: Some(p),
        decision: Some(decision),
        lift: Some(p[decision.index()] / 0.31),
        regime: Some("ranging".into()),
        why_none: why.map(str::to_owned),
    }
}

fn scan() -> Vec<ScannedSymbol> {
    let unasked = |name: &str, why: &str| ScannedSymbol {
        p: None,
        decision: None,
        lift: None,
        regime: None,
        ..scanned(name, [0.3, 0.4, 0.3], Class::Hold, Some(why))
    };
    vec![
        scanned("AAPL", [0.19, 0.29, 0.52], Class::Buy, None),
        scanned("AMZN", [0.27, 0.41, 0.32], Class::Hold, Some("the model says hold")),
        scanned("KO", [0.25, 0.31, 0.44], Class::Buy, Some("a signal was settled 3 sessions ago")),
        scanned("NVDA", [0.47, 0.32, 0.21], Class::Sell, None),
        scanned("XOM", [0.22, 0.31, 0.47], Class::Buy, Some("its signal of 2026-11-12 is open")),
        unasked("BTC-USD", "coins are not scanned"),
        unasked("NEWCO", "short history: 190 of 272 bars"),
    ]
}

/// A strategy's signals in short.
pub fn view(strategy: Strategy) -> SignalsView {
    let at = Some(NOW - 121_000);
    if strategy == Strategy::Slipstream {
        return SignalsView {
            session: Some(day(11, 20)),
            at,
            model_id: Some(3),
            paper: true,
            symbols: 80,
            eligible: 77,
            ..SignalsView::unscanned(strategy, "No signals: no champion, the gates are not met. The answers of model 3 are on paper.")
        };
    }
    SignalsView {
        session: Some(day(11, 20)),
        at,
        model_id: Some(14),
        symbols: 80,
        eligible: 74,
        new: 2,
        open: 3,
        shown: rows().into_iter().take(3).collect(),
        settled: Settled { signals: 41, wins: 24, net: Some(0.0031) },
        ..SignalsView::unscanned(strategy, "2 new signals of model 14, 3 are open.")
    }
}

/// Everything the page of signals shows.
pub fn page(strategy: Strategy) -> SignalsPage {
    if strategy == Strategy::Slipstream {
        let paper = |s: ScannedSymbol| ScannedSymbol { why_none: Some("on paper: no champion".into()), ..s };
        return SignalsPage { view: view(strategy), signals: Vec::new(), scanned: scan().into_iter().map(paper).collect() };
    }
    SignalsPage { view: view(strategy), signals: rows(), scanned: scan() }
}

/// The page of a signal.
pub fn detail(strategy: Strategy, signal_id: i64) -> Option<SignalDetail> {
    let row = rows().into_iter().find(|r| r.signal_id == signal_id)?;
    let adds = [
        ("momentum_acceleration_10", 1.9, 0.061),
        ("rsi_14", 1.4, 0.042),
        ("volume_return_corr_20", -1.1, 0.027),
        ("beta_60", 0.3, 0.012),
        ("atr_14_pct", 2.2, -0.009),
        ("overnight_vol_share_20", -0.8, -0.021),
    ];
    let case = |i: u32| PastCase {
        symbol: symbol(["AAPL", "MSFT", "KO", "XOM", "JPM", "META", "NVDA", "CVX"][i as usize]),
        date: after(day(1, 5), u64::from(i) * 29),
        distance: 0.41 + 0.06 * f64::from(i),
        class: Class::ALL[(i as usize * 2 + 2) % 3],
        net: [0.041, -0.038, 0.006, 0.044, -0.012, 0.039, 0.019, -0.04][i as usize],
    };
    let close = |i: u32| {
        let from = if row.state == SignalState::Open { 30 } else { 36 };
        let date = after(row.date, u64::from(i)).checked_sub_days(Days::new(from)).unwrap();
        (date, row.close * (0.975 + 0.001 * f64::from(i) + 0.009 * (f64::from(i) * 0.45).sin()))
    };
    Some(SignalDetail {
        strategy,
        contributions: adds
            .iter()
            .map(|(name, scaled, adds)| Contribution { feature: (*name).into(), value: scaled * 3.0, scaled: *scaled, adds: *adds })
            .collect(),
        cases: (0..8).map(case).collect(),
        closes: (0..44).map(close).collect(),
        row,
    })
}

/// The sectors by name.
pub fn sectors() -> Vec<SectorRow> {
    let mut names: Vec<&str> = SECTORS.to_vec();
    names.sort_unstable();
    let row = |(i, name): (usize, &&str)| SectorRow {
        sector: (*name).into(),
        symbols: 7,
        samples: Some([6_100 + 310 * i as u64, 7_204, 6_911 - 200 * i as u64]),
        open: u32::from(i % 4 == 1),
        settled: if i == 3 {
            Settled::default()
        } else {
            Settled { signals: 4 + i as u32, wins: 2 + i as u32 / 2, net: Some(0.004 - 0.001 * i as f64) }
        },
        lean: Some(0.14 - 0.031 * i as f64),
    };
    names.iter().enumerate().map(row).collect()
}

/// The signals of a scene's snapshot.
pub fn shared(scene: Scene) -> Arc<Vec<SignalsView>> {
    if scene == Scene::Loading { Arc::default() } else { Arc::new(Strategy::ALL.map(view).to_vec()) }
}
