//! What episodes promise, for any row of nights.

use proptest::prelude::*;

use crate::drift::episode::{Episode, Finding, Severity, Step, Told, step};
use crate::drift::{DatasetVerdict, Judgement, Uncalibrated};

const NIGHT: i64 = 86_400;

/// A night, or what a person does before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Night(Finding),
    Ack,
    Snooze(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let night = prop_oneof![
        Just(Finding::Unknown),
        Just(Finding::Quiet),
        Just(Finding::Quiet),
        Just(Finding::Alarm(Severity::Drifted)),
        Just(Finding::Alarm(Severity::Critical)),
    ];
    prop_oneof![8 => night.prop_map(Event::Night), 1 => Just(Event::Ack), 1 => (1..6_i64).prop_map(Event::Snooze)]
}

/// What was told in each night of a story.
fn told(events: &[Event], hysteresis: u32) -> Vec<(Finding, Option<Episode>, Step)> {
    let (mut open, mut now, mut out) = (None, 0, Vec::new());
    for event in events {
        match event {
            Event::Ack => open = open.map(Episode::ack),
            Event::Snooze(nights) => open = open.map(|e: Episode| e.snooze(now + nights * NIGHT)),
            Event::Night(finding) => {
                now += NIGHT;
                let made = step(open, *finding, now, hysteresis);
                out.push((*finding, open, made));
                open = made.episode;
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn an_episode_alarms_once_and_ends_after_quiet_nights_in_a_row(events in prop::collection::vec(event(), 0..60), hysteresis in 1_u32..5) {
        let mut quiet = 0;
        for (night, (finding, before, made)) in told(&events, hysteresis).into_iter().enumerate() {
            let now = (night as i64 + 1) * NIGHT;
            match finding {
                Finding::Unknown => prop_assert_eq!(made, Step { episode: before, told: None }),
                Finding::Quiet => {
                    quiet += 1;
                    let over = before.is_some() && quiet >= hysteresis;
                    prop_assert_eq!(made.told, over.then_some(Told::Ended));
                    prop_assert_eq!(made.episode.is_some(), before.is_some() && !over);
                }
                Finding::Alarm(severity) => {
                    quiet = 0;
                    let worse = before.is_none_or(|e| severity > e.severity);
                    let woken = before.is_some_and(|e| !e.acked && e.snoozed_until.is_some_and(|until| until <= now));
                    prop_assert_eq!(made.told, (worse || woken).then_some(Told::Alarm(severity)));
                    let open = made.episode.unwrap();
                    prop_assert!(open.severity >= severity && open.quiet == 0);
                    prop_assert_eq!(open.began, before.map_or(now, |e| e.began));
                    prop_assert!(before.is_none_or(|e| worse || woken || open.silent(now) == e.silent(now)));
                }
            }
        }
    }

    #[test]
    fn nobody_is_told_more_than_the_worst_twice(events in prop::collection::vec(event(), 0..60)) {
        let nights: Vec<Event> = events.into_iter().filter(|e| !matches!(e, Event::Snooze(_))).collect();
        let mut alarms = 0;
        for (_, _, made) in told(&nights, 3) {
            alarms += u32::from(matches!(made.told, Some(Told::Alarm(_))));
            // One for the beginning and one for getting worse.
            prop_assert!(alarms <= 2);
            if made.told == Some(Told::Ended) {
                alarms = 0;
            }
        }
    }
}

#[test]
fn a_story() {
    use Event::{Ack, Night, Snooze};
    use Finding::{Alarm, Quiet, Unknown};
    use Severity::{Critical, Drifted};
    let story = [
        Night(Alarm(Drifted)),
        Night(Quiet),
        Night(Quiet),
        Night(Alarm(Drifted)),
        Ack,
        Night(Alarm(Drifted)),
        Night(Alarm(Critical)),
        Snooze(2),
        Night(Alarm(Critical)),
        Night(Alarm(Drifted)),
        Night(Quiet),
        Night(Unknown),
        Night(Quiet),
        Night(Quiet),
        Night(Quiet),
    ];
    let told: Vec<Option<Told>> = told(&story, 3).into_iter().map(|(_, _, made)| made.told).collect();
    let alarm = |severity| Some(Told::Alarm(severity));
    let silence = None;
    assert_eq!(told[..5], [alarm(Drifted), silence, silence, silence, silence]);
    // Worse after the acknowledgement; then the snooze is over in its second night.
    assert_eq!(told[5..8], [alarm(Critical), silence, alarm(Drifted)]);
    assert_eq!(told[8..], [silence, silence, silence, Some(Told::Ended), silence]);
}

#[test]
fn findings_follow_from_verdicts() {
    use DatasetVerdict::{Critical, Insufficient, Stable, Warning};
    use Finding::{Alarm, Quiet, Unknown};
    let few = Judgement::Insufficient { rows: 3, needed: 500 };
    let verdicts = [few, Judgement::Uncalibrated(Uncalibrated::NoWindow), Judgement::Stable, Judgement::Warning, Judgement::Drifted];
    assert_eq!(verdicts.map(Finding::of), [Unknown, Unknown, Quiet, Quiet, Alarm(Severity::Drifted)]);
    let of = [Insufficient, Stable, Warning, Critical].map(Finding::of_dataset);
    assert_eq!(of, [Unknown, Quiet, Alarm(Severity::Drifted), Alarm(Severity::Critical)]);
}
