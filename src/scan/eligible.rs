//! For which symbols a night may give a signal: liquid, fresh, clean, with all features, and without an open signal.

use std::fmt;

use chrono::NaiveDate;

use crate::config::strategy::ScanRule;
use crate::dataset::recent::{RecentSymbol, RowAt};
use crate::features::{Feature, missing};
use crate::market::{AssetClass, Calendar, DAY, Instrument};

/// Why a symbol gets no signal tonight, before any model is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// Its bars must not be used, or there are none.
    NoBars(String),
    /// The newest bar is not that of the last closed session.
    Stale {
        /// Session of the newest bar.
        newest: NaiveDate,
        /// The last session that has closed.
        due: NaiveDate,
    },
    /// A feature that the model sees has no value.
    Missing {
        /// Which.
        feature: String,
        /// Why.
        why: String,
    },
    /// Too little history for a regime.
    Short {
        /// Bars.
        bars: usize,
    },
    /// The share is too cheap.
    Cheap {
        /// Its close.
        close: f64,
        /// The rule.
        least: f64,
    },
    /// Too little of it is traded.
    Illiquid {
        /// Median value traded a session; `None` where a volume is unknown.
        traded: Option<f64>,
        /// The rule.
        least: f64,
    },
    /// Its day has not ended: an entry at the next open would lie before the decision.
    Early {
        /// Its newest day.
        newest: NaiveDate,
        /// The night's session.
        session: NaiveDate,
    },
    /// Its entry has passed: what came after it may be known already.
    Late {
        /// Its newest session.
        newest: NaiveDate,
        /// The session that it would have been entered in.
        entry: NaiveDate,
    },
    /// It has a signal that has not ended.
    Open(NaiveDate),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBars(why) => f.write_str(why),
            Self::Stale { newest, due } => write!(f, "stale: the newest bar is of {newest}, the session of {due} has closed"),
            Self::Missing { feature, why } => write!(f, "{feature} is missing: {}", why.replace('_', " ")),
            Self::Short { bars } => write!(f, "short history: {bars} bars"),
            Self::Cheap { close, least } => write!(f, "close {close:.2} is under scan.min_price {least}"),
            Self::Illiquid { traded: Some(traded), least } => {
                write!(f, "{traded:.0} traded a session is under scan.min_dollar_volume {least:.0}")
            }
            Self::Illiquid { traded: None, .. } => f.write_str("a volume is unknown, so what is traded is"),
            Self::Early { newest, session } => write!(f, "early: its day of {session} has not ended, the newest is {newest}"),
            Self::Late { newest, entry } => write!(f, "late: its entry after {newest} was the open of {entry}, which has passed"),
            Self::Open(date) => write!(f, "has an open signal of {date}"),
        }
    }
}

/// The last session of a calendar that had closed by `now`, UTC seconds.
pub fn due(calendar: Calendar, now: i64) -> NaiveDate {
    calendar.last_closed(now).map_or(NaiveDate::MIN, |s| s.date)
}

/// The newest row of a symbol, if a model may be asked about it. `used` are the features that it sees.
pub fn askable(symbol: &RecentSymbol, (position, instrument): (usize, &Instrument), used: &[&Feature], now: i64) -> Result<RowAt, Unfit> {
    if let Some(why) = &symbol.without {
        return Err(Unfit::NoBars(why.clone()));
    }
    let bars = &symbol.adjusted.bars;
    let (Some(&newest), due) = (bars.date.last(), due(instrument.calendar(), now)) else {
        return Err(Unfit::NoBars("no bars".to_owned()));
    };
    if newest < due {
        return Err(Unfit::Stale { newest, due });
    }
    let bar = bars.len() - 1;
    let value = |f: &Feature| symbol.features.columns.get(f.index).and_then(|c| c.last()).copied().unwrap_or(f64::NAN);
    let absent = |f: &&&Feature| missing(f, value(f), bar, &bars.volume);
    if let Some((feature, why)) = used.iter().find_map(|f| Some((f.name.clone(), absent(&f)?))) {
        return Err(Unfit::Missing { feature, why: why.to_string() });
    }
    if symbol.regimes[bar].is_none() {
        return Err(Unfit::Short { bars: bars.len() });
    }
    Ok(RowAt { symbol: position, bar })
}

/// How long after its day a coin may be given a signal, seconds. It is entered at the open that follows at once, and the night's scan
/// comes hours later.
const COINS_LATEST: i64 = DAY / 2;

/// Whether a signal may be given on the night of `session` for a symbol that a model may be asked about. `now`: UTC seconds.
pub fn tradable(
    symbol: &RecentSymbol,
    instrument: &Instrument,
    (open, session, now): (Option<NaiveDate>, NaiveDate, i64),
    rule: &ScanRule,
) -> Result<(), Unfit> {
    if let Some(date) = open {
        return Err(Unfit::Open(date));
    }
    let bars = &symbol.adjusted.bars;
    let last = bars.len() - 1;
    if bars.date[last] < session {
        return Err(Unfit::Early { newest: bars.date[last], session });
    }
    if let Some(entry) = missed(instrument, bars.date[last], now) {
        return Err(Unfit::Late { newest: bars.date[last], entry });
    }
    let close = symbol.unadjusted(last, bars.close[last]);
    if instrument.asset == AssetClass::Stock && close < rule.min_price {
        return Err(Unfit::Cheap { close, least: rule.min_price });
    }
    let traded = traded(symbol, rule.dollar_volume_sessions as usize);
    match traded {
        Some(traded) if traded >= rule.min_dollar_volume => Ok(()),
        traded => Err(Unfit::Illiquid { traded, least: rule.min_dollar_volume }),
    }
}

/// The session in which a decision after `newest` would have been entered, if that has passed by `now`.
fn missed(instrument: &Instrument, newest: NaiveDate, now: i64) -> Option<NaiveDate> {
    let closed = instrument.calendar().session_on(newest)?.close;
    // A coin's next day opens in the second that its day closes.
    let next = instrument.calendar().next_open(closed - 1)?;
    let latest = if instrument.asset == AssetClass::Crypto { next.open + COINS_LATEST } else { next.open };
    (now >= latest).then_some(next.date)
}

/// Median of close times volume over the newest sessions, in the currency of the prices. Splits cancel out of it.
fn traded(symbol: &RecentSymbol, sessions: usize) -> Option<f64> {
    let bars = &symbol.adjusted.bars;
    let newest = bars.len().saturating_sub(sessions)..bars.len();
    let mut values: Vec<f64> = newest.map(|bar| symbol.unadjusted(bar, bars.close[bar]) * bars.volume[bar]).collect();
    values.sort_unstable_by(f64::total_cmp);
    crate::train::metrics::quantile(&values, 0.5).filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use chrono::Days;

    use super::*;
    use crate::features::bars::Adjusted;
    use crate::features::feature;
    use crate::market::{DailyBars, Regime, Symbol, date_to_ts};
    use crate::store::model::FeatureColumns;

    const BARS: usize = 30;

    fn date(n: usize) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 3, 1).unwrap() + Days::new(n as u64)
    }

    fn coin() -> Instrument {
        Instrument { symbol: Symbol::new("BTC-USD").unwrap(), asset: AssetClass::Crypto, sector: "Crypto".into(), name: "Bitcoin".into() }
    }

    fn symbol(close: f64, volume: f64) -> RecentSymbol {
        let all = |v: f64| vec![v; BARS];
        let bars = DailyBars {
            date: (0..BARS).map(date).collect(),
            open: all(close),
            high: all(close),
            low: all(close),
            close: all(close * 2.0),
            volume: all(volume),
        };
        let features = FeatureColumns { ts: vec![date_to_ts(date(BARS - 1))], columns: vec![vec![1.0]; crate::features::COUNT] };
        let regimes = vec![Some(Regime::Normal); BARS];
        RecentSymbol { adjusted: Adjusted { bars, factor: all(2.0) }, regimes, features, without: None, blocked: false }
    }

    fn rule() -> ScanRule {
        ScanRule { min_price: 5.0, min_dollar_volume: 1000.0, dollar_volume_sessions: 20, max_new_signals: 9, past_cases: 3 }
    }

    #[test]
    fn a_row_is_asked_about_when_it_is_there_fresh_and_whole() {
        let used = [feature("rsi_14").unwrap()];
        let now = date_to_ts(date(BARS)) + 60;
        let ask = |s: &RecentSymbol, now| askable(s, (4, &coin()), &used, now);
        assert_eq!(ask(&symbol(10.0, 100.0), now), Ok(RowAt { symbol: 4, bar: BARS - 1 }));
        let late = ask(&symbol(10.0, 100.0), now + crate::market::DAY).unwrap_err();
        assert_eq!(late.to_string(), "stale: the newest bar is of 2024-03-30, the session of 2024-03-31 has closed");
        let mut lacks = symbol(10.0, 100.0);
        lacks.features.columns[used[0].index][0] = f64::NAN;
        assert_eq!(ask(&lacks, now).unwrap_err().to_string(), "rsi_14 is missing: not finite");
        let mut young = symbol(10.0, 100.0);
        young.regimes[BARS - 1] = None;
        assert_eq!(ask(&young, now), Err(Unfit::Short { bars: BARS }));
        let blocked = RecentSymbol { without: Some("blocked: a split".into()), ..RecentSymbol::default() };
        assert_eq!(ask(&blocked, now).unwrap_err().to_string(), "blocked: a split");
    }

    #[test]
    fn a_signal_needs_a_price_and_a_market_and_no_other_signal() {
        let stock = Instrument { asset: AssetClass::Stock, ..coin() };
        let night = date_to_ts(date(BARS)) + 60;
        let fit = |s: &RecentSymbol, i: &Instrument, open| tradable(s, i, (open, date(BARS - 1), night), &rule());
        assert_eq!(fit(&symbol(10.0, 100.0), &stock, None), Ok(()));
        assert_eq!(fit(&symbol(4.99, 1000.0), &stock, None), Err(Unfit::Cheap { close: 4.99, least: 5.0 }), "the price that people see");
        assert_eq!(fit(&symbol(4.99, 1000.0), &coin(), None), Ok(()), "coins may be cheap");
        assert_eq!(fit(&symbol(10.0, 99.0), &stock, None), Err(Unfit::Illiquid { traded: Some(990.0), least: 1000.0 }));
        assert_eq!(fit(&symbol(10.0, f64::NAN), &stock, None), Err(Unfit::Illiquid { traded: None, least: 1000.0 }));
        let early = tradable(&symbol(10.0, 100.0), &coin(), (None, date(BARS), night), &rule()).unwrap_err();
        assert_eq!(early.to_string(), "early: its day of 2024-03-31 has not ended, the newest is 2024-03-30");
        assert_eq!(fit(&symbol(10.0, 100.0), &stock, Some(date(3))).unwrap_err().to_string(), "has an open signal of 2024-03-04");
    }

    #[test]
    fn nobody_is_entered_at_an_open_that_has_passed() {
        let at = |i: &Instrument, now| tradable(&symbol(10.0, 100.0), i, (None, date(BARS - 1), now), &rule());
        // The newest bar is of Saturday 30 March 2024; this share has one of Thursday the 28th, before Good Friday.
        let stock = Instrument { asset: AssetClass::Stock, ..coin() };
        let mut thursday = symbol(10.0, 100.0);
        thursday.adjusted.bars.date[BARS - 1] = date(BARS - 3);
        let monday = Calendar::Xnys.session_on(date(BARS + 1)).unwrap();
        let share = |now| tradable(&thursday, &stock, (None, date(BARS - 3), now), &rule());
        assert_eq!(share(monday.open - 1), Ok(()));
        assert_eq!(
            share(monday.open).unwrap_err().to_string(),
            "late: its entry after 2024-03-28 was the open of 2024-04-01, which has passed"
        );
        let midnight = date_to_ts(date(BARS));
        assert_eq!(at(&coin(), midnight + COINS_LATEST - 1), Ok(()));
        assert_eq!(at(&coin(), midnight + COINS_LATEST), Err(Unfit::Late { newest: date(BARS - 1), entry: date(BARS) }));
    }
}
