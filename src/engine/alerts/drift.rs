//! Alerts about drift: halted signals, a data set or performance that has drifted, and alarms that nobody has taken note of.

use super::{AlertLevel, Inputs, push};
use crate::drift::Verdict;
use crate::drift::monitor::PERFORMANCE;
use crate::drift::views::{DriftView, SubjectKind, SubjectRow};
use crate::engine::Alert;

/// Subjects that have an alert of their own; more share one.
const ALONE: usize = 3;

pub(super) fn look(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    i.drift.iter().for_each(|view| one(i.now, view, out));
}

fn one(now: i64, view: &DriftView, out: &mut Vec<Alert>) {
    let strategy = view.strategy;
    if let Some(halt) = &view.halted {
        let text = format!("{strategy} gives no new signals: {}; `nightdesk drift lift-halt --strategy {strategy}` ends that", halt.reason);
        push(out, now, &format!("halt:{strategy}"), AlertLevel::Bad, text, None);
    }
    let calling: Vec<&SubjectRow> = view.worst.iter().filter(|s| s.alarm.as_ref().is_some_and(|a| a.calls(now))).collect();
    if let Some(s) = calling.iter().find(|s| s.subject == PERFORMANCE) {
        let since = s.alarm.as_ref().map_or_else(String::new, |a| format!(" since {}", a.since));
        let text = format!("performance of {strategy} has been below what validation gave{since}: {}", s.note);
        push(out, now, &format!("performance:{strategy}"), level(s), text, None);
    }
    let mut moved: Vec<&SubjectRow> =
        calling.into_iter().filter(|s| matches!(s.kind, SubjectKind::Feature | SubjectKind::Prediction)).collect();
    if let Some(alarm) = &view.dataset_alarm {
        // It stands for its features: who has taken note of it need not take note of each.
        if alarm.calls(now) {
            let share = view.dataset_share.map_or_else(String::new, |share| format!(", {:.0} % of the features", 100.0 * share));
            let level = if alarm.verdict == Verdict::Critical { AlertLevel::Bad } else { AlertLevel::Warn };
            let features: Vec<&SubjectRow> = moved.iter().copied().filter(|s| s.kind == SubjectKind::Feature).collect();
            let text = format!("{strategy}: the data set has drifted{share}{}", named(&features));
            push(out, now, &format!("drift:{strategy}"), level, text, None);
        }
        moved.retain(|s| s.kind != SubjectKind::Feature);
    }
    if moved.len() > ALONE {
        let text = format!("{strategy}: {} alarms of drift are open{}", moved.len(), named(&moved));
        push(out, now, &format!("drift:{strategy}"), AlertLevel::Warn, text, None);
        return;
    }
    for s in moved {
        push(out, now, &format!("drift:{strategy}:{}", s.subject), level(s), format!("{strategy}: drift of {}", told(s)), None);
    }
}

/// The first two, where there are any.
fn named(moved: &[&SubjectRow]) -> String {
    let first: Vec<String> = moved.iter().take(2).map(|s| told(s)).collect();
    if first.is_empty() { String::new() } else { format!(": {}", first.join(", ")) }
}

/// A subject with what is known of it tonight.
fn told(s: &SubjectRow) -> String {
    let since = s.alarm.as_ref().map_or_else(String::new, |a| format!(", alarm since {}", a.since));
    s.psi.map_or_else(|| format!("{}{since}", s.subject), |psi| format!("{} PSI {psi:.2}", s.subject))
}

fn level(s: &SubjectRow) -> AlertLevel {
    let critical = s.alarm.as_ref().is_some_and(|a| a.verdict == Verdict::Critical);
    if critical { AlertLevel::Bad } else { AlertLevel::Warn }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::super::{compute, tests::inputs};
    use super::*;
    use crate::drift::views::{AlarmView, HaltView};
    use crate::engine::{HostStats, Market};
    use crate::market::{DAY, Strategy};

    fn subject(name: &str, kind: SubjectKind, acked: bool) -> SubjectRow {
        let alarm = AlarmView {
            since: NaiveDate::from_ymd_opt(2026, 11, 27).unwrap(),
            verdict: Verdict::Drifted,
            quiet_nights: 0,
            acked_by: acked.then(|| "desk".to_owned()),
            acked_at: acked.then_some(5),
            snoozed_until: None,
        };
        SubjectRow {
            subject: name.into(),
            kind,
            verdict: Verdict::Drifted,
            psi: Some(0.31),
            note: "120 answers".into(),
            alarm: Some(alarm),
            ..SubjectRow::default()
        }
    }

    fn told(view: DriftView) -> Vec<(String, AlertLevel, String)> {
        let (market, host) = (Market::default(), HostStats::default());
        let drift = [view];
        let alerts = compute(&Inputs { drift: &drift, ..inputs(&market, &[], &host, 100 * DAY) }, &[]);
        alerts.into_iter().map(|a| (a.key, a.level, a.text)).collect()
    }

    #[test]
    fn few_alarms_stand_alone_many_share_one_and_what_was_taken_note_of_keeps_silent() {
        let view = |names: &[&str], acked| DriftView {
            worst: names.iter().map(|n| subject(n, SubjectKind::Feature, acked)).collect(),
            ..DriftView::unwatched(Strategy::Turbomode, "")
        };
        let two = told(view(&["rsi_14", "atr_14_pct"], false));
        assert_eq!(two[0], ("drift:turbomode:rsi_14".into(), AlertLevel::Warn, "turbomode: drift of rsi_14 PSI 0.31".into()));
        assert_eq!(two.len(), 2);
        let many = told(view(&["a", "b", "c", "d"], false));
        assert_eq!(
            many,
            [("drift:turbomode".into(), AlertLevel::Warn, "turbomode: 4 alarms of drift are open: a PSI 0.31, b PSI 0.31".into())]
        );
        assert!(told(view(&["a", "b"], true)).is_empty());
        let alarm = |acked| subject("data_set", SubjectKind::DataSet, acked).alarm;
        let critical = DriftView { dataset_alarm: alarm(false), dataset_share: Some(0.34), ..view(&["a"], false) };
        assert_eq!(told(critical)[0].2, "turbomode: the data set has drifted, 34 % of the features: a PSI 0.31");
        let known = DriftView { dataset_alarm: alarm(true), ..view(&["a", "b", "c", "d"], false) };
        assert!(told(known).is_empty(), "one word for all of them");
    }

    #[test]
    fn a_data_set_that_was_taken_note_of_does_not_hide_what_the_model_says() {
        let alarm = |acked| subject("data_set", SubjectKind::DataSet, acked).alarm;
        for acked in [false, true] {
            let mut view = DriftView { dataset_alarm: alarm(acked), ..DriftView::unwatched(Strategy::Turbomode, "") };
            view.worst = vec![
                subject("data_set", SubjectKind::DataSet, acked),
                subject("a", SubjectKind::Feature, false),
                subject("p_buy", SubjectKind::Prediction, false),
            ];
            let keys: Vec<String> = told(view).into_iter().map(|(key, ..)| key).collect();
            let whole = (!acked).then(|| "drift:turbomode".to_owned());
            assert_eq!(keys, whole.into_iter().chain(["drift:turbomode:p_buy".to_owned()]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_halt_and_performance_are_told() {
        let halted = Some(HaltView { model_id: 4, since: 9, reason: "performance is critical: 120 answers".into() });
        let worst = vec![subject(PERFORMANCE, SubjectKind::Performance, false)];
        let found = told(DriftView { halted, worst, ..DriftView::unwatched(Strategy::Slipstream, "") });
        assert!(found.iter().any(|(key, level, text)| key == "halt:slipstream" && *level == AlertLevel::Bad && text.contains("lift-halt")));
        assert!(found.iter().any(|(key, ..)| key == "performance:slipstream"), "{found:?}");
    }
}
