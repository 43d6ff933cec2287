//! What drift and signals look like, in every state and at every size.

use nightdesk::console::{Background, ColorLevel, Msg};
use nightdesk::control::LinkView;

use crate::console_desk::{frame, plain, styles, text};
use crate::console_fixture::drift::Night;
use crate::console_fixture::{NOW, look};
use crate::desk::{NIGHTS, SIZES, desk};

#[test]
fn the_pane_and_the_list_at_every_size_in_every_state() {
    for night in NIGHTS {
        for size in SIZES {
            let at = format!("{}_{}x{}", format!("{night:?}").to_lowercase(), size.0, size.1);
            insta::assert_snapshot!(format!("pane_{at}"), text(&frame(&desk(night, "5"), &plain(), size)));
            if !matches!(night, Night::Unlooked | Night::Untrained) {
                insta::assert_snapshot!(format!("list_{at}"), text(&frame(&desk(night, "5 enter"), &plain(), size)));
            }
        }
    }
}

#[test]
fn subjects_signals_and_dialogs_at_every_size() {
    let screens = [
        ("overview", Night::Episode, ""),
        ("zoomed", Night::Episode, "5 z j"),
        ("subject", Night::Episode, "5 enter enter"),
        ("subject_history", Night::Episode, "5 enter enter l"),
        ("subject_company", Night::Episode, "5 enter enter l l"),
        ("subject_acked", Night::Episode, "5 j enter enter"),
        ("subject_prediction", Night::Episode, "5 j j j j enter enter"),
        ("subject_performance", Night::Halted, "5 enter enter"),
        ("subject_data_set", Night::Halted, "5 enter j j j j enter"),
        ("subject_few", Night::Few, "5 enter enter"),
        ("subject_uncalibrated", Night::Uncalibrated, "5 enter enter"),
        ("list_filtered", Night::Episode, "5 enter / r a n g e enter"),
        ("lift_halt", Night::Halted, "5 L"),
        ("challenger", Night::Halted, "5 t"),
        ("signals", Night::Quiet, "B"),
        ("signals_settled", Night::Quiet, "B l"),
        ("signals_scan", Night::Quiet, "B l l j"),
        ("signals_none", Night::Untrained, "B"),
        ("signals_paper", Night::Quiet, "B s"),
        ("signal", Night::Quiet, "B j j enter"),
        ("signal_past", Night::Quiet, "B j j enter l"),
        ("signal_settled", Night::Quiet, "B l enter"),
        ("sectors", Night::Quiet, "B S"),
    ];
    for (name, night, keys) in screens {
        let desk = desk(night, keys);
        for size in SIZES {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&frame(&desk, &plain(), size)));
        }
    }
}

#[test]
fn drift_and_signals_in_their_styles() {
    let look = plain();
    let screens = [
        ("pane_episode", Night::Episode, "5"),
        ("pane_halted", Night::Halted, "5"),
        ("pane_quiet", Night::Quiet, "5"),
        ("list", Night::Episode, "5 enter"),
        ("subject", Night::Episode, "5 enter enter"),
        ("performance", Night::Halted, "5 enter enter"),
        ("signals", Night::Quiet, "B"),
        ("signal", Night::Quiet, "B enter"),
        ("sectors", Night::Quiet, "B S"),
    ];
    for (name, night, keys) in screens {
        insta::assert_snapshot!(format!("styles_{name}"), styles(&frame(&desk(night, keys), &look, (120, 40)), &look));
    }
}

#[test]
fn ascii_and_colourless_screens_say_the_same() {
    let ascii = look(Background::Dark, ColorLevel::None, true);
    for night in NIGHTS {
        for keys in ["5", "5 enter", "5 enter enter", "5 enter enter l", "5 enter enter l l", "B", "B l", "B l l", "B enter", "B S", "B s"]
        {
            for size in SIZES {
                let shown = text(&frame(&desk(night, keys), &ascii, size));
                assert!(shown.is_ascii() && !shown.replace("? help", "").contains('?'), "{night:?} {keys}\n{shown}");
            }
        }
    }
}

/// The monochrome law: with all styles gone, each state still has its glyph and its word.
#[test]
fn no_state_is_told_by_colour_alone() {
    let bare = look(Background::Dark, ColorLevel::None, false);
    let said = [
        (
            Night::Episode,
            "5 enter",
            vec!["✗ drifted", "▲ warning", "· stable", "2026-11-10 ✓ acked", "2026-11-19 ‖ silent", "since 2026-11-16"],
        ),
        (Night::Halted, "5", vec!["✗ signals of model 14 halted", "◆"]),
        (Night::Few, "5 enter", vec!["○ too few rows", "312 rows, 500 are needed"]),
        (Night::Uncalibrated, "5 enter", vec!["◇ uncalibrated"]),
        (Night::Quiet, "B", vec!["▴ buy", "▾ sell", "● 2 new signals", "upper", "both at once", "void: 2026-10-14 has no bar"]),
        (Night::Quiet, "B s", vec!["◇ No signals: no champion, the gates are not met. The answers of model 3 are on paper."]),
        (Night::Quiet, "", vec!["stable", "B signals: 3 open, 2 new"]),
    ];
    for (night, keys, words) in said {
        let shown = text(&frame(&desk(night, keys), &bare, (200, 60)));
        for word in words {
            assert!(shown.contains(word), "{night:?} {keys} does not say {word:?}\n{shown}");
        }
    }
}

#[test]
fn the_pages_through_a_link_that_only_watches_or_is_lost() {
    let links = [
        ("read_only", LinkView::Attached { pid: 4_242, read_only: Some("daemon 0.5.0, console 0.1.0".into()) }),
        ("lost_link", LinkView::Lost { since_ms: NOW * 1000 - 7_000, attempt: 3, cause: "connection refused".into() }),
    ];
    for (name, link) in links {
        for keys in ["5 enter", "B"] {
            let mut desk = desk(Night::Episode, keys);
            desk.update(Msg::Link(link.clone()), &mut Vec::new());
            let name = format!("{name}_{}", keys.replace(' ', "_"));
            insta::assert_snapshot!(name, text(&frame(&desk, &plain(), (80, 24))));
        }
    }
}

#[test]
fn no_size_breaks_a_screen() {
    // Around every width and height at which a screen changes its shape.
    let widths = [1, 20, 48, 59, 60, 61, 64, 76, 80, 99, 100, 119, 120, 160, 210];
    let heights = [1, 5, 12, 15, 16, 19, 24, 32, 33, 40, 60];
    for night in NIGHTS {
        for keys in ["5", "5 z", "5 enter", "5 enter enter", "5 enter enter l l", "B", "B l", "B enter", "B S"] {
            let desk = desk(night, keys);
            for width in widths {
                for height in heights {
                    let shown = text(&frame(&desk, &plain(), (width, height)));
                    assert!(!shown.trim().is_empty(), "{night:?} {keys} {width}x{height}");
                }
            }
        }
    }
}
