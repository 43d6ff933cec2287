//! The prices that features and labels are computed from: split-adjusted bars, with dividends multiplied in forward.
//!
//! Backward factors, as vendors serve them, scale all of the past by each new dividend. Features do not depend on the
//! scale, yet the last bits of every price would change, and a night could not be compared bit for bit with a full
//! recomputation. Forward factors give the same series up to one constant a symbol, and a later dividend touches no
//! earlier bar.

use crate::market::{DailyBars, Dividend, ts_to_date};
use crate::store::master::Candles;

/// Forward-adjusted bars and how they were adjusted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adjusted {
    /// The bars. Prices are split basis times `factor`; volumes stay split basis, NaN where unknown.
    pub bars: DailyBars,
    /// What each bar's prices were multiplied by.
    pub factor: Vec<f64>,
}

/// `candles` (daily, split basis, ascending) times `factor` and, from each ex-date on, `1 / (1 - D / P)`, where `P` is the
/// split-basis close of the last used bar before it. A dividend whose `1 - D / P` lies outside (0, 1] gives no step.
///
/// `factor` is that of the first candle, 1 for the first stored bar, and holds every dividend that is ex on that day or
/// before. So a tail of the candles with the factor of its first bar gives the bits of the whole.
///
/// Bars that still form or whose prices are not finite and above 0 are left out.
pub fn forward_adjusted(candles: &Candles, dividends: &[Dividend], factor: f64) -> Adjusted {
    let mut adjusted = Adjusted { bars: with_capacity(candles.len()), factor: Vec::with_capacity(candles.len()) };
    let mut due = dividends.iter().peekable();
    let mut factor = factor;
    let mut before: Option<f64> = None;
    for i in (0..candles.len()).filter(|&i| usable(candles, i)) {
        let date = ts_to_date(candles.ts[i]);
        while let Some(dividend) = due.next_if(|dividend| dividend.ex_date <= date) {
            factor *= before.map_or(1.0, |close| step(dividend.amount, close));
        }
        let bars = &mut adjusted.bars;
        bars.date.push(date);
        bars.open.push(candles.open[i] * factor);
        bars.high.push(candles.high[i] * factor);
        bars.low.push(candles.low[i] * factor);
        bars.close.push(candles.close[i] * factor);
        bars.volume.push(if candles.volume[i] >= 0.0 { candles.volume[i] } else { f64::NAN });
        adjusted.factor.push(factor);
        before = Some(candles.close[i]);
    }
    adjusted
}

/// The forward step of a dividend paid out of a price of `close`.
fn step(amount: f64, close: f64) -> f64 {
    let kept = 1.0 - amount / close;
    if kept > 0.0 && kept <= 1.0 { 1.0 / kept } else { 1.0 }
}

fn usable(candles: &Candles, i: usize) -> bool {
    let prices = [candles.open[i], candles.high[i], candles.low[i], candles.close[i]];
    candles.is_final[i] && prices.iter().all(|price| price.is_finite() && *price > 0.0)
}

fn with_capacity(n: usize) -> DailyBars {
    DailyBars {
        date: Vec::with_capacity(n),
        open: Vec::with_capacity(n),
        high: Vec::with_capacity(n),
        low: Vec::with_capacity(n),
        close: Vec::with_capacity(n),
        volume: Vec::with_capacity(n),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::{DAY, SourceId};

    fn candles(closes: &[f64]) -> Candles {
        let n = closes.len();
        Candles {
            ts: (0..n as i64).map(|i| i * DAY).collect(),
            open: closes.to_vec(),
            high: closes.iter().map(|c| c * 1.01).collect(),
            low: closes.iter().map(|c| c * 0.99).collect(),
            close: closes.to_vec(),
            volume: vec![1e6; n],
            source: vec![SourceId::Yahoo; n],
            is_final: vec![true; n],
        }
    }

    fn dividend(day: i64, amount: f64) -> Dividend {
        Dividend { ex_date: ts_to_date(day * DAY), amount }
    }

    fn tail(candles: &Candles, from: usize) -> Candles {
        Candles {
            ts: candles.ts[from..].to_vec(),
            open: candles.open[from..].to_vec(),
            high: candles.high[from..].to_vec(),
            low: candles.low[from..].to_vec(),
            close: candles.close[from..].to_vec(),
            volume: candles.volume[from..].to_vec(),
            source: candles.source[from..].to_vec(),
            is_final: candles.is_final[from..].to_vec(),
        }
    }

    #[test]
    fn a_dividend_lifts_what_follows_it() {
        let adjusted = forward_adjusted(&candles(&[24.0, 24.96, 24.88, 25.0]), &[dividend(0, 9.0), dividend(2, 0.08)], 1.0);
        let step = 1.0 / (1.0 - 0.08 / 24.96);
        assert_eq!(adjusted.factor, [1.0, 1.0, step, step]);
        assert_eq!(adjusted.bars.close[..3], [24.0, 24.96, 24.88 * step]);
        assert_eq!(adjusted.bars.volume[3], 1e6);
    }

    #[test]
    fn bars_without_sound_prices_are_left_out_and_impossible_dividends_do_nothing() {
        let mut given = candles(&[10.0, f64::NAN, 11.0, 12.0, 13.0]);
        given.is_final[4] = false;
        given.volume[2] = f64::NAN;
        let adjusted = forward_adjusted(&given, &[dividend(1, 1.0), dividend(3, 11.0), dividend(3, -1.0), dividend(3, f64::NAN)], 2.0);
        assert_eq!(adjusted.bars.close, [20.0, 11.0 * (2.0 * (1.0 / 0.9)), 12.0 * (2.0 * (1.0 / 0.9))]);
        assert!(adjusted.bars.volume[1].is_nan());
    }

    proptest! {
        #[test]
        fn a_tail_has_the_bits_of_the_whole_and_a_later_dividend_changes_no_earlier_bar(
            closes in prop::collection::vec(1.0..500.0_f64, 2..60),
            amounts in prop::collection::btree_map(0_i64..60, 0.0..2.0_f64, 0..6),
            share in 0.0..1.0_f64,
        ) {
            let whole = candles(&closes);
            let dividends: Vec<_> = amounts.iter().map(|(&day, &amount)| dividend(day, amount)).collect();
            let all = forward_adjusted(&whole, &dividends, 1.0);
            let from = (share * closes.len() as f64) as usize;
            let part = forward_adjusted(&tail(&whole, from), &dividends, all.factor[from]);
            prop_assert_eq!(&part.bars.close[..], &all.bars.close[from..]);
            prop_assert_eq!(&part.factor[..], &all.factor[from..]);
            let early: Vec<_> = dividends.iter().copied().filter(|d| d.ex_date < ts_to_date(from as i64 * DAY)).collect();
            prop_assert_eq!(&forward_adjusted(&whole, &early, 1.0).bars.high[..from], &all.bars.high[..from]);
        }
    }
}
