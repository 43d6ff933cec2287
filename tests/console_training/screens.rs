//! What training looks like, in every state and at every size.

use nightdesk::console::{Background, ColorLevel, Msg};
use nightdesk::control::LinkView;
use nightdesk::train::progress::TrainingState;

use crate::console_desk::{frame, plain, styles, text};
use crate::console_fixture::{NOW, look};
use crate::desk::{SIZES, desk};
use crate::stages::Stage;

#[test]
fn the_pane_and_the_page_at_every_size_in_every_state() {
    for stage in Stage::ALL {
        for size in SIZES {
            let at = format!("{}_{}x{}", stage.name(), size.0, size.1);
            insta::assert_snapshot!(format!("pane_{at}"), text(&frame(&desk(stage, "4"), &plain(), size)));
            if stage != Stage::Nothing {
                insta::assert_snapshot!(format!("page_{at}"), text(&frame(&desk(stage, "4 enter"), &plain(), size)));
            }
        }
    }
}

#[test]
fn parts_models_and_dialogs_at_every_size() {
    let screens = [
        ("gates", Stage::Judging, "4 enter l j j j"),
        ("log", Stage::Running, "4 enter l l"),
        ("other_model", Stage::Running, "4 enter n n n n n n L"),
        ("models", Stage::Running, "M"),
        ("models_features", Stage::Running, "M l j"),
        ("models_history", Stage::Running, "M G l l"),
        ("train_dialog", Stage::Nothing, "t"),
        ("train_dialog_seed", Stage::Nothing, "t tab space tab x"),
        ("again_dialog", Stage::Ended(TrainingState::Failed), "4 enter r"),
        ("stop_dialog", Stage::Running, "4 enter x"),
        ("kill_dialog", Stage::Running, "4 enter X"),
        ("promote_dialog", Stage::Ended(TrainingState::Shadow), "4 enter p"),
        ("roll_back_dialog", Stage::Running, "4 b"),
    ];
    for (name, stage, keys) in screens {
        let desk = desk(stage, keys);
        for size in SIZES {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&frame(&desk, &plain(), size)));
        }
    }
}

#[test]
fn training_in_its_styles() {
    let look = plain();
    let screens = [
        ("pane_running", Stage::Running, "4"),
        ("pane_rejected", Stage::Ended(TrainingState::Rejected), "4"),
        ("page_running", Stage::Running, "4 enter"),
        ("page_judging", Stage::Judging, "4 enter l"),
        ("page_failed", Stage::Ended(TrainingState::Failed), "4 enter"),
        ("models", Stage::Running, "M j"),
    ];
    for (name, stage, keys) in screens {
        insta::assert_snapshot!(format!("styles_{name}"), styles(&frame(&desk(stage, keys), &look, (120, 40)), &look));
    }
}

#[test]
fn ascii_and_colourless_screens_say_the_same() {
    let ascii = look(Background::Dark, ColorLevel::None, true);
    for stage in Stage::ALL {
        for keys in ["4", "4 enter", "4 enter l", "4 enter l l", "M", "M l", "M l l", "t"] {
            let shown = text(&frame(&desk(stage, keys), &ascii, (120, 40)));
            assert!(shown.is_ascii() && !shown.contains('?'.to_string().repeat(2).as_str()), "{stage:?} {keys}\n{shown}");
        }
        let shown = text(&frame(&desk(stage, "4"), &ascii, (120, 40)));
        let word = if stage == Stage::Nothing { "Nothing is trained yet. t trains".into() } else { stage.name() };
        let says = if stage.runs() { "run 14" } else { &word };
        assert!(shown.contains(says), "{stage:?}\n{shown}");
    }
}

#[test]
fn the_page_through_a_link_that_only_watches_or_is_lost() {
    let links = [
        ("read_only", LinkView::Attached { pid: 4_242, read_only: Some("daemon 0.5.0, console 0.1.0".into()) }),
        ("lost_link", LinkView::Lost { since_ms: NOW * 1000 - 7_000, attempt: 3, cause: "connection refused".into() }),
    ];
    for (name, link) in links {
        for keys in ["4", "4 enter", "M"] {
            let mut desk = desk(Stage::Running, keys);
            desk.update(Msg::Link(link.clone()), &mut Vec::new());
            let name = format!("{name}_{}", keys.replace(' ', "_"));
            insta::assert_snapshot!(name, text(&frame(&desk, &plain(), (80, 24))));
        }
    }
}

#[test]
fn no_size_breaks_a_screen_and_small_ones_still_tell_the_news() {
    // Around every width and height at which a screen changes its shape.
    let widths = [1, 20, 48, 59, 60, 61, 64, 76, 80, 99, 100, 119, 120, 160, 210];
    let heights = [1, 5, 12, 15, 16, 19, 24, 32, 33, 40, 60];
    for stage in [Stage::Nothing, Stage::Warming, Stage::Running, Stage::Judging, Stage::Ended(TrainingState::Failed)] {
        for keys in ["4", "4 z", "4 enter", "4 enter l", "4 enter l l", "M", "M l", "M l l", "t", "4 enter x"] {
            let desk = desk(stage, keys);
            for width in widths {
                for height in heights {
                    frame(&desk, &plain(), (width, height));
                }
            }
        }
    }
    let card = text(&frame(&desk(Stage::Running, "4"), &plain(), (48, 12)));
    assert!(card.contains("need 60x15") && card.contains("runs 1"), "{card}");
}
