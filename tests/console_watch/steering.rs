//! What keys do about drift and signals: which commands they send, what is asked first, and where they lead.

use std::sync::Arc;

use crossterm::event::KeyCode;
use nightdesk::console::{Effect, Msg, Slot};
use nightdesk::control::LinkView;
use nightdesk::engine::{Ack, Alert, AlertLevel, Command, Reply, Snapshot};
use nightdesk::market::Strategy;
use nightdesk::train::spec::TrainSpec;

use crate::console_desk::{commands, frame, plain, screen, text};
use crate::console_fixture::drift::{self, Night};
use crate::console_fixture::{NOW, Scene, app};
use crate::desk::{SIZES, desk, press, snap};

const T: Strategy = Strategy::Turbomode;

fn acknowledge(subject: &str) -> Command {
    Command::Acknowledge { strategy: T, subject: subject.into() }
}

#[test]
fn alarms_are_acknowledged_and_kept_silent_from_pane_list_and_page() {
    for keys in ["5", "5 enter", "5 enter enter"] {
        let mut desk = desk(Night::Episode, keys);
        assert_eq!(commands(&press(&mut desk, Night::Episode, "A")), [&acknowledge("rsi_14")], "{keys}");
        let snooze = Command::Snooze { strategy: T, subject: "rsi_14".into(), hours: 24 };
        assert_eq!(commands(&press(&mut desk, Night::Episode, "Z")), [&snooze], "{keys}");
    }
    let mut page = desk(Night::Episode, "5 j j enter enter");
    assert_eq!(
        commands(&press(&mut page, Night::Episode, "A")),
        [&acknowledge("atr_14_pct")],
        "one that keeps silent can be taken note of"
    );
    let said = Ack { id: "1".into(), run_id: None, message: "Took note of the drift of atr_14_pct".into() };
    page.update(Msg::Acked { what: "acknowledge atr_14_pct".into(), result: Ok(said) }, &mut Vec::new());
    assert!(screen(&page).contains("▸ Took note of the drift of atr_14_pct"), "{}", screen(&page));
}

#[test]
fn what_has_no_open_alarm_says_so() {
    let mut pane = desk(Night::Episode, "5");
    let said = [
        ("j A", "Its alarm is acknowledged already"),
        ("Z", "it keeps silent already"),
        ("j j A", "It has no open alarm"),
        ("f", "Only features have values to show"),
        ("L", "Its signals are not halted"),
    ];
    for (keys, why) in said {
        assert_eq!(press(&mut pane, Night::Episode, keys), []);
        assert!(screen(&pane).contains(why), "{keys}\n{}", screen(&pane));
    }
}

#[test]
fn a_halt_is_lifted_only_after_yes_that_names_model_and_reason() {
    let night = Night::Halted;
    for keys in ["5", "5 enter", "5 enter enter"] {
        let mut desk = desk(night, keys);
        assert_eq!(press(&mut desk, night, "L n L esc L q esc"), []);
        press(&mut desk, night, "L");
        let shown = screen(&desk);
        assert!(
            shown.contains("Let turbomode give signals again") && shown.contains("New signals of model 14 are halted since"),
            "{shown}"
        );
        assert!(shown.contains("skill 0.0021 lies under"), "{shown}");
        assert_eq!(commands(&press(&mut desk, night, "y")), [&Command::LiftHalt { strategy: T }]);
    }
}

#[test]
fn nothing_is_steered_through_a_link_that_only_watches_or_is_lost() {
    let links = [
        LinkView::Attached { pid: 4_242, read_only: Some("another version".into()) },
        LinkView::Lost { since_ms: NOW * 1000 - 7_000, attempt: 3, cause: "connection refused".into() },
    ];
    for link in links {
        let mut desk = desk(Night::Halted, "5 j");
        desk.update(Msg::Link(link), &mut Vec::new());
        for keys in ["A", "Z", "L y", "t enter"] {
            assert_eq!(commands(&press(&mut desk, Night::Halted, keys)), [] as [&Command; 0], "{keys}");
        }
    }
}

#[test]
fn a_challenger_is_trained_for_the_strategy_that_is_looked_at() {
    for (keys, strategy) in [("5 t enter", T), ("5 s t enter", Strategy::Slipstream), ("B s t enter", Strategy::Slipstream)] {
        let mut desk = desk(Night::Episode, "");
        let effects = press(&mut desk, Night::Episode, keys);
        let spec = TrainSpec { strategies: vec![strategy], ..TrainSpec::default() };
        assert_eq!(commands(&effects), [&Command::Train { spec }], "{keys}");
    }
}

#[test]
fn alerts_lead_to_what_they_name() {
    let alert = |key: &str| Alert { key: key.into(), level: AlertLevel::Bad, text: "drift".into(), since: NOW - 100, series: None };
    let led = [
        ("drift:turbomode:atr_14_pct", "Drift › atr_14_pct "),
        ("drift:turbomode", "Drift › turbomode "),
        ("halt:turbomode", "Drift › turbomode "),
        ("performance:turbomode", "Drift › skill "),
        ("drift:slipstream", "Drift › slipstream "),
    ];
    for (key, trail) in led {
        let mut desk = desk(Night::Halted, "2");
        let alerts = Arc::new(vec![alert(key)]);
        desk.update(Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, alerts, ..snap(Night::Halted) })), &mut Vec::new());
        press(&mut desk, Night::Halted, "a");
        assert!(screen(&desk).contains(trail), "{key}\n{}", screen(&desk));
    }
}

#[test]
fn the_list_sorts_filters_and_keeps_its_cursor_on_the_subject() {
    let night = Night::Episode;
    let mut list = desk(night, "5 j j enter");
    let at = |list: &nightdesk::console::App, subject: &str| screen(list).lines().any(|l| l.contains(&format!("›{subject}")));
    assert!(at(&list, "atr_14_pct"), "the pane's selection goes with it\n{}", screen(&list));
    press(&mut list, night, "o");
    assert!(at(&list, "atr_14_pct") && screen(&list).contains("sort: subject"), "{}", screen(&list));
    let newer = Snapshot { seq: 5_002, ..snap(Night::Quiet) };
    let mut effects = Vec::new();
    list.update(Msg::Snapshot(Arc::new(newer)), &mut effects);
    assert!(matches!(effects.as_slice(), [Effect::Query { .. }]), "another night is asked for: {effects:?}");
    press(&mut list, night, "/ b e t a _ enter");
    assert!(at(&list, "beta_60") && screen(&list).contains("row 1 of 1 "), "{}", screen(&list));
    let effects = press(&mut list, night, "y e");
    let [Effect::Copy(row), Effect::Export(file)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(row.starts_with("beta_60  ▲ warning  0.127") && file.name.starts_with("nightdesk-drift-"), "{row} {}", file.name);
}

#[test]
fn a_feature_leads_to_its_drift_and_back() {
    let night = Night::Episode;
    let mut page = desk(night, "5 enter enter");
    let mut effects = Vec::new();
    page.update(Msg::Key(KeyCode::Char('f').into()), &mut effects);
    assert!(screen(&page).contains("rsi_14 › feature"), "{}", screen(&page));
    assert!(matches!(effects.as_slice(), [Effect::Query { query: nightdesk::engine::Query::Features { .. }, .. }]), "{effects:?}");
    press(&mut page, night, "esc");
    assert!(screen(&page).contains("Drift › turbomode › rsi_14 "), "{}", screen(&page));
    press(&mut page, night, "j");
    assert!(screen(&page).contains("› overnight_intraday_tilt_20 ") && screen(&page).contains("✓ acked by console"), "{}", screen(&page));
    let effects = press(&mut page, night, "y e");
    let [Effect::Copy(row), Effect::Export(file)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(row, "turbomode overnight_intraday_tilt_20 drifted PSI 0.274");
    assert!(file.text.starts_with("from,to,missing,reference,current,psi_term\n,31.2,false,"), "{}", file.text);
}

#[test]
fn a_symbol_of_the_scan_leads_to_its_signal_or_says_why_it_has_none() {
    let night = Night::Quiet;
    let mut page = desk(night, "B l l enter");
    assert!(screen(&page).contains("› AAPL 41 "), "{}", screen(&page));
    press(&mut page, night, "esc j enter");
    assert!(screen(&page).contains("AMZN: the model says hold"), "{}", screen(&page));
    press(&mut page, night, "esc h enter");
    assert!(screen(&page).contains("settled 2026-10-17 by the upper barrier"), "{}", screen(&page));
    press(&mut page, night, "s");
    assert!(screen(&page).contains("Signals of slipstream") && screen(&page).contains("No signal is open."), "{}", screen(&page));
    press(&mut page, night, "S s");
    assert!(screen(&page).contains("Sectors of turbomode"), "{}", screen(&page));
    let effects = press(&mut page, night, "e y Y");
    let [Effect::Export(file), Effect::Copy(_), Effect::Copy(json)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(file.name.starts_with("nightdesk-sectors-") && json.contains("\"sector\":\"Basic Materials\""), "{json}");
}

#[test]
fn the_pages_wait_for_their_answers_in_every_state_of_the_desk() {
    for scene in Scene::ALL {
        for keys in ["B", "B S"] {
            let mut desk = app(scene);
            for key in keys.split_whitespace() {
                desk.update(Msg::Key(KeyCode::Char(key.chars().next().unwrap()).into()), &mut Vec::new());
            }
            for size in SIZES {
                assert!(text(&frame(&desk, &plain(), size)).contains("asking the engine"), "{scene:?} {keys}");
            }
        }
    }
}

#[test]
fn an_answer_for_another_subject_is_not_shown_under_this_name() {
    let mut page = desk(Night::Episode, "5 enter enter");
    let mut effects = Vec::new();
    page.update(Msg::Key(KeyCode::Char('j').into()), &mut effects);
    let [Effect::Query { slot: Slot::Subject, generation, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let late = drift::detail(T, Night::Episode, "rsi_14").map(|d| Reply::Subject(Box::new(d))).ok_or_else(String::new);
    page.update(Msg::Answer { slot: Slot::Subject, generation: generation - 1, result: late }, &mut Vec::new());
    assert!(screen(&page).contains("Drift of overnight_intraday_tilt_20") && screen(&page).contains("asking the engine"));
}
