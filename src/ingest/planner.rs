//! Turns a spec into work: which spans of which series to fetch, which facets to read, what to derive.
//!
//! Reads the store, asks no source for anything. The pipeline executes the plan; a dry run only prints its summary.

use std::collections::BTreeSet;

use super::derive;
use super::missing::{Known, Reason, Rules, Want, wanted};
use super::{IngestSpec, PlanSummary};
use crate::config::{IngestSettings, SourcePolicy};
use crate::market::{AssetClass, DAY, Facet, Instrument, Series, SourceId, Symbol, Timeframe, Universe};
use crate::sources::{Source, Window};
use crate::store::master::{Reader, SeriesState, StoreError, Underived};

/// The work of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One entry a symbol that lacks something.
    pub symbols: Vec<SymbolPlan>,
    /// Series that lack nothing.
    pub fresh: u32,
    /// Series that a split or the vendor put on another share basis, and that no source can bring again: what there is of
    /// them is adjusted.
    pub in_place: Vec<Series>,
    /// What cannot be had, and why; what is fetched again, and why.
    pub notes: Vec<String>,
}

impl Plan {
    /// This plan and what is to be fetched again.
    #[must_use]
    pub fn and(mut self, again: Self) -> Self {
        let fetched = |plan: &Self| plan.symbols.iter().flat_map(SymbolPlan::series).collect::<BTreeSet<_>>();
        let more = fetched(&again).difference(&fetched(&self)).count() as u32;
        self.fresh = self.fresh.saturating_sub(more);
        self.symbols.extend(again.symbols);
        self.in_place.extend(again.in_place);
        self.notes.extend(again.notes);
        self
    }
}

/// The work on one symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolPlan {
    /// Which.
    pub instrument: Instrument,
    /// Fetched timeframes with their spans, oldest first.
    pub fetch: Vec<(Timeframe, Vec<Want>)>,
    /// Timeframes derived from what is fetched, bases first: `(target, base)`.
    pub derive: Vec<(Timeframe, Timeframe)>,
    /// Fetched timeframes that changed without their derived ones: a run was cut off, a finding settled.
    pub changed: Vec<Timeframe>,
    /// Facets that are due.
    pub facets: Vec<Facet>,
}

impl SymbolPlan {
    /// Series this plan works on.
    pub fn series(&self) -> impl Iterator<Item = Series> + '_ {
        let derived = self.derive.iter().filter(|(_, base)| self.is_touched(*base)).map(|(t, _)| *t);
        self.fetch.iter().map(|(t, _)| *t).chain(derived).map(|timeframe| Series { symbol: self.instrument.symbol, timeframe })
    }

    /// Whether a timeframe is fetched or has changed, or is derived from one that is.
    pub fn is_touched(&self, timeframe: Timeframe) -> bool {
        self.fetch.iter().any(|(t, _)| *t == timeframe)
            || self.changed.contains(&timeframe)
            || self.derive.iter().any(|&(t, base)| t == timeframe && base != t && self.is_touched(base))
    }
}

/// Everything a planning depends on besides the store.
pub struct PlanInput<'a> {
    /// What is asked for.
    pub spec: &'a IngestSpec,
    /// Members.
    pub universe: &'a Universe,
    /// Native timeframes, history, patience.
    pub settings: &'a IngestSettings,
    /// Now, UTC seconds.
    pub now: i64,
    /// Whether the primary answers, so that what the fallback filled can be fetched again.
    pub primary_up: bool,
}

impl PlanInput<'_> {
    fn policy(&self) -> SourcePolicy {
        self.spec.source.unwrap_or(self.settings.source)
    }

    fn horizon(&self, timeframe: Timeframe) -> i64 {
        let configured = self.settings.history.get(&timeframe).copied();
        let lookback = self.spec.lookback.or(configured).map_or(30 * DAY, crate::config::Lookback::seconds);
        self.now - lookback
    }

    fn instruments(&self) -> Vec<&Instrument> {
        self.universe.instruments.iter().filter(|i| self.spec.symbols.is_empty() || self.spec.symbols.contains(&i.symbol)).collect()
    }

    /// Native timeframes that have to be fetched for the ones asked for, and everything derived from them.
    fn timeframes(&self) -> (Vec<Timeframe>, Vec<(Timeframe, Timeframe)>) {
        let order = derive::order(&self.settings.native);
        let asked = &self.spec.timeframes;
        let roots: BTreeSet<Timeframe> = if asked.is_empty() {
            self.settings.native.iter().copied().collect()
        } else {
            asked.iter().map(|&t| root(&order, t)).collect()
        };
        let derived = order.iter().copied().filter(|&(t, _)| roots.contains(&root(&order, t))).collect();
        (roots.into_iter().collect(), derived)
    }
}

/// Makes the plan. Blocking: reads stamps of every series in question.
pub fn plan(input: &PlanInput<'_>, reader: &Reader) -> Result<Plan, StoreError> {
    let (native, derive) = input.timeframes();
    let states = reader.series_states()?;
    let underived = reader.underived()?;
    let mut out = Plan::default();
    for symbol in &input.spec.symbols {
        if input.universe.get(*symbol).is_none() {
            out.notes.push(format!("{symbol} is not in universe.toml: nothing is fetched for it"));
        }
    }
    for instrument in input.instruments() {
        let (mut fetch, mut rests) = (Vec::new(), false);
        for &timeframe in &native {
            let series = Series { symbol: instrument.symbol, timeframe };
            if let Some(note) = parked(series, &states, reader, input.now)? {
                out.notes.push(note);
                rests = true;
                continue;
            }
            let wants = wants_of(input, instrument, timeframe, reader)?;
            if wants.is_empty() {
                out.fresh += 1;
            } else {
                fetch.push((timeframe, wants));
            }
        }
        // A symbol that nobody knows has no splits either.
        let facets = if rests { Vec::new() } else { due_facets(input, instrument, reader)? };
        let changed = derivable_of(instrument.symbol, &derive, &states, &underived).iter().map(|u| u.series.timeframe).collect();
        let symbol = SymbolPlan { instrument: instrument.clone(), fetch, derive: derive.clone(), changed, facets };
        let touched = symbol.series().count() as u32;
        out.fresh += (derive.len() as u32).saturating_sub(touched.saturating_sub(symbol.fetch.len() as u32));
        if touched > 0 || !symbol.facets.is_empty() {
            out.symbols.push(symbol);
        }
    }
    Ok(out)
}

/// Plans to bring histories on the share basis of today: those of fetched timeframes are fetched again, as far back as they
/// go; what only a file has brought, or is fetched no more, is adjusted in place.
pub fn refetches(input: &PlanInput<'_>, reader: &Reader) -> Result<Plan, StoreError> {
    let native = &input.settings.native;
    let order = derive::order(native);
    let mut out = Plan::default();
    for series in reader.rebase_due()? {
        if !input.spec.symbols.is_empty() && !input.spec.symbols.contains(&series.symbol) {
            continue;
        }
        let imported = reader.provenance(series)?.iter().all(|(source, _)| *source == SourceId::File);
        let member = input.universe.get(series.symbol).filter(|_| native.contains(&series.timeframe) && !imported);
        let state = reader.series_state(series)?;
        let (Some(instrument), Some((start, rows))) = (member, state.and_then(|s| Some((s.first_ts?, s.rows)))) else {
            out.in_place.push(series);
            continue;
        };
        out.notes.push(format!("{series}: its whole history is fetched again, as a split or the vendor put it on another share basis"));
        let bars = u32::try_from(rows).unwrap_or(u32::MAX);
        let fetch = (series.timeframe, vec![Want { window: Window { start, end: input.now }, reason: Reason::Rebase, bars }]);
        match out.symbols.iter_mut().find(|p| p.instrument.symbol == series.symbol) {
            Some(plan) => plan.fetch.push(fetch),
            None => out.symbols.push(SymbolPlan {
                instrument: instrument.clone(),
                fetch: vec![fetch],
                derive: order.clone(),
                changed: Vec::new(),
                facets: Vec::new(),
            }),
        }
    }
    out.notes.extend(out.in_place.iter().map(|s| format!("{s}: no source brings it again; it is adjusted by its splits")));
    Ok(out)
}

/// The fetched series of a symbol that bars of `order` are to be derived from: those that changed since the last time,
/// and wholly those that a timeframe was never derived from. Blocked ones are left out.
pub fn derivable(reader: &Reader, symbol: Symbol, order: &[(Timeframe, Timeframe)]) -> Result<Vec<Underived>, StoreError> {
    Ok(derivable_of(symbol, order, &reader.symbol_states(symbol)?, &reader.underived()?))
}

fn derivable_of(symbol: Symbol, order: &[(Timeframe, Timeframe)], states: &[SeriesState], underived: &[Underived]) -> Vec<Underived> {
    let state = |timeframe| states.iter().find(|s| s.series == Series { symbol, timeframe });
    let roots: BTreeSet<Timeframe> = order.iter().map(|&(t, _)| root(order, t)).collect();
    let due = |timeframe: Timeframe| {
        let (series, at) = (Series { symbol, timeframe }, state(timeframe)?);
        let changed = underived.iter().find(|u| u.series == series).copied();
        let made = |&(target, base): &(Timeframe, Timeframe)| state(target).is_some_and(|s| s.derived_from == Some(base));
        let all_made = order.iter().filter(|(t, _)| root(order, *t) == timeframe).all(made);
        let whole = at.first_ts.zip(at.last_ts).map(|(first, last)| (first, last + 1));
        let due = match whole.filter(|_| !all_made) {
            // No count of changes is negative: what was marked meanwhile stays.
            Some(span) => Some(Underived { span, ..changed.unwrap_or(Underived { series, span, changes: -1 }) }),
            None => changed,
        };
        due.filter(|_| at.blocked.is_none())
    };
    roots.into_iter().filter_map(due).collect()
}

/// The fetched timeframe that `timeframe` comes from in the end.
fn root(order: &[(Timeframe, Timeframe)], timeframe: Timeframe) -> Timeframe {
    let mut at = timeframe;
    while let Some(&(_, base)) = order.iter().find(|(target, _)| *target == at) {
        at = base;
    }
    at
}

fn wants_of(input: &PlanInput<'_>, instrument: &Instrument, timeframe: Timeframe, reader: &Reader) -> Result<Vec<Want>, StoreError> {
    let series = Series { symbol: instrument.symbol, timeframe };
    let state = reader.series_state(series)?;
    let last_final = state.as_ref().and_then(|s| s.last_final_ts);
    // After an absence longer than the history, the top-up begins where the series ends, or a hole would stay for good.
    // What a user imported may be of any age and obliges to nothing.
    let resumed = last_final.filter(|_| input.spec.lookback.is_none() && state.is_some_and(|s| s.source != Some(SourceId::File)));
    let horizon = input.horizon(timeframe).min(resumed.unwrap_or(i64::MAX));
    let recover = input.primary_up && input.policy() == SourcePolicy::Auto;
    let rules =
        Rules { calendar: instrument.calendar(), timeframe, horizon, now: input.now, reask_days: input.settings.reask_empty_days, recover };
    // Weekly stamps begin up to six days before the horizon, monthly ones thirty.
    let known = Known {
        stamps: reader.stamps(series, (horizon - 31 * DAY, input.now + DAY))?,
        last_final,
        empty: reader.empty_spans(series)?,
        fallback: if recover { reader.fallback_spans(series)? } else { Vec::new() },
    };
    Ok(wanted(&rules, &known))
}

/// A symbol that a source has called unknown three times in a row rests for a day.
fn parked(series: Series, states: &[SeriesState], reader: &Reader, now: i64) -> Result<Option<String>, StoreError> {
    if !states.iter().any(|s| s.series == series && s.error.is_some()) {
        return Ok(None);
    }
    let last = reader.attempts(series, 3)?;
    let strikes = last.len() == 3 && last.iter().all(|a| a.outcome == "unknown_symbol");
    Ok(last
        .first()
        .filter(|a| strikes && now - a.at < DAY)
        .map(|_| format!("{series} rests for a day: three answers in a row say the symbol is unknown")))
}

fn due_facets(input: &PlanInput<'_>, instrument: &Instrument, reader: &Reader) -> Result<Vec<Facet>, StoreError> {
    // A run of a few timeframes leaves the descriptions alone, but prices without their splits and dividends cannot be
    // adjusted.
    let wanted: &[Facet] = if input.spec.timeframes.is_empty() || input.spec.refresh_facets {
        &[Facet::Actions, Facet::Fundamentals, Facet::Metadata]
    } else {
        &[Facet::Actions]
    };
    let limit = i64::from(input.settings.fundamentals_every_hours) * 3600;
    let mut due = Vec::new();
    for &facet in wanted {
        // Names and addresses change rarely; a week is fresh enough.
        let patience = if facet == Facet::Metadata { 7 * DAY } else { limit };
        let read = reader.facet_age(instrument.symbol, facet)?;
        if input.spec.refresh_facets || read.is_none_or(|at| input.now - at >= patience) {
            due.push(facet);
        }
    }
    Ok(due)
}

/// The plan's figures, with requests counted on the sources that would be asked now. `choose` gives the preferred
/// source of a series, `answers` that of a facet, or `None` when none serves it; `pace` the answer time and the rate a source manages.
pub fn summarize(
    plan: &Plan,
    choose: impl Fn(&Instrument, Timeframe) -> Option<std::sync::Arc<dyn Source>>,
    answers: impl Fn(Facet, AssetClass) -> Option<SourceId>,
    now: i64,
    pace: impl Fn(SourceId) -> Pace,
) -> PlanSummary {
    let mut out = PlanSummary { fresh: plan.fresh, notes: plan.notes.clone(), ..PlanSummary::default() };
    let mut requests: std::collections::BTreeMap<SourceId, u32> = std::collections::BTreeMap::new();
    for symbol in &plan.symbols {
        out.series += symbol.series().count() as u32;
        out.derived += (symbol.series().count() - symbol.fetch.len()) as u32;
        for (timeframe, wants) in &symbol.fetch {
            out.bars += wants.iter().map(|w| u64::from(w.bars)).sum::<u64>();
            let Some(source) = choose(&symbol.instrument, *timeframe) else {
                out.notes.push(format!("{} {timeframe}: no source can serve it now", symbol.instrument.symbol));
                continue;
            };
            let wall = source.earliest(*timeframe, now);
            for want in wants {
                let start = wall.map_or(want.window.start, |w| w.max(want.window.start));
                if start < want.window.end {
                    let windows = source.windows(symbol.instrument.asset, *timeframe, Window { start, end: want.window.end });
                    *requests.entry(source.id()).or_default() += windows.len() as u32;
                }
            }
        }
        for source in symbol.facets.iter().filter_map(|&facet| answers(facet, symbol.instrument.asset)) {
            *requests.entry(source).or_default() += 1;
        }
    }
    out.seconds = requests.iter().map(|(&s, &n)| pace(s).seconds(n)).fold(0.0, f64::max).ceil() as u32;
    out.requests = requests.into_iter().collect();
    out
}

/// How fast a source can be asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Requests a second the pacer allows.
    pub per_second: f64,
    /// Requests in flight.
    pub in_flight: f64,
    /// Typical answer time, seconds.
    pub answer: f64,
}

impl Pace {
    fn seconds(self, requests: u32) -> f64 {
        let n = f64::from(requests);
        (n / self.per_second.max(0.01)).max(n * self.answer / self.in_flight.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Timeframe::{D1, H1, M30, Mo1, W1};

    const ORDER: [(Timeframe, Timeframe); 3] = [(H1, M30), (W1, D1), (Mo1, D1)];

    fn aapl(timeframe: Timeframe) -> Series {
        Series { symbol: Symbol::new("AAPL").unwrap(), timeframe }
    }

    fn state(timeframe: Timeframe, derived_from: Option<Timeframe>) -> SeriesState {
        SeriesState {
            series: aapl(timeframe),
            first_ts: Some(100),
            last_ts: Some(900),
            last_final_ts: Some(900),
            rows: 9,
            source: Some(SourceId::Ib),
            derived_from,
            attempted_at: None,
            succeeded_at: None,
            gaps: 0,
            error: None,
            blocked: None,
        }
    }

    #[test]
    fn what_changed_is_derived_and_no_more() {
        let mut states = vec![state(M30, None), state(H1, Some(M30)), state(D1, None), state(W1, Some(D1)), state(Mo1, Some(D1))];
        let due = |states: &[SeriesState], marks: &[Underived]| derivable_of(aapl(D1).symbol, &ORDER, states, marks);
        assert_eq!(due(&states, &[]), []);
        let mark = Underived { series: aapl(D1), span: (500, 600), changes: 7 };
        assert_eq!(due(&states, &[mark]), [mark]);
        // A month without a whole one has no bar, and is made of days all the same.
        (states[4].rows, states[4].last_ts) = (0, None);
        assert_eq!(due(&states, &[mark]), [mark]);
        // A timeframe that was never made of its base needs all of it.
        states[3].derived_from = None;
        assert_eq!(due(&states, &[mark]), [Underived { span: (100, 901), ..mark }]);
        assert_eq!(due(&states, &[])[0].span, (100, 901));
        states[2].blocked = Some("the currency changed".into());
        assert_eq!(due(&states, &[mark]), [], "nothing is made of a blocked base");
    }
}
