//! Alerts about models. That none passed the gates is a normal state and never one.

use super::{AlertLevel, Inputs, push};
use crate::engine::Alert;
use crate::market::{DAY, ts_to_date};
use crate::store::scheduler::Job;
use crate::train::progress::{ChampionView, Standing, TrainingState};

/// A champion that grows too old within this time is told of: training runs every week.
const SOON: i64 = 7 * DAY;

/// Champions that are too old or soon will be, and training runs that failed beside one that did not.
pub(super) fn look(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    for Standing { strategy, champion, .. } in i.standings {
        let Some(ChampionView { model_id, expires_at, .. }) = champion else { continue };
        let (left, until) = (expires_at - i.now, ts_to_date(*expires_at));
        let what = match left {
            ..=0 => format!("expired on {until} and gives no signals"),
            1..=SOON => format!("gives no signals from {until} on"),
            _ => continue,
        };
        let text = format!("{strategy}: the champion, model {model_id}, {what}; `nightdesk train --strategy {strategy}` looks for another");
        push(out, i.now, &format!("champion:{strategy}"), AlertLevel::Warn, text, None);
    }
    // While another run is on its way, nobody is needed.
    if i.jobs.iter().any(|v| v.job == Job::Train && v.active.is_some()) {
        return;
    }
    for view in i.trainings.iter().filter(|v| v.state == TrainingState::Failed) {
        let told = view.job_run.is_some_and(|run| out.iter().any(|a| a.key == format!("run:{run}")));
        if !told {
            let why = view.outcome.as_deref().unwrap_or("no reason given");
            let text = format!("training run {} of {} failed: {why}", view.run_id, view.strategy);
            push(out, i.now, &format!("training:{}", view.strategy), AlertLevel::Bad, text, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{compute, tests::inputs};
    use super::*;
    use crate::engine::{HostStats, Market};
    use crate::market::Strategy;

    #[test]
    fn a_champion_is_told_of_a_week_before_it_expires_and_gates_not_met_never() {
        let (market, host, now) = (Market::default(), HostStats::default(), 100 * DAY);
        let champion = |expires_at| ChampionView {
            model_id: 4,
            run_id: 2,
            since: 0,
            trained_to: ts_to_date(now),
            expires_at,
            expired: expires_at <= now,
            skill: None,
            auc: None,
        };
        let told = |champion| {
            let standings = [Standing { champion, ..Standing::untrained(Strategy::Turbomode) }];
            let alerts = compute(&Inputs { standings: &standings, ..inputs(&market, &[], &host, now) }, &[]);
            alerts.into_iter().map(|a| (a.level, a.text)).collect::<Vec<_>>()
        };
        assert!(told(None).is_empty() && told(Some(champion(now + SOON + 1))).is_empty());
        let soon = told(Some(champion(now + SOON)));
        assert!(soon[0].0 == AlertLevel::Warn && soon[0].1.contains("model 4, gives no signals from"), "{soon:?}");
        let over = told(Some(champion(now)));
        assert!(over[0].0 == AlertLevel::Warn && over[0].1.contains("expired on"), "{over:?}");
    }
}
