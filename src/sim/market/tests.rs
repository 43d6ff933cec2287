use std::time::Instant;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::market::{AssetClass, Candle, DAY, date_to_ts};

fn stock(symbol: &str) -> Instrument {
    Instrument { symbol: Symbol::new(symbol).unwrap(), asset: AssetClass::Stock, sector: "Technology".into(), name: symbol.into() }
}

fn crypto(symbol: &str) -> Instrument {
    Instrument { asset: AssetClass::Crypto, sector: "Crypto".into(), ..stock(symbol) }
}

fn at(text: &str) -> i64 {
    text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()
}

fn date(text: &str) -> i64 {
    date_to_ts(text.parse::<NaiveDate>().unwrap())
}

/// Volume as a count of the instrument's smallest unit, in which sums are exact.
fn units(instrument: &Instrument, volume: f64) -> u64 {
    if instrument.asset == AssetClass::Crypto { (volume * 1e4).round() as u64 } else { volume as u64 }
}

fn aggregate(instrument: &Instrument, timeframe: Timeframe, finer: Timeframe, bars: &[Candle]) -> Vec<(i64, [f64; 4], u64)> {
    let mut out: Vec<(i64, [f64; 4], u64)> = Vec::new();
    for b in bars {
        let ts = instrument.calendar().bucket(timeframe, finer, b.ts).expect("a bar outside any session");
        let volume = units(instrument, b.volume);
        match out.last_mut().filter(|l| l.0 == ts) {
            Some((_, [_, h, l, c], v)) => {
                *h = h.max(b.high);
                *l = l.min(b.low);
                *c = b.close;
                *v += volume;
            }
            None => out.push((ts, [b.open, b.high, b.low, b.close], volume)),
        }
    }
    out
}

fn content(instrument: &Instrument, bars: &[Candle]) -> Vec<(i64, [f64; 4], u64)> {
    bars.iter().map(|b| (b.ts, [b.open, b.high, b.low, b.close], units(instrument, b.volume))).collect()
}

fn check_window(generator: &Generator, instrument: &Instrument, first: i64, days: i64, now: i64) {
    let (start, end) = (first, first + days * DAY);
    let minutes = generator.bars(instrument, Timeframe::M1, start, end, now);
    for b in &minutes {
        assert!(b.low <= b.open.min(b.close) && b.high >= b.open.max(b.close) && b.low > 0.0, "{b:?}");
        assert!(instrument.calendar().session_at(b.ts).is_some());
        assert!(b.ts < now);
    }
    for timeframe in Timeframe::ALL {
        if timeframe <= Timeframe::M1 || timeframe > Timeframe::D1 {
            continue;
        }
        let served = generator.bars(instrument, timeframe, start, end, now);
        assert_eq!(content(instrument, &served), aggregate(instrument, timeframe, Timeframe::M1, &minutes), "{timeframe}");
        for b in &served {
            let close = instrument.calendar().bar_close(timeframe, b.ts).unwrap();
            assert_eq!(b.is_final, close <= now, "{timeframe} {b:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_size_adds_up_from_minutes(name in "[A-Z]{1,4}", day in 15_000i64..20_400, now_in in 0i64..5 * DAY, coin in any::<bool>()) {
        let generator = Generator::new(7);
        let instrument = if coin { crypto("BTC-USD") } else { stock(&name) };
        check_window(&generator, &instrument, day * DAY, 3, day * DAY + now_in);
    }
}

#[test]
fn half_days_and_dst_changes_add_up() {
    let generator = Generator::new(1);
    // The days around Thanksgiving 2024, the spring and autumn changes of 2025, and Christmas Eve.
    for day in ["2024-11-27", "2025-03-07", "2025-10-31", "2025-12-23"] {
        check_window(&generator, &stock("AAPL"), date(day), 5, at("2026-11-20T15:00:00Z"));
        check_window(&generator, &crypto("ETH-USD"), date(day), 3, at("2026-11-20T15:00:00Z"));
    }
    let half = generator.bars(&stock("AAPL"), Timeframe::M1, date("2024-11-29"), date("2024-11-30"), at("2026-11-20T15:00:00Z"));
    assert_eq!(half.len(), 210);
}

#[test]
fn weeks_and_months_add_up_from_days() {
    let generator = Generator::new(3);
    let now = at("2026-11-20T15:00:00Z");
    for instrument in [stock("MSFT"), crypto("SOL-USD")] {
        let days = generator.bars(&instrument, Timeframe::D1, date("2020-05-04"), now, now);
        let weeks = generator.bars(&instrument, Timeframe::W1, date("2020-05-04"), now, now);
        assert_eq!(content(&instrument, &weeks), aggregate(&instrument, Timeframe::W1, Timeframe::D1, &days));
        let june: Vec<Candle> = days.iter().copied().filter(|b| b.ts >= date("2020-06-01")).collect();
        let months = generator.bars(&instrument, Timeframe::Mo1, date("2020-06-01"), now, now);
        assert_eq!(content(&instrument, &months), aggregate(&instrument, Timeframe::Mo1, Timeframe::D1, &june));
        assert!(!months.last().unwrap().is_final && !weeks.last().unwrap().is_final && !days.last().unwrap().is_final);
        assert_eq!(weeks.iter().filter(|b| !b.is_final).count(), 1);
    }
}

#[test]
fn the_same_seed_gives_the_same_market_whatever_was_asked_before() {
    let (a, b) = (Generator::new(9), Generator::new(9));
    let now = at("2026-11-20T15:00:20Z");
    let window = (now - 4 * DAY, now);
    a.bars(&stock("XOM"), Timeframe::D1, 0, now - 3000 * DAY, now - 3000 * DAY);
    let x = a.bars(&stock("XOM"), Timeframe::M5, window.0, window.1, now);
    assert_eq!(x, b.bars(&stock("XOM"), Timeframe::M5, window.0, window.1, now));
    assert_ne!(x, Generator::new(10).bars(&stock("XOM"), Timeframe::M5, window.0, window.1, now));
    assert!(!x.last().unwrap().is_final);
}

#[test]
fn a_forming_bar_grows_into_its_final_self() {
    let generator = Generator::new(2);
    let aapl = stock("AAPL");
    let open = at("2026-11-20T14:30:00Z");
    let last = generator.bars(&aapl, Timeframe::M30, open, open + DAY, open + 1800)[0];
    let mut before: Option<Candle> = None;
    for now in (open + 1..open + 1800).step_by(37) {
        let bar = generator.bars(&aapl, Timeframe::M30, open, open + DAY, now)[0];
        assert!(!bar.is_final && bar.high <= last.high && bar.low >= last.low && bar.volume <= last.volume);
        assert_eq!(bar.open, last.open);
        assert!(before.is_none_or(|b| b.high <= bar.high && b.low >= bar.low && b.volume <= bar.volume));
        before = Some(bar);
    }
    assert!(last.is_final);
    assert!(generator.bars(&aapl, Timeframe::M30, open, open + DAY, open).is_empty());
}

#[test]
fn a_split_rewrites_history_when_its_date_comes() {
    let generator = Generator::new(5);
    let nvda = stock("NVDA");
    let ex_date: NaiveDate = "2026-11-23".parse().unwrap();
    let (eve, morning) = (at("2026-11-22T20:00:00Z"), at("2026-11-23T15:00:00Z"));
    let window = (date("2026-11-16"), date("2026-11-23"));
    let before = generator.bars(&nvda, Timeframe::D1, window.0, window.1, eve);
    let splits_before = generator.actions(&nvda, eve).splits.len();
    generator.announce_split(nvda.symbol, Split { ex_date, numerator: 4.0, denominator: 1.0 });
    assert_eq!(generator.bars(&nvda, Timeframe::D1, window.0, window.1, eve), before);
    let after = generator.bars(&nvda, Timeframe::D1, window.0, window.1, morning);
    assert_eq!(generator.actions(&nvda, morning).splits.len(), splits_before + 1);
    for (b, a) in before.iter().zip(&after) {
        assert!((b.close / a.close - 4.0).abs() < 0.01, "{} {}", b.close, a.close);
        assert_eq!(a.volume, b.volume * 4.0);
    }
    let today = generator.bars(&nvda, Timeframe::D1, date("2026-11-23"), morning, morning);
    assert!((today[0].open / after.last().unwrap().close - 1.0).abs() < 0.25);
}

#[test]
fn levels_listings_and_actions_are_plausible() {
    let generator = Generator::new(1);
    let now = at("2026-01-03T00:00:00Z");
    let names: Vec<String> = (0..77).map(|i| format!("S{i}")).collect();
    let (mut young, mut split, mut paying) = (0, 0, 0);
    for name in &names {
        let s = stock(name);
        let close = generator.bars(&s, Timeframe::D1, date("2026-01-02"), now, now).last().unwrap().close;
        assert!((14.0..=920.0).contains(&close), "{name} {close}");
        young += usize::from(generator.first_trade_date(&s).year() > 2010);
        let actions = generator.actions(&s, now);
        split += usize::from(!actions.splits.is_empty());
        paying += usize::from(!actions.dividends.is_empty());
    }
    assert!((4..25).contains(&young) && (8..35).contains(&split) && (35..70).contains(&paying), "{young} {split} {paying}");
}

#[test]
fn volatility_clusters_and_tails_are_fat() {
    let generator = Generator::new(1);
    let now = at("2026-01-03T00:00:00Z");
    let bars = generator.bars(&stock("JPM"), Timeframe::D1, date("2012-01-01"), now, now);
    let r: Vec<f64> = bars.windows(2).map(|w| (w[1].close / w[0].close).ln()).collect();
    let n = r.len() as f64;
    let var = r.iter().map(|x| x * x).sum::<f64>() / n;
    let kurtosis = r.iter().map(|x| x.powi(4)).sum::<f64>() / n / var.powi(2);
    let a: Vec<f64> = r.iter().map(|x| x.abs()).collect();
    let mean = a.iter().sum::<f64>() / n;
    let spread = a.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let lag1 = a.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / spread;
    assert!(kurtosis > 3.5, "kurtosis {kurtosis}");
    assert!(lag1 > 0.04, "autocorrelation of |r| {lag1}");
    assert!((0.008..0.04).contains(&var.sqrt()), "sigma {}", var.sqrt());
}

#[test]
fn the_profile_has_all_metrics_of_a_stock_and_one_of_a_coin() {
    let generator = Generator::new(1);
    let now = at("2026-11-20T15:00:00Z");
    let p = generator.profile(&stock("KO"), now);
    assert!(p.metrics.iter().flatten().all(|x| x.is_finite()));
    assert!(p.metrics.iter().flatten().count() >= 35);
    let (cap, shares) = (p.metric("market_cap").unwrap(), p.metric("shares_outstanding").unwrap());
    assert!((cap / shares - p.metric("trailing_pe").unwrap() * p.metric("diluted_eps").unwrap()).abs() < 1e-2);
    let coin = generator.profile(&crypto("BTC-USD"), now);
    assert_eq!(coin.metrics.iter().flatten().count(), 1);
    assert!(coin.metric("market_cap").is_some());
}

#[test]
fn ten_years_of_days_are_quick_once_the_path_is_known() {
    let generator = Generator::new(1);
    let now = at("2026-11-20T15:00:00Z");
    let aapl = stock("AAPL");
    generator.bars(&aapl, Timeframe::D1, now - DAY, now, now);
    let clock = Instant::now();
    let bars = generator.bars(&aapl, Timeframe::D1, now - 3653 * DAY, now, now);
    assert!(bars.len() > 2500);
    // The budget is 20 ms on an idle machine; shared test machines get slack.
    assert!(clock.elapsed().as_millis() < 200, "{:?}", clock.elapsed());
}
