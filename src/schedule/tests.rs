//! Ticks, missed ticks and jumps of the clock, as the dispatcher meets them.

mod walks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::*;
use crate::config::{JobSettings, Misfire, ScheduleSettings};
use crate::market::{Clock, DAY, ManualClock};
use crate::store::scheduler::{Job, JobRow, Trigger};

const HOUR: i64 = 3_600;

/// UTC seconds of a New York wall-clock time.
fn ny(text: &str) -> i64 {
    let naive = chrono::NaiveDateTime::parse_from_str(text, "%F %H:%M").unwrap();
    naive.and_local_timezone(chrono_tz::America::New_York).unwrap().timestamp()
}

fn settings(change: impl FnOnce(&mut JobSettings)) -> ScheduleSettings {
    let mut settings = ScheduleSettings::default();
    change(&mut settings.ingest);
    settings
}

fn ingest(change: impl FnOnce(&mut JobSettings)) -> Rule {
    Rule::new(&settings(change), Job::Ingest).unwrap()
}

fn row(job: Job, hash: &str, last: i64) -> JobRow {
    JobRow { job, spec_hash: hash.into(), paused: None, next_tick: None, last_tick: Some(last), failures_in_row: 0 }
}

fn blank() -> SchedulerState {
    SchedulerState::first(true, 0)
}

/// A planner of one rule that dealt with the ticks up to `last`.
fn planner(rule: Rule, last: i64, clock: &ManualClock) -> Planner {
    let rows = [row(rule.job(), rule.hash(), last)];
    Planner::new(vec![rule], &rows, &blank(), clock)
}

fn brief(due: &[DueTick], rule: &Rule) -> Vec<String> {
    let line = |d: &DueTick| {
        let session = d.session.map(|s| s.to_string()).unwrap_or_default();
        match &d.verdict {
            Verdict::Run(trigger) => format!("{} run {trigger} for {session}", rule.local(d.at)),
            Verdict::Skip(why) => format!("{} skip: {why}", rule.local(d.at)),
        }
    };
    due.iter().map(line).collect()
}

#[test]
fn schedules_read_as_words() {
    let words = |job| Rule::new(&ScheduleSettings::default(), job).unwrap().words();
    assert_eq!(words(Job::Ingest), "22:45 New York, after each trading session");
    assert_eq!(words(Job::Train), "00:00 New York, on Sunday");
    let weekly = ingest(|s| s.cron = "0 6 * * SAT".into());
    assert_eq!(weekly.words(), "06:00 New York, on Saturday, if there was a trading session");
}

#[test]
fn a_schedule_that_cannot_be_kept_names_its_key() {
    let key = |settings: &ScheduleSettings| rules(settings, Job::ALL).unwrap_err().to_string();
    assert!(key(&settings(|s| s.cron = "45 22 * *".into())).starts_with("`schedule.ingest.cron` cannot be used: five fields are needed"));
    assert!(key(&settings(|s| s.zone = "Mars/Base".into())).starts_with("`schedule.ingest.zone`"));
    assert!(key(&ScheduleSettings { zone: "x".into(), ..ScheduleSettings::default() }).starts_with("`schedule.zone`"));
    assert_eq!(rules(&ScheduleSettings::default(), Job::ALL).unwrap().len(), 6);
}

#[test]
fn the_calendar_says_which_ticks_pass() {
    let rule = ingest(|_| {});
    let planned: Vec<_> = rule.planned(ny("2026-11-24 23:00")).take(6).collect();
    let told: Vec<_> = planned.iter().map(|t| (rule.local(t.at), t.session.map(|s| s.to_string()), t.skip.is_some())).collect();
    let expected = [
        ("2026-11-25 22:45", Some("2026-11-25"), false),
        ("2026-11-26 22:45", None, true),
        ("2026-11-27 22:45", Some("2026-11-27"), false),
        ("2026-11-28 22:45", None, true),
        ("2026-11-29 22:45", None, true),
        ("2026-11-30 22:45", Some("2026-11-30"), false),
    ];
    assert_eq!(told, expected.map(|(at, session, skip)| (at.to_owned(), session.map(str::to_owned), skip)));
    assert_eq!(rule.next_run(ny("2026-11-25 22:45")), Some(planned[2].clone()));
    let midnight = ingest(|s| s.cron = "0 0 * * *".into());
    let next = midnight.next_run(ny("2026-11-27 23:00")).unwrap();
    assert_eq!((midnight.local(next.at).as_str(), next.session), ("2026-11-28 00:00", NaiveDate::from_ymd_opt(2026, 11, 27)));
}

#[test]
fn a_tick_on_time_runs_and_is_not_due_again() {
    let clock = ManualClock::at(ny("2026-11-23 22:44"));
    let rule = ingest(|_| {});
    let mut p = planner(rule.clone(), ny("2026-11-20 22:45"), &clock);
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty(), "Saturday and Sunday lead to nothing");
    clock.advance(Duration::from_mins(1));
    assert_eq!(brief(&p.due(Job::Ingest, clock.now(), None), &rule), ["2026-11-23 22:45 run schedule for 2026-11-23"]);
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty());
    assert_eq!(p.mark(Job::Ingest), Some((rule.hash().to_owned(), ny("2026-11-23 22:45"))));
    assert_eq!(p.next(Job::Ingest, clock.now()).unwrap().at, ny("2026-11-24 22:45"));
    assert!(p.due(Job::Scan, clock.now(), None).is_empty(), "a job without a schedule is never due");
}

#[test]
fn missed_nights_give_one_catch_up() {
    let rule = ingest(|_| {});
    let due = rule.due(ny("2026-11-13 22:45"), ny("2026-11-21 09:00"), None);
    assert_eq!(
        brief(&due, &rule),
        [
            "2026-11-16 22:45 skip: missed, and more than 96 h ago: too late to be made up for",
            "2026-11-19 22:45 skip: 3 ticks since 2026-11-17 22:45: missed; the run of 2026-11-20 22:45 makes up for it",
            "2026-11-20 22:45 run catch-up for 2026-11-20",
        ]
    );
    let back_in_time = rule.due(ny("2026-11-18 22:45"), ny("2026-11-20 22:46"), None);
    assert_eq!(
        brief(&back_in_time, &rule),
        ["2026-11-19 22:45 skip: missed; the run of 2026-11-20 22:45 makes up for it", "2026-11-20 22:45 run schedule for 2026-11-20"]
    );
}

#[test]
fn the_policy_decides_about_missed_ticks() {
    let (last, now) = (ny("2026-11-16 22:45"), ny("2026-11-19 09:00"));
    let skip = ingest(|s| s.misfire = Misfire::Skip);
    assert_eq!(
        brief(&skip.due(last, now, None), &skip),
        ["2026-11-18 22:45 skip: 2 ticks since 2026-11-17 22:45: missed, and `schedule.ingest.misfire` is \"skip\""]
    );
    let all = ingest(|s| s.misfire = Misfire::All);
    assert_eq!(
        brief(&all.due(last, now, None), &all),
        ["2026-11-17 22:45 run catch-up for 2026-11-17", "2026-11-18 22:45 run catch-up for 2026-11-18"]
    );
    let never = ingest(|s| s.catch_up_hours = 0);
    assert_eq!(
        brief(&never.due(last, now, None), &never),
        ["2026-11-18 22:45 skip: missed, and more than 0 h ago: too late to be made up for"]
    );
    assert_eq!(brief(&never.due(last, ny("2026-11-17 22:48"), None), &never), ["2026-11-17 22:45 run schedule for 2026-11-17"]);
    let blocked = all.due(last, now, Some("paused by cli: holiday"));
    assert_eq!(brief(&blocked, &all), ["2026-11-18 22:45 skip: 2 ticks since 2026-11-17 22:45: paused by cli: holiday"]);
}

#[test]
fn a_busy_schedule_is_not_made_up_for_without_end() {
    let every = |misfire| {
        ingest(|s| {
            (s.cron, s.trading_days, s.misfire, s.catch_up_hours) = ("* * * * *".into(), false, misfire, 96);
        })
    };
    let now = ny("2026-11-20 12:00");
    let all = every(Misfire::All).due(now - 30 * DAY, now, None);
    let runs = all.iter().filter(|d| matches!(d.verdict, Verdict::Run(_))).count();
    assert_eq!((runs, all.len()), (51, 53), "fifty, the one on time, and one entry each for the old and the many");
    assert!(all.is_sorted_by_key(|d| d.at));
    let once = every(Misfire::Once).due(now - HOUR, now, None);
    assert_eq!(once.iter().map(|d| d.at).collect::<Vec<_>>(), [now - 60, now]);
}

#[test]
fn jitter_is_bounded_and_the_same_everywhere() {
    let rule = ingest(|s| s.jitter_s = 120);
    let ticks = rule.runs(ny("2026-01-01 00:00"), ny("2026-12-31 00:00"));
    let delays: Vec<i64> = ticks.iter().map(|t| rule.not_before(t.at).unwrap() - t.at).collect();
    assert!(delays.iter().all(|d| (0..=120).contains(d)));
    assert!(delays.iter().any(|d| *d > 100) && delays.iter().any(|d| *d < 20), "spread out");
    assert!(ticks.iter().zip(&delays).all(|(t, d)| rule.not_before(t.at) == Some(t.at + d)));
    assert_eq!(ingest(|_| {}).not_before(ticks[0].at), None);
    let (last, at) = (ticks[0].at, ticks[1].at);
    assert_eq!(rule.due(last, at, None)[0].not_before, Some(at + delays[1]));
    assert_eq!(rule.due(last, at + HOUR, None)[0].not_before, None, "a catch-up is late enough");
}

#[test]
fn a_clock_that_goes_forward_or_a_machine_that_slept_makes_up_by_policy() {
    for (hours, expected) in [(1, None), (8, Some("2026-11-17")), (24, Some("2026-11-17")), (48, Some("2026-11-18"))] {
        let clock = ManualClock::at(ny("2026-11-17 20:00"));
        let mut p = planner(ingest(|_| {}), ny("2026-11-16 22:45"), &clock);
        assert_eq!(p.look(&*clock), None);
        clock.jump_to(clock.now() + hours * HOUR);
        assert_eq!(p.look(&*clock), Some(Jump { ms: hours * HOUR * 1000 }));
        assert_eq!((p.held(), p.look(&*clock)), (None, None));
        let due = p.due(Job::Ingest, clock.now(), None);
        let runs: Vec<_> = due.iter().filter(|d| d.verdict == Verdict::Run(Trigger::CatchUp)).filter_map(|d| d.session).collect();
        assert_eq!(runs.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::from_iter(expected), "{hours} h");
        assert!(p.due(Job::Ingest, clock.now(), None).is_empty());
    }
}

#[test]
fn a_clock_that_goes_back_fires_nothing_twice() {
    for back in [HOUR, DAY] {
        let clock = ManualClock::at(ny("2026-11-18 22:45"));
        let mut p = planner(ingest(|_| {}), ny("2026-11-17 22:45"), &clock);
        assert_eq!(p.due(Job::Ingest, clock.now(), None).len(), 1);
        clock.jump_to(clock.now() - back);
        assert_eq!(p.look(&*clock), Some(Jump { ms: -back * 1000 }));
        assert_eq!(p.held(), None);
        for _ in 0..=back / 60 {
            assert!(p.due(Job::Ingest, clock.now(), None).is_empty());
            clock.advance(Duration::from_mins(1));
        }
        clock.jump_to(ny("2026-11-19 22:45"));
        assert_eq!(p.due(Job::Ingest, clock.now(), None).len(), 1);
    }
}

#[test]
fn a_clock_that_was_ahead_for_a_while_loses_no_tick_and_runs_none_twice() {
    let rule = ingest(|_| {});
    let tick = |p: &mut Planner, clock: &ManualClock, at: &str| {
        clock.advance(Duration::from_secs((ny(at) - clock.now()).unsigned_abs()));
        assert_eq!(p.look(clock), None);
        brief(&p.due(Job::Ingest, clock.now(), None), &rule)
    };
    // It jumped ahead under our eyes, or was ahead when we came: slept nights before do not matter.
    for seen in [true, false] {
        let clock = ManualClock::at(ny("2026-11-17 20:00") + if seen { 0 } else { 48 * HOUR });
        let mut p = planner(rule.clone(), ny("2026-11-16 22:45"), &clock);
        if seen {
            clock.jump_to(clock.now() + 8 * HOUR);
            assert!(p.look(&*clock).is_some());
            clock.jump_to(clock.now() - 8 * HOUR + 2 * HOUR / 60);
            assert!(p.look(&*clock).is_some());
            clock.jump_to(clock.now() + 48 * HOUR);
            assert!(p.look(&*clock).is_some());
        }
        let wrong = [
            "2026-11-17 22:45 skip: missed; the run of 2026-11-18 22:45 makes up for it".to_owned(),
            "2026-11-18 22:45 run catch-up for 2026-11-18".to_owned(),
        ];
        assert_eq!(brief(&p.due(Job::Ingest, clock.now(), None), &rule), wrong);
        clock.advance(Duration::from_mins(5));
        clock.jump_to(clock.now() - 48 * HOUR + 60);
        assert!(p.look(&*clock).is_some() && p.held().is_none());
        assert_eq!(tick(&mut p, &clock, "2026-11-17 22:45"), ["2026-11-17 22:45 run schedule for 2026-11-17"], "seen: {seen}");
        assert_eq!(tick(&mut p, &clock, "2026-11-18 22:45"), Vec::<String>::new(), "that one ran already");
        assert_eq!(tick(&mut p, &clock, "2026-11-19 22:45"), ["2026-11-19 22:45 run schedule for 2026-11-19"]);
    }
    // Put right only after a tick has really come: it is made up for.
    let clock = ManualClock::at(ny("2026-11-17 20:00"));
    let mut p = planner(rule.clone(), ny("2026-11-16 22:45"), &clock);
    clock.jump_to(clock.now() + 48 * HOUR);
    p.look(&*clock);
    p.due(Job::Ingest, clock.now(), None);
    clock.advance(Duration::from_hours(5));
    clock.jump_to(clock.now() - 48 * HOUR);
    p.look(&*clock);
    assert_eq!(brief(&p.due(Job::Ingest, clock.now(), None), &rule), ["2026-11-17 22:45 run catch-up for 2026-11-17"]);
}

#[test]
fn a_small_step_back_undoes_no_other_leap_and_none_of_long_ago() {
    // Another size; and the same size, long ago.
    for (leap, nights, back) in [(100, 1, 60), (60, 10, 60)] {
        let clock = ManualClock::at(ny("2026-11-17 20:00"));
        let mut p = planner(ingest(|_| {}), ny("2026-11-16 22:45"), &clock);
        clock.jump_to(clock.now() + leap);
        assert!(p.look(&*clock).is_some());
        for _ in 0..nights {
            clock.advance(Duration::from_hours(24));
            p.due(Job::Ingest, clock.now(), None);
        }
        let mark = p.mark(Job::Ingest);
        clock.jump_to(clock.now() - back);
        assert!(p.look(&*clock).is_some());
        assert_eq!(p.mark(Job::Ingest), mark, "+{leap} s, and -{back} s {nights} nights later");
    }
}

#[test]
fn a_clock_that_was_ahead_brings_back_no_tick_that_was_to_pass() {
    let clock = ManualClock::at(ny("2026-11-17 20:00"));
    let mut p = planner(ingest(|_| {}), ny("2026-11-16 22:45"), &clock);
    clock.jump_to(clock.now() + 8 * HOUR);
    assert!(p.look(&*clock).is_some());
    assert!(matches!(p.due(Job::Ingest, clock.now(), Some("paused by cli"))[..], [DueTick { verdict: Verdict::Skip(_), .. }]));
    clock.advance(Duration::from_hours(5));
    clock.jump_to(clock.now() - 8 * HOUR);
    assert!(p.look(&*clock).is_some());
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty(), "it was paused when the tick had come");
}

#[test]
fn what_is_left_of_a_held_leap_can_be_undone_too() {
    let rule = ingest(|_| {});
    let clock = ManualClock::at(ny("2026-11-17 20:00"));
    let mut p = planner(rule.clone(), ny("2026-11-16 22:45"), &clock);
    clock.jump_to(clock.now() + 120 * HOUR);
    assert!(p.look(&*clock).is_some() && p.held().is_some());
    clock.jump_to(clock.now() - 72 * HOUR);
    assert!(p.look(&*clock).is_some() && p.held().is_none());
    assert_eq!(p.due(Job::Ingest, clock.now(), None).len(), 2, "one missed, one made up for");
    clock.advance(Duration::from_hours(5));
    clock.jump_to(clock.now() - 48 * HOUR);
    assert!(p.look(&*clock).is_some());
    assert_eq!(brief(&p.due(Job::Ingest, clock.now(), None), &rule), ["2026-11-17 22:45 run catch-up for 2026-11-17"]);
}

#[test]
fn a_leap_forward_waits_for_an_operator() {
    let clock = ManualClock::at(ny("2026-11-17 20:00"));
    let rule = ingest(|_| {});
    let mut p = planner(rule.clone(), ny("2026-11-16 22:45"), &clock);
    clock.jump_to(ny("2027-11-17 20:00"));
    assert!(p.look(&*clock).is_some());
    let why = p.held().unwrap();
    assert!(why.contains("the clock went forward by 8760 h"), "{why}");
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty());
    let mark = p.mark(Job::Ingest);
    clock.jump_to(ny("2026-11-17 22:45"));
    assert!(p.look(&*clock).is_some());
    assert_eq!((p.held(), p.mark(Job::Ingest)), (None, mark), "the clock is right again and nothing was lost");
    assert_eq!(p.due(Job::Ingest, clock.now(), None).len(), 1);

    clock.jump_to(ny("2026-11-26 09:00"));
    p.look(&*clock);
    assert!(p.held().is_some() && p.confirm(clock.now()) && !p.confirm(clock.now()));
    let due = p.due(Job::Ingest, clock.now(), None);
    assert_eq!(brief(&due, &rule).last().unwrap(), "2026-11-25 22:45 run catch-up for 2026-11-25");
}

#[test]
fn last_ticks_far_ahead_wait_for_an_operator() {
    let clock = ManualClock::at(ny("2026-11-18 20:00"));
    let mut p = planner(ingest(|_| {}), ny("2027-11-18 22:45"), &clock);
    assert!(p.held().unwrap().contains("went back"));
    clock.advance(Duration::from_hours(3));
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty());
    assert!(p.confirm(ny("2026-11-18 20:00")));
    assert_eq!(p.due(Job::Ingest, clock.now(), None).len(), 1);
}

#[test]
fn a_new_or_changed_schedule_begins_now() {
    let clock = ManualClock::at(ny("2026-11-18 23:00"));
    let all = |s: &ScheduleSettings| rules(s, [Job::Ingest, Job::Scan]).unwrap();
    let default = ScheduleSettings::default();
    let last = ny("2026-11-17 22:45");
    let rows = [row(Job::Ingest, "another", last)];
    let mut p = Planner::new(all(&default), &rows, &blank(), &*clock);
    assert_eq!(p.mark(Job::Ingest).unwrap().1, clock.now(), "another schedule");
    assert_eq!(p.mark(Job::Scan).unwrap().1, clock.now(), "a first start");

    let times = JobTimes { last: Some(last), next: None };
    let kept = SchedulerState { jobs: BTreeMap::from([(Job::Ingest, times)]), ..blank() };
    p = Planner::new(all(&default), &[], &kept, &*clock);
    assert_eq!(p.mark(Job::Ingest).unwrap().1, last, "scheduler.db was lost, the state file was not");

    let earlier = settings(|s| s.cron = "0 21 * * *".into());
    p.reload(all(&earlier), clock.now());
    assert!(p.due(Job::Ingest, clock.now(), None).is_empty(), "21:00 lies before the change");
    p.reload(all(&earlier), clock.now() + 50);
    assert_eq!(p.mark(Job::Ingest).unwrap().1, clock.now(), "the same schedule goes on");
    assert_eq!(p.alarms().len(), 2);
    assert_eq!(p.alarms()[0].next, Some(ny("2026-11-19 21:00")));
    assert_eq!(p.upcoming(Job::Ingest, clock.now(), 3).len(), 3);
}

#[test]
fn clocks_are_shared_as_the_engine_shares_them() {
    let clock: Arc<dyn Clock> = ManualClock::at(ny("2026-11-18 23:00"));
    let p = Planner::new(rules(&ScheduleSettings::default(), Job::ALL).unwrap(), &[], &blank(), clock.as_ref());
    assert!(Job::ALL.into_iter().all(|job| p.next(job, clock.now()).is_some() && p.rule(job).is_some()));
}
