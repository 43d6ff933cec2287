//! From a model's answers to predictions and signals.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::json;

use super::choice::{Chosen, choose};
use super::eligible::{Unfit, askable, tradable};
use super::explain::{Past, cases, contributions};
use super::order::{WatchError, WatchOrder};
use super::views::{Contribution, PastCase};
use crate::dataset::recent::{Recent, RowAt};
use crate::features::{Feature, nightly, registry};
use crate::labels::barrier::horizon_end;
use crate::labels::{Class, average_true_range};
use crate::market::{Instrument, Symbol};
use crate::store::model::{Answers, Model, ModelReader, NewSignal, NightPrediction, Scan, ScanKind};
use crate::train::asking::Asking;
use crate::train::backtest::Side;
use crate::train::calibrate::by_lift;
use crate::train::ensemble::{Ensemble, EnsembleError};
use crate::train::metrics::Probabilities;
use crate::train::model_views::ModelState;
use crate::train::models::Compute;
use crate::train::registry::{self as models, ModelFolder, RegistryError};

/// A model that is asked, with what it says of each symbol.
struct Said {
    model_id: i64,
    kind: ScanKind,
    /// By position in the universe.
    answers: Vec<Option<Probabilities>>,
    ensemble: Ensemble,
}

/// What comes of a model's answers.
struct Decided {
    signals: Vec<NewSignal>,
    /// Signals that an earlier scan of the night gave.
    given: u32,
    /// By symbol, why there is no signal.
    why_none: BTreeMap<String, String>,
    /// Symbols that a signal may be given for.
    eligible: u32,
}

/// One night on its way.
pub struct Night<'a> {
    /// What it is made of.
    pub order: &'a WatchOrder<'a>,
    /// The newest rows.
    pub recent: &'a Recent,
    /// Dates of open signals.
    pub open: &'a HashMap<Symbol, NaiveDate>,
    /// What computes.
    pub compute: Compute,
    /// The session that has closed.
    pub session: NaiveDate,
    /// UTC seconds.
    pub now: i64,
}

impl Night<'_> {
    fn instruments(&self) -> impl Iterator<Item = (usize, &Instrument)> {
        self.order.universe.instruments.iter().enumerate()
    }

    /// Its scan, what models said, and the signals of the first of them.
    pub fn work(&self, reader: &ModelReader, folder: &ModelFolder) -> Result<(Scan, Vec<Answers>, Vec<NewSignal>), WatchError> {
        let Some(mut chosen) = choose(reader, self.now)? else {
            return Ok((self.without("no model: nothing was trained yet"), vec![], vec![]));
        };
        let main = match self.ask(reader, folder, &chosen.model, chosen.kind)? {
            Ok(said) => self.by_its_rules(said, &mut chosen),
            // A night without answers is told, not lost: what was settled stays, and the next night finds the file repaired.
            Err(why) => return Ok((self.without(&why), vec![], vec![])),
        };
        let mut all = vec![self.predictions(&main)];
        // Whoever else is on trial serves its sessions beside the champion.
        let trial = reader.newest_in(ModelState::Shadow)?.filter(|m| m.model_id != main.model_id);
        if let Some(trial) = trial {
            match self.ask(reader, folder, &trial, ScanKind::Shadow)? {
                Ok(said) => all.push(self.predictions(&said)),
                Err(why) => tracing::warn!(target: "scan", strategy = %self.order.strategy, why, "The model on trial could not answer"),
            }
        }
        let Decided { signals, given, why_none, eligible } = self.decide(reader, &main)?;
        let words = chosen.words(signals.len() + given as usize, eligible);
        let scan = Scan {
            date: self.session,
            made_at: self.now,
            model_id: Some(main.model_id),
            kind: main.kind,
            symbols: self.recent.symbols.len() as u32,
            eligible,
            predicted: all[0].predictions.len() as u32,
            signals: signals.len() as u32 + given,
            words,
            why_none,
        };
        Ok((scan, all, signals))
    }

    /// A model that learnt by other rules of labels and regimes answers on paper: its signals would be settled by a rule that is not
    /// the one it learnt.
    fn by_its_rules(&self, said: Said, chosen: &mut Chosen) -> Said {
        if said.kind != ScanKind::Live || said.ensemble.header().rules == self.order.rules.row_hash() {
            return said;
        }
        let why = "the rules of labels or regimes have changed since it learnt; train again";
        chosen.why_paper = Some(format!("model {} answers on paper: {why}", said.model_id));
        Said { kind: ScanKind::Shadow, ..said }
    }

    /// A night in which nothing was there to ask.
    fn without(&self, why: &str) -> Scan {
        Scan {
            date: self.session,
            made_at: self.now,
            model_id: None,
            kind: ScanKind::None,
            symbols: self.recent.symbols.len() as u32,
            eligible: 0,
            predicted: 0,
            signals: self.given(),
            words: if self.given() == 0 {
                format!("no signals: {why}")
            } else {
                format!("{} signals were given before: {why}", self.given())
            },
            why_none: BTreeMap::new(),
        }
    }

    /// Signals that an earlier scan of the night gave.
    fn given(&self) -> u32 {
        let is_given = |(position, i): &(usize, &Instrument)| {
            let newest = self.recent.symbols[*position].adjusted.bars.date.last();
            newest.is_some_and(|d| *d >= self.session) && self.open.get(&i.symbol) == newest
        };
        self.instruments().filter(is_given).count() as u32
    }

    /// What a model says of each symbol; or, in a sentence, why it cannot say anything.
    fn ask(&self, reader: &ModelReader, folder: &ModelFolder, model: &Model, kind: ScanKind) -> Result<Result<Said, String>, WatchError> {
        let opened = match models::open(reader, folder, model) {
            Err(RegistryError::Store(e)) => return Err(e.into()),
            Err(e) => return Ok(Err(format!("model {} cannot be used: {e}", model.model_id))),
            Ok(saved) => Ensemble::new(saved),
        };
        let ensemble = match opened {
            Ok(ensemble) => ensemble,
            Err(e) => return Ok(Err(format!("model {} cannot be used: {e}", model.model_id))),
        };
        let failed = |e: EnsembleError| format!("model {} cannot be asked: {e}", model.model_id);
        let asking = match Asking::new(&ensemble, self.recent) {
            Ok(asking) => asking,
            Err(e) => return Ok(Err(failed(e))),
        };
        let used = used(&asking);
        let rows: Vec<Option<RowAt>> = self.instruments().map(|i| askable(&self.recent.symbols[i.0], i, &used, self.now).ok()).collect();
        let asked: Vec<RowAt> = rows.iter().flatten().copied().collect();
        let mut said = match asking.ask(&asked, &self.compute) {
            Ok(said) => said.into_iter(),
            Err(e) => return Ok(Err(failed(e))),
        };
        let answers = rows.iter().map(|row| row.and_then(|_| said.next().flatten())).collect();
        Ok(Ok(Said { model_id: model.model_id, kind, answers, ensemble }))
    }

    fn predictions(&self, said: &Said) -> Answers {
        let header = said.ensemble.header();
        let of = |(position, instrument): (usize, &Instrument)| {
            let p = said.answers[position]?;
            let (row, decision) = (self.newest(position), self.decision(said, &p));
            Some(NightPrediction {
                symbol: instrument.symbol,
                date: self.recent.date(row),
                p,
                decision: decision.index() as u8,
                edge: p[decision.index()] / header.prior[decision.index()],
                regime: self.recent.symbols[position].regimes[row.bar]?.name().to_owned(),
            })
        };
        Answers { model_id: said.model_id, kind: said.kind, predictions: self.instruments().filter_map(of).collect() }
    }

    fn newest(&self, symbol: usize) -> RowAt {
        RowAt { symbol, bar: self.recent.symbols[symbol].adjusted.bars.len() - 1 }
    }

    fn decision(&self, said: &Said, p: &Probabilities) -> Class {
        by_lift(p, &said.ensemble.header().prior, self.order.rules.ensemble.min_edge)
    }

    /// The signals of a night, why there is none for each other symbol, and for how many one may be given.
    fn decide(&self, reader: &ModelReader, said: &Said) -> Result<Decided, WatchError> {
        let rule = &self.order.rules.scan;
        let failed = |cause| WatchError::Model { model_id: said.model_id, cause };
        let asking = Asking::new(&said.ensemble, self.recent).map_err(failed)?;
        let used = used(&asking);
        let (mut why_none, mut wanted, mut eligible, mut given) = (BTreeMap::new(), Vec::new(), 0, 0);
        for (position, instrument) in self.instruments() {
            let symbol = &self.recent.symbols[position];
            let open = self.open.get(&instrument.symbol).copied();
            let fit = askable(symbol, (position, instrument), &used, self.now)
                .and_then(|row| tradable(symbol, instrument, (open, self.session, self.now), rule).map(|()| row));
            let why = match fit {
                Err(Unfit::Open(date)) if date >= self.session && date == self.recent.date(self.newest(position)) => {
                    // A night that is done again has given it already.
                    (eligible, given) = (eligible + 1, given + 1);
                    continue;
                }
                Err(why) => why.to_string(),
                Ok(row) => {
                    eligible += 1;
                    match self.wanted(said, position) {
                        Ok((side, lift)) => {
                            wanted.push((row, side, lift));
                            continue;
                        }
                        Err(why) => why,
                    }
                }
            };
            why_none.insert(instrument.symbol.to_string(), why);
        }
        wanted.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        if said.kind != ScanKind::Live {
            let on_paper = |(row, side, _): &(RowAt, Side, f64)| (self.order.universe.instruments[row.symbol].symbol.to_string(), *side);
            why_none.extend(wanted.iter().map(on_paper).map(|(symbol, side)| (symbol, format!("{side} on paper only"))));
            return Ok(Decided { signals: Vec::new(), given, why_none, eligible });
        }
        for (row, ..) in wanted.drain((rule.max_new_signals.saturating_sub(given) as usize).min(wanted.len())..) {
            let symbol = self.order.universe.instruments[row.symbol].symbol.to_string();
            why_none.insert(symbol, format!("{} others have a larger lift, scan.max_new_signals", rule.max_new_signals));
        }
        let signals = self.signals(reader, (said.model_id, &asking), &wanted)?;
        Ok(Decided { signals, given, why_none, eligible })
    }

    /// Which way a symbol would be traded and by what lift, or why it is not.
    fn wanted(&self, said: &Said, position: usize) -> Result<(Side, f64), String> {
        let Some(p) = said.answers[position] else { return Err("the model gave no answer".to_owned()) };
        let header = said.ensemble.header();
        let decision = self.decision(said, &p);
        let lift = p[decision.index()] / header.prior[decision.index()];
        match Side::of(decision) {
            None => Err(self.why_hold(&p, &header.prior)),
            Some(side) if header.muted.contains(&decision) => Err(format!("{side} is muted by gate G5")),
            Some(side) => Ok((side, lift)),
        }
    }

    /// Why a symbol is held: holding has the largest lift, or no side has enough.
    fn why_hold(&self, p: &Probabilities, prior: &Probabilities) -> String {
        let lift = |class: Class| p[class.index()] / prior[class.index()];
        if lift(Class::Hold) > lift(Class::Buy).max(lift(Class::Sell)) {
            return "HOLD: it is what exceeds its usual share most".to_owned();
        }
        format!("HOLD: no side has {:.0} % over its usual share", 100.0 * self.order.rules.ensemble.min_edge)
    }

    fn signals(
        &self,
        reader: &ModelReader,
        (model_id, asking): (i64, &Asking<'_>),
        wanted: &[(RowAt, Side, f64)],
    ) -> Result<Vec<NewSignal>, WatchError> {
        let top = self.order.rules.attribution.top_features as usize;
        let mut pasts: BTreeMap<usize, Past> = BTreeMap::new();
        let mut signals = Vec::new();
        for &(row, side, _) in wanted {
            if self.order.stop.is_cancelled() {
                return Err(WatchError::Stopped);
            }
            let spoke = contributions(asking, self.recent, (row, side), top, &self.compute);
            let spoke = spoke.map_err(|cause| WatchError::Model { model_id, cause })?;
            let near = self.cases(reader, asking, &mut pasts, (row, side))?;
            signals.extend(self.signal((row, side), &spoke, &near));
        }
        Ok(signals)
    }

    /// The nearest past rows of the symbol's sector.
    fn cases(
        &self,
        reader: &ModelReader,
        asking: &Asking<'_>,
        pasts: &mut BTreeMap<usize, Past>,
        (row, side): (RowAt, Side),
    ) -> Result<Vec<PastCase>, WatchError> {
        let (most, rule) = (self.order.rules.scan.past_cases as usize, &self.order.rules.validation.label);
        if most == 0 {
            return Ok(Vec::new());
        }
        let sector = &self.order.universe.instruments[row.symbol].sector;
        let peers: Vec<(usize, &Instrument)> = self.instruments().filter(|(_, i)| i.sector == *sector).collect();
        for (position, instrument) in &peers {
            if pasts.contains_key(position) || self.recent.symbols[*position].without.is_some() {
                continue;
            }
            let features = nightly::read_features(reader, instrument.symbol, (i64::MIN, i64::MAX))?;
            let past = Past::new(asking, (self.recent, *position, instrument), &features, (rule, instrument.calendar()));
            pasts.insert(*position, past);
        }
        let of_sector: Vec<&Past> = peers.iter().filter_map(|(position, _)| pasts.get(position)).collect();
        Ok(cases(asking, &of_sector, &asking.features(row), side, (most, rule.horizon as usize)))
    }

    fn signal(&self, (row, side): (RowAt, Side), spoke: &[Contribution], near: &[PastCase]) -> Option<NewSignal> {
        let instrument = &self.order.universe.instruments[row.symbol];
        let (symbol, rule) = (&self.recent.symbols[row.symbol], &self.order.rules.validation.label);
        let bars = &symbol.adjusted.bars;
        let atr = *average_true_range(bars, rule.atr_sessions).get(row.bar)?;
        let close = bars.close[row.bar];
        let half_width = (rule.atr_multiple * atr / close).max(rule.cost_floor_multiple * rule.round_trip_cost_bp / 10_000.0);
        Some(NewSignal {
            symbol: instrument.symbol,
            sector: instrument.sector.clone(),
            date: bars.date[row.bar],
            side: side.class().index() as u8,
            close: symbol.unadjusted(row.bar, close),
            horizon_end: horizon_end(instrument.calendar(), bars.date[row.bar], rule)?,
            half_width,
            rule: rule.clone(),
            contributions: json!(spoke),
            cases: json!(near),
        })
    }
}

fn used(asking: &Asking<'_>) -> Vec<&'static Feature> {
    asking.columns.iter().map(|c| &registry()[*c]).collect()
}
