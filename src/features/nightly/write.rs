//! From computed symbols to stored months: cores compute, the calling thread writes.

use chrono::{Datelike, NaiveDate};

use super::compute::{self, Part};
use super::missing::MissingCounts;
use super::plan::{Plan, encode};
use super::survey::Survey;
use super::{Desk, NightError, Steps};
use crate::features::COUNT;
use crate::features::bars::Adjusted;
use crate::market::{Symbol, date_to_ts};
use crate::store::model::{Checkpoint, FeatureBlock, FeatureMonth, Made, ModelDb};

/// What was computed and written.
#[derive(Default)]
pub(super) struct Sum {
    pub rows: u64,
    pub written: u64,
    pub missing: MissingCounts,
}

/// A symbol on its way to the writer.
struct Ready {
    block: FeatureBlock,
    rows: usize,
    missing: MissingCounts,
}

/// Computes and stores what `plan` asks for. Each symbol's rows and checkpoint are stored together.
pub(super) fn write(
    db: &mut ModelDb,
    desk: &Desk<'_>,
    survey: &Survey<'_>,
    plan: &Plan,
    tails: Option<&[Adjusted]>,
    made: &Made,
) -> Result<Sum, NightError> {
    let steps = Steps::new(desk, if tails.is_some() { desk.instruments.len() } else { 0 });
    let market = compute::market(&steps, survey, tails, None)?;
    let work = |position| {
        let bars = compute::bars(&steps, survey, tails, position)?;
        Ok(prepare(survey, plan, position, &compute::symbol(survey, plan, &market, position, &bars)?))
    };
    let (mut sum, mut waiting, mut rows) = (Sum::default(), Vec::new(), 0);
    let all: Vec<usize> = (0..survey.instruments.len()).collect();
    compute::each(&steps, &all, work, |next| {
        rows += next.rows;
        sum.rows += next.rows as u64;
        sum.missing.add(&next.missing);
        waiting.push(next.block);
        if rows >= desk.rows {
            sum.written += db.put_features(&waiting, made)?;
            waiting.clear();
            rows = 0;
        }
        Ok(())
    })?;
    let symbols: Vec<Symbol> = survey.instruments.iter().map(|i| i.symbol).collect();
    sum.written += db.finish_features(&waiting, made, &symbols, &plan.keep)?;
    Ok(sum)
}

fn prepare(survey: &Survey<'_>, plan: &Plan, position: usize, part: &Part<'_>) -> Ready {
    let symbol = survey.instruments[position].symbol;
    let months = months(part);
    let checkpoint = plan.mark.as_ref().map(|(month, key)| Checkpoint {
        month: *month,
        symbol,
        key: key.all,
        own: key.own[position],
        state: part.output.checkpoint.as_ref().map(encode),
        sound: true,
    });
    Ready {
        rows: months.iter().map(FeatureMonth::rows).sum(),
        missing: MissingCounts::of(&part.output.block, part.skip, part.adjusted),
        block: FeatureBlock { symbol, from: plan.from.unwrap_or(i64::MIN), months, checkpoints: checkpoint.into_iter().collect() },
    }
}

/// The rows that were asked for, by month.
pub(super) fn months(part: &Part<'_>) -> Vec<FeatureMonth> {
    let block = &part.output.block;
    let dates = &part.adjusted.bars.date;
    let dates = &dates[dates.len() - block.rows..];
    let mut at = part.skip;
    let month_of = |date: NaiveDate| date.with_day(1).unwrap_or(date);
    let of_month = |month: &[NaiveDate]| {
        let rows = at..at + month.len();
        at = rows.end;
        let stamps: Vec<i64> = month.iter().map(|d| date_to_ts(*d)).collect();
        FeatureMonth::new(date_to_ts(month_of(month[0])), &stamps, (0..COUNT).map(|i| &block.column(i)[rows.clone()]))
    };
    dates[part.skip..].chunk_by(|a, b| month_of(*a) == month_of(*b)).map(of_month).collect()
}
