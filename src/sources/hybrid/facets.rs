//! Splits, dividends, fundamentals and metadata: from the first source that answers.

use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::slot::Slot;
use super::{Hybrid, Next, Work, allowed};
use crate::config::SourcePolicy;
use crate::market::{Actions, Facet, Fundamentals, Instrument, Metadata, SourceId};
use crate::sources::{Fault, Outcome, Source};

/// A facet and who gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// Who answered last; `None` when no source was asked.
    pub source: Option<SourceId>,
    /// What.
    pub outcome: Outcome<T>,
}

impl Hybrid {
    /// Splits and dividends with an ex-date on or after `since`. Cancel by dropping.
    pub async fn actions(&self, instrument: &Instrument, since: NaiveDate, policy: SourcePolicy) -> Answer<Actions> {
        self.first(instrument, Facet::Actions, policy, |source| source.actions(instrument, since)).await
    }

    /// Today's fundamentals. Cancel by dropping.
    pub async fn fundamentals(&self, instrument: &Instrument, policy: SourcePolicy) -> Answer<Fundamentals> {
        self.first(instrument, Facet::Fundamentals, policy, |source| source.fundamentals(instrument)).await
    }

    /// Name, sector, exchange and so on, merged: Yahoo describes companies best, IB adds its contract id and the
    /// exchange's time zone. `source` is the one that gave most. Cancel by dropping.
    pub async fn metadata(&self, instrument: &Instrument, policy: SourcePolicy) -> Answer<Metadata> {
        let mut all: Option<Answer<Metadata>> = None;
        let mut failed = Answer { source: None, outcome: self.none_willing(instrument, Facet::Metadata, policy) };
        let slots = self.willing(instrument, Facet::Metadata, policy);
        for slot in slots.iter().rev() {
            let outcome = slot.source.metadata(instrument).await;
            // One try: a description that is missing today is asked for again with the next run.
            self.judge(slot, &outcome, &mut self.tries(instrument.symbol, Work::Facet, slots.len() > 1));
            match (outcome, &mut all) {
                (Outcome::Data(more), Some(Answer { outcome: Outcome::Data(have), .. })) => fill(have, more),
                (o @ Outcome::Data(_), none) => *none = Some(Answer { source: Some(slot.id()), outcome: o }),
                (o, _) => failed = Answer { source: Some(slot.id()), outcome: o },
            }
        }
        all.unwrap_or(failed)
    }

    /// Asks the willing sources in turn until one answers.
    async fn first<'a, T>(
        &'a self,
        instrument: &'a Instrument,
        facet: Facet,
        policy: SourcePolicy,
        call: impl Fn(&'a dyn Source) -> BoxFuture<'a, Outcome<T>> + Send + Sync,
    ) -> Answer<T> {
        let slots = self.willing(instrument, facet, policy);
        let mut last = Answer { source: None, outcome: self.none_willing(instrument, facet, policy) };
        for (k, slot) in slots.iter().enumerate() {
            let mut tries = self.tries(instrument.symbol, Work::Facet, k + 1 < slots.len());
            loop {
                let outcome = call(&*slot.source).await;
                let next = self.judge(slot, &outcome, &mut tries);
                last = Answer { source: Some(slot.id()), outcome };
                match next {
                    Next::Advance => return last,
                    Next::GiveUp(_) => break,
                    Next::Wait(pause) => sleep(pause).await,
                }
            }
        }
        last
    }

    fn willing(&self, instrument: &Instrument, facet: Facet, policy: SourcePolicy) -> Vec<&Arc<Slot>> {
        let able = self.slots.iter().filter(|s| allowed(policy, s.id()) && s.source.answers(facet, instrument.asset));
        able.filter(|s| s.allows()).collect()
    }

    /// The outcome where [`Self::willing`] is empty: nothing to be had where no source serves the facet, a failure where
    /// one does and its breaker is open.
    fn none_willing<T>(&self, instrument: &Instrument, facet: Facet, policy: SourcePolicy) -> Outcome<T> {
        let what = match facet {
            Facet::Actions => "splits and dividends",
            Facet::Fundamentals => "fundamentals",
            Facet::Metadata => "metadata",
        };
        if let Some(id) = self.answers(facet, instrument.asset, policy) {
            let text = format!("{}: {id} cannot be asked for {what} now: its breaker is open", instrument.symbol);
            return Outcome::Transient(Fault::new(text));
        }
        let ids: Vec<String> = self.slots.iter().map(|s| s.id()).filter(|id| allowed(policy, *id)).map(|id| id.to_string()).collect();
        let who = if ids.is_empty() { "no source that is switched on".to_owned() } else { ids.join(" and ") };
        Outcome::Empty(format!("{who} does not serve {what}"))
    }
}

/// Fills what is missing in `have`.
fn fill(have: &mut Metadata, more: Metadata) {
    macro_rules! or {
        ($($field:ident),+) => { $( have.$field = have.$field.take().or(more.$field); )+ };
    }
    or!(
        name,
        sector,
        industry,
        country,
        city,
        website,
        summary,
        employees,
        exchange,
        currency,
        quote_type,
        first_trade_date,
        time_zone,
        ib_contract_id
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_kept_and_gaps_are_filled() {
        let mut have = Metadata { name: Some("Apple Inc.".into()), ..Metadata::default() };
        fill(&mut have, Metadata { name: Some("APPLE INC".into()), ib_contract_id: Some(265_598), ..Metadata::default() });
        assert_eq!((have.name.as_deref(), have.ib_contract_id), (Some("Apple Inc."), Some(265_598)));
    }
}
