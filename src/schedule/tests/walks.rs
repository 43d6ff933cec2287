//! Long walks through time: whatever the clock does, and every night of six years.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::market::{Calendar, date_to_ts};

/// What may happen to a running desk.
#[derive(Clone, Debug)]
enum Event {
    Pass(i64),
    Jump(i64),
    Restart,
    Confirm,
    Reload,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1..40 * HOUR).prop_map(Event::Pass),
        2 => (-20 * DAY..20 * DAY).prop_map(Event::Jump),
        1 => Just(Event::Restart),
        1 => Just(Event::Confirm),
        1 => Just(Event::Reload),
    ];
    prop::collection::vec(event, 1..60)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let cron = prop::sample::select(vec!["45 22 * * *", "*/20 * * * *", "0 2 * * SUN", "30 1 * * *", "30 16 * * MON-FRI"]);
    let zone = prop::sample::select(vec!["", "Europe/London", "Australia/Lord_Howe", "UTC"]);
    let misfire = prop::sample::select(vec![Misfire::Once, Misfire::Skip, Misfire::All]);
    (cron, zone, misfire, any::<bool>(), 0..200_u32).prop_map(|(cron, zone, misfire, gated, hours)| {
        ingest(|s| {
            (s.cron, s.zone, s.misfire, s.trading_days, s.catch_up_hours) = (cron.into(), zone.into(), misfire, gated, hours);
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_the_clock_does_no_tick_leads_to_two_runs(rule in any_rule(), start in 1_735_700_000..1_900_000_000_i64, story in events()) {
        let clock = ManualClock::at(start);
        let mut p = planner(rule.clone(), start, &clock);
        // What led to runs; and of that, what only the database knows after a restart.
        let (mut ran, mut recorded) = (BTreeSet::new(), BTreeSet::new());
        for event in story {
            match event {
                Event::Pass(s) => clock.advance(Duration::from_secs(s.unsigned_abs())),
                Event::Jump(s) => clock.jump_to(clock.now() + s),
                Event::Restart => {
                    p = planner(rule.clone(), p.mark(Job::Ingest).unwrap().1, &clock);
                    recorded.clone_from(&ran);
                }
                Event::Confirm => drop(p.confirm(clock.now())),
                Event::Reload => p.reload(vec![rule.clone()], clock.now()),
            }
            p.look(&*clock);
            let held = p.held().is_some();
            let due = p.due(Job::Ingest, clock.now(), None);
            prop_assert!(due.is_empty() || !held);
            for d in due {
                prop_assert!(d.at <= clock.now(), "{d:?}");
                if matches!(d.verdict, Verdict::Run(_)) {
                    prop_assert!(ran.insert(d.at) || recorded.contains(&d.at), "{d:?} again");
                }
                let on_time = clock.now() - d.at <= 300;
                match d.verdict {
                    Verdict::Run(Trigger::Schedule) => prop_assert!(on_time),
                    Verdict::Run(trigger) => {
                        prop_assert_eq!(trigger, Trigger::CatchUp);
                        prop_assert!(clock.now() - d.at <= rule.catch_up_s && rule.misfire != Misfire::Skip);
                    }
                    Verdict::Skip(why) => prop_assert!(!why.is_empty()),
                }
            }
        }
    }

    #[test]
    fn nothing_within_the_window_is_lost(rule in any_rule(), start in 1_735_700_000..1_900_000_000_i64, gaps in prop::collection::vec(1..90 * HOUR, 1..12)) {
        let (mut last, mut got) = (start, Vec::new());
        for gap in gaps {
            let now = last + gap.min(rule.catch_up_s.max(300));
            got.extend(rule.due(last, now, None));
            last = now;
        }
        let ran: Vec<_> = got.iter().filter(|d| matches!(d.verdict, Verdict::Run(_))).map(|d| (d.at, d.session)).collect();
        let all: Vec<_> = rule.runs(start, last).into_iter().map(|t| (t.at, t.session)).collect();
        prop_assert!(ran.iter().all(|r| all.contains(r)), "no run without its tick");
        if rule.misfire == Misfire::All && all.len() <= 50 && rule.catch_up_s >= 300 {
            prop_assert_eq!(&ran, &all);
        }
        if rule.misfire == Misfire::Once && rule.catch_up_s >= 300 {
            prop_assert_eq!(ran.last(), all.last(), "the newest session was worked for");
        }
    }

    #[test]
    fn runs_are_the_planned_ticks_that_do_not_pass(rule in any_rule(), start in 1_735_700_000..1_900_000_000_i64, span in 1..60 * DAY) {
        let runs = rule.runs(start, start + span);
        let planned: Vec<_> = rule.planned(start).take_while(|t| t.at <= start + span).filter(|t| t.skip.is_none()).collect();
        prop_assert_eq!(&runs, &planned);
        prop_assert_eq!(rule.newest_run(start, start + span), runs.last().cloned());
        let next = rule.next_run(start).unwrap();
        prop_assert_eq!(runs.first().unwrap_or(&next), &next);
    }
}

#[test]
fn every_session_from_2025_to_2030_gets_one_run_at_a_quarter_to_eleven() {
    let (start, end) = (date_to_ts(NaiveDate::from_ymd_opt(2025, 1, 1).unwrap()), date_to_ts(NaiveDate::from_ymd_opt(2031, 1, 1).unwrap()));
    for zone in ["America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"] {
        let rule = ingest(|s| s.zone = zone.into());
        let clock = ManualClock::at(start);
        let mut p = planner(rule.clone(), start, &clock);
        let mut sessions = Vec::new();
        while let Some(at) = p.alarms()[0].next.filter(|&at| at < end) {
            clock.advance(Duration::from_secs((at - clock.now()).unsigned_abs()));
            assert_eq!(p.look(&*clock), None);
            for d in p.due(Job::Ingest, clock.now(), None) {
                assert_eq!((d.at, &d.verdict), (at, &Verdict::Run(Trigger::Schedule)), "{zone}");
                sessions.extend(d.session);
            }
            assert!(rule.local(at).ends_with("22:45"), "{zone}: {}", rule.local(at));
            // A restart in the night changes nothing.
            p = planner(rule.clone(), p.mark(Job::Ingest).unwrap().1, &clock);
        }
        let before = rule.last_tick(start).unwrap();
        let all: Vec<NaiveDate> = Calendar::Xnys.sessions(before, clock.now()).filter(|s| s.close <= clock.now()).map(|s| s.date).collect();
        assert!(all.len() > 1_500);
        assert_eq!(sessions, all, "{zone}");
    }
}
