use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::market::{Bars, DAY, Symbol, date_to_ts, ts_to_date};

fn d(y: i32, m: u32, day: u32) -> i64 {
    date_to_ts(NaiveDate::from_ymd_opt(y, m, day).unwrap())
}

/// 300 daily bars from 2023-01-03 with moves of about 1% and volumes around a million.
fn history() -> Bars {
    let mut close = 100.0;
    let sessions = Calendar::Xnys.sessions(d(2023, 1, 1), d(2025, 1, 1)).take(300);
    sessions
        .zip(0u32..)
        .map(|(s, i)| {
            let open: f64 = close;
            close = open * (1.0 + 0.01 * f64::from(i * 37 % 21) / 10.0 - 0.01);
            let (high, low) = (open.max(close) * 1.002, open.min(close) * 0.998);
            Candle { ts: date_to_ts(s.date), open, high, low, close, volume: 1e6 + 1e4 * f64::from(i * 53 % 31), is_final: true }
        })
        .collect()
}

fn scale(bar: &mut Candle, by: f64) {
    (bar.open, bar.high, bar.low, bar.close) = (bar.open * by, bar.high * by, bar.low * by, bar.close * by);
}

struct Case<'a> {
    bars: &'a [Candle],
    timeframe: Timeframe,
    basis: Basis,
    splits: &'a [Split],
    dividends: &'a [Dividend],
    adj_close: Option<&'a [f64]>,
    late: i64,
}

impl<'a> Case<'a> {
    const fn daily(bars: &'a [Candle]) -> Self {
        Self { bars, timeframe: Timeframe::D1, basis: Basis::SplitAdjusted, splits: &[], dividends: &[], adj_close: None, late: 0 }
    }

    /// Findings without those on volume, which a change of share basis brings along.
    fn on_prices(&self) -> Vec<(u8, Severity, Scope)> {
        self.found().into_iter().filter(|f| f.0 != 14).collect()
    }

    /// Check, severity and scope of each finding.
    fn found(&self) -> Vec<(u8, Severity, Scope)> {
        let settings = QualitySettings::default();
        let last = self.bars.last().unwrap().ts;
        let input = Input {
            series: Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: self.timeframe },
            calendar: Calendar::Xnys,
            bars: self.bars,
            basis: self.basis,
            splits: self.splits,
            dividends: self.dividends,
            adj_close: self.adj_close,
            now: last + DAY + self.late,
            delay: VENDOR_DELAY,
            settings: &settings,
        };
        review(&input).into_iter().map(|i| (i.check, i.severity, i.scope)).collect()
    }
}

fn on(bar: &Candle) -> Scope {
    Scope::Bars { from: bar.ts, to: bar.ts }
}

fn over(first: &Candle, last: &Candle) -> Scope {
    Scope::Bars { from: first.ts, to: last.ts }
}

#[test]
fn a_sound_history_has_no_finding() {
    assert_eq!(Case::daily(&history()).found(), []);
}

#[test]
fn check_6_hides_the_bars_on_the_old_share_basis() {
    let mut bars = history();
    for b in &mut bars[..200] {
        scale(b, 4.0);
        b.volume /= 4.0;
    }
    let split = Split { ex_date: ts_to_date(bars[200].ts), numerator: 4.0, denominator: 1.0 };
    let want = [(6, Severity::Critical, over(&bars[0], &bars[199]))];
    assert_eq!(Case::daily(&bars).on_prices(), want);
    // A stored split beside prices that should be adjusted for it does not excuse the jump; beside raw prices it does.
    assert_eq!(Case { splits: &[split], ..Case::daily(&bars) }.on_prices(), want);
    assert_eq!(Case { splits: &[split], basis: Basis::Raw, ..Case::daily(&bars) }.on_prices(), []);
    let mut reverse = history();
    for b in &mut reverse[..200] {
        scale(b, 0.1);
        b.volume *= 10.0;
    }
    assert_eq!(Case::daily(&reverse).on_prices(), [(6, Severity::Critical, over(&reverse[0], &reverse[199]))]);
}

#[test]
fn check_6_wants_the_gap_the_volume_and_no_way_back() {
    let halved = || {
        let mut bars = history();
        bars[..200].iter_mut().for_each(|b| scale(b, 2.0));
        bars
    };
    let checks = |bars: &[Candle]| Case::daily(bars).on_prices().into_iter().map(|f| f.0).collect::<Vec<_>>();
    assert_eq!(checks(&halved()), [6]);
    let mut intraday = halved();
    intraday[200].open = intraday[199].close;
    assert_eq!(checks(&intraday), [7], "the day's trading, not the gap, made the move");
    let mut panic = halved();
    panic[200].volume *= 20.0;
    assert_eq!(checks(&panic), [7], "twenty times the volume is a crash");
    let mut back = halved();
    back[203..].iter_mut().for_each(|b| scale(b, 2.0));
    assert!(!checks(&back).contains(&6), "prices came back within five days");
}

#[test]
fn check_7_wants_a_large_move_and_many_sigmas() {
    let mut bars = history();
    bars[250..].iter_mut().for_each(|b| scale(b, 1.45));
    assert_eq!(Case::daily(&bars).found(), [(7, Severity::Exclude, on(&bars[250]))]);
    let mut bars = history();
    bars[250..].iter_mut().for_each(|b| scale(b, 1.35));
    assert_eq!(Case::daily(&bars).found(), []);
    // Where 30% a day is usual, 45% is no ten sigmas.
    let mut wild = history();
    for (i, b) in wild.iter_mut().enumerate().filter(|(i, _)| i % 2 == 1) {
        scale(b, if i == 251 { 1.45 } else { 1.3 });
    }
    assert!(Case::daily(&wild).found().iter().all(|f| f.0 != 7));
}

#[test]
fn check_8_hides_the_spike_only() {
    // The returns of bars 155 and 156 cancel, so that nothing but the spike is left of the two.
    let mut bars = history();
    scale(&mut bars[155], 1.3);
    assert_eq!(Case::daily(&bars).found(), [(8, Severity::Critical, on(&bars[155]))]);
    let mut kept = history();
    kept[155..].iter_mut().for_each(|b| scale(b, 1.3));
    assert_eq!(Case::daily(&kept).found(), []);
    let mut last = history();
    scale(last.last_mut().unwrap(), 1.3);
    assert_eq!(Case::daily(&last).found(), [], "what comes after the last bar is not known");
}

#[test]
fn check_10_grades_by_length_and_covers_no_bar() {
    for (gone, severity) in [(1, Severity::Warn), (2, Severity::Exclude), (4, Severity::Exclude), (5, Severity::Critical)] {
        let bars = history();
        let mut holed = bars.clone();
        holed.drain(100..100 + gone);
        assert_eq!(Case::daily(&holed).found(), [(10, severity, over(&bars[100], &bars[99 + gone]))]);
    }
}

#[test]
fn check_12_counts_identical_bars() {
    for (repeats, severity) in [(2, None), (3, Some(Severity::Warn)), (4, Some(Severity::Warn)), (5, Some(Severity::Critical))] {
        let mut bars = history();
        for i in 101..100 + repeats {
            bars[i] = Candle { ts: bars[i].ts, volume: bars[i].volume, ..bars[100] };
        }
        let stale: Vec<_> = Case::daily(&bars).found().into_iter().filter(|f| f.0 == 12).collect();
        let want: Vec<_> = severity.map(|s| (12, s, over(&bars[100], &bars[99 + repeats]))).into_iter().collect();
        assert_eq!(stale, want);
    }
}

#[test]
fn check_13_sees_days_without_life() {
    let mut bars = history();
    bars[50].volume = 0.0;
    bars[60] = Candle { high: bars[60].close, low: bars[60].close, open: bars[60].close, ..bars[60] };
    bars[70..73].iter_mut().for_each(|b| b.volume = 0.0);
    bars[80].volume = f64::NAN;
    let found: Vec<_> = Case::daily(&bars).found().into_iter().filter(|f| f.0 == 13).collect();
    let want =
        [(13, Severity::Warn, on(&bars[50])), (13, Severity::Warn, on(&bars[60])), (13, Severity::Exclude, over(&bars[70], &bars[72]))];
    assert_eq!(found, want);
}

#[test]
fn check_14_sees_volumes_out_of_all_proportion() {
    let mut bars = history();
    bars[100].volume *= 1e4;
    bars[250].volume *= 0.009;
    let found = Case::daily(&bars).found();
    assert_eq!(found, [(14, Severity::Warn, on(&bars[100])), (14, Severity::Warn, on(&bars[250]))]);
    let mut mild = history();
    mild[250].volume *= 0.02;
    assert_eq!(Case::daily(&mild).found(), []);
}

#[test]
fn check_15_warns_and_leaves_history_readable() {
    let bars = history();
    let late = Case { late: 5 * DAY, ..Case::daily(&bars) }.found();
    assert_eq!(late, [(15, Severity::Warn, Scope::Series)]);
    let cal = Calendar::Xnys;
    let close = cal.session_on(NaiveDate::from_ymd_opt(2024, 11, 29).unwrap()).unwrap().close;
    let wednesday = d(2024, 11, 27);
    assert_eq!(behind(cal, Timeframe::D1, wednesday, close + 3_599, 3_600), None);
    let expected = Some(Behind { expected: d(2024, 11, 29), count: 1 });
    assert_eq!(behind(cal, Timeframe::D1, wednesday, close + 3_600, 3_600), expected);
    assert_eq!(behind(cal, Timeframe::W1, d(2024, 11, 18), close, 0), Some(Behind { expected: d(2024, 11, 25), count: 1 }));
    assert_eq!(behind(cal, Timeframe::W1, d(2024, 11, 25), close, 0), None);
    let open = close - 210 * 60;
    assert_eq!(behind(cal, Timeframe::M1, open - 2 * DAY, close, 0), Some(Behind { expected: open, count: 1 }));
    assert_eq!(behind(cal, Timeframe::M1, open, close, 0), None);
    assert_eq!(behind(Calendar::Continuous, Timeframe::D1, d(2024, 1, 1), d(2024, 1, 4), 0).map(|b| b.count), Some(2));
}

/// Adjusted closes as a vendor would serve them for `dividends`.
fn adjusted(bars: &[Candle], dividends: &[Dividend]) -> Vec<f64> {
    let before = |date| bars.iter().rev().find(|b| ts_to_date(b.ts) < date).map(|b| b.close);
    let steps = crate::market::actions::dividend_steps(dividends, before);
    bars.iter().map(|b| b.close * crate::market::actions::factor_on(&steps, ts_to_date(b.ts))).collect()
}

#[test]
fn check_18_compares_the_sources_steps_with_ours() {
    let bars = history();
    let dividends = [50, 150, 250].map(|i: usize| Dividend { ex_date: ts_to_date(bars[i].ts), amount: 0.5 });
    let theirs = adjusted(&bars, &dividends);
    let case = Case { dividends: &dividends, adj_close: Some(&theirs), ..Case::daily(&bars) };
    assert_eq!(case.found(), []);
    let found = Case { dividends: &dividends[1..], adj_close: Some(&theirs), ..Case::daily(&bars) }.found();
    assert_eq!(found, [(18, Severity::Exclude, on(&bars[50]))]);
    let partial = adjusted(&bars, &dividends[..2]);
    assert_eq!(Case { adj_close: Some(&partial), ..case }.found(), [(18, Severity::Exclude, on(&bars[250]))]);
    let rounded: Vec<f64> = theirs.iter().map(|v| (v * 100.0).round() / 100.0).collect();
    assert_eq!(Case { dividends: &dividends, adj_close: Some(&rounded), ..Case::daily(&bars) }.found(), []);
}

#[test]
fn check_18_doubts_a_dividend_over_15_per_cent() {
    let bars = history();
    let paying = |share: f64| [Dividend { ex_date: ts_to_date(bars[100].ts), amount: bars[99].close * share }];
    assert_eq!(Case { dividends: &paying(0.16), ..Case::daily(&bars) }.found(), [(18, Severity::Exclude, on(&bars[100]))]);
    assert_eq!(Case { dividends: &paying(0.14), ..Case::daily(&bars) }.found(), []);
}

#[test]
fn check_19_sees_raw_prices_that_are_adjusted_already() {
    let bars = history();
    let split = [Split { ex_date: ts_to_date(bars[120].ts), numerator: 7.0, denominator: 1.0 }];
    let raw = Case { splits: &split, basis: Basis::Raw, ..Case::daily(&bars) };
    assert_eq!(raw.found(), [(19, Severity::Exclude, on(&bars[120]))]);
    assert_eq!(Case { splits: &split, ..Case::daily(&bars) }.found(), []);
}

#[test]
fn check_24_names_short_histories() {
    let bars = history();
    assert_eq!(Case::daily(&bars[29..]).found(), [(24, Severity::Info, Scope::Series)]);
    assert_eq!(Case::daily(&bars[28..]).found(), []);
}

#[test]
fn forming_bars_are_left_out_and_coarse_bars_get_what_fits_them() {
    let mut bars = history();
    scale(&mut bars[299], 0.1);
    bars[299].is_final = false;
    assert_eq!(Case { late: -DAY, ..Case::daily(&bars) }.found(), []);
    let weeks = [bars[0], Candle { ts: d(2023, 1, 23), ..bars[0] }].map(|b| Candle { ts: b.ts - (b.ts / DAY + 3) % 7 * DAY, ..b });
    let found = Case { timeframe: Timeframe::W1, ..Case::daily(&weeks) }.found();
    assert_eq!(found, [(10, Severity::Exclude, Scope::Bars { from: d(2023, 1, 9), to: d(2023, 1, 16) })]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_is_judged_without_a_panic(
        rows in proptest::collection::vec((0i64..18_000, any::<[f64; 5]>(), any::<bool>(), any::<bool>()), 1..80),
        k in 0usize..17,
        raw in any::<bool>(),
    ) {
        let mut bars: Bars = rows
            .iter()
            .map(|&(day, [open, high, low, close, volume], tame, is_final)| {
                let ts = d(1990, 1, 2) + day * DAY;
                if tame { Candle { ts, open: 10.0, high: 11.0, low: 9.0, close: 10.0, volume: 5.0, is_final } } else { Candle { ts, open, high, low, close, volume, is_final } }
            })
            .collect();
        bars.sort_by_key(|b| b.ts);
        bars.dedup_by_key(|b| b.ts);
        let dates: Vec<NaiveDate> = bars.iter().map(|b| ts_to_date(b.ts)).collect();
        let splits: Vec<Split> = dates.iter().step_by(3).map(|&ex_date| Split { ex_date, numerator: 2.0, denominator: 1.0 }).collect();
        let dividends: Vec<Dividend> = dates.iter().step_by(2).map(|&ex_date| Dividend { ex_date, amount: 3.0 }).collect();
        let adjusted: Vec<f64> = bars.iter().map(|b| b.close / 2.0).collect();
        let case = Case {
            timeframe: Timeframe::ALL[k],
            basis: if raw { Basis::Raw } else { Basis::SplitAdjusted },
            splits: &splits,
            dividends: &dividends,
            adj_close: Some(&adjusted),
            ..Case::daily(&bars)
        };
        let reviewed = [6, 7, 8, 10, 12, 13, 14, 15, 18, 19, 24];
        prop_assert!(case.found().iter().all(|f| reviewed.contains(&f.0)));
    }
}
