//! The list of features and the page of one, as an operator sees them.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

mod console_desk;
mod console_fixture;

use console_desk::{frame, plain, screen, styles, text};
use console_fixture::{NOW, Scene, answer, app, look, symbol};
use crossterm::event::KeyCode;
use nightdesk::console::{App, Background, ColorLevel, Effect, Msg, Slot};
use nightdesk::engine::{FeatureCache, FeatureDetail, FeatureLast, FeatureList, FeatureView, Histogram, Query, Reply};
use nightdesk::features::nightly::Freshness;
use nightdesk::features::{Feature, registry};
use nightdesk::market::{DAY, Strategy};

const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (160, 50), (60, 15)];
const NO_CACHE: &str = "there is no database of turbomode at data/turbomode.db; run `nightdesk features build --strategy turbomode` once";

/// What the strategy's database is like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stock {
    Full,
    /// Not made of the bars of now.
    Stale(Freshness),
    None,
}

impl Stock {
    fn state(self) -> Freshness {
        if let Self::Stale(state) = self { state } else { Freshness::Current }
    }
}

fn feature_view(f: &Feature, stock: Stock) -> FeatureView {
    let missing = (stock != Stock::None).then(|| if f.lookback > 200 { 0.125 } else { f.lookback as f64 / 20_000.0 });
    FeatureView {
        name: f.name.clone(),
        category: f.category.to_string(),
        definition: f.definition.clone(),
        reference: f.reference.clone(),
        lookback: f.lookback as u32,
        memory: f.memory.to_string(),
        needs: f.needs.to_string(),
        missing,
    }
}

/// Values in 20..80 that look like an oscillator's.
fn value(symbol: usize, day: usize) -> f64 {
    let (s, d) = (symbol as f64, day as f64);
    50.0 + 18.0 * (s * 1.7 + d * 0.21).sin() + 9.0 * (s * 0.9 - d * 0.053).cos()
}

fn detail(name: &str, strategy: Strategy, stock: Stock) -> FeatureDetail {
    let feature = registry().iter().find(|f| f.name == name).unwrap();
    if stock == Stock::None {
        let (last, year) = (Histogram::of(vec![]), Histogram::of(vec![]));
        let trouble = Some(NO_CACHE.to_owned());
        return FeatureDetail { strategy, feature: feature_view(feature, stock), trouble, state: None, last, year, symbols: Vec::new() };
    }
    let names = ["AAPL", "AMZN", "BRK-B", "BTC-USD", "CVX", "ETH-USD", "GOOGL", "JPM", "KO", "LIN", "META", "MSFT", "NEE", "NVDA", "XOM"];
    let mut symbols: Vec<FeatureLast> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let recent = (0..60).map(|d| Some(value(i, d)).filter(|_| d != 30)).collect();
            FeatureLast { symbol: symbol(name), at: Some(NOW - NOW % DAY - 2 * DAY), value: Some(value(i, 59)), reason: None, recent }
        })
        .collect();
    let short = Some("short history: 9 of 15 bars".to_owned());
    symbols.push(FeatureLast { symbol: symbol("NEWCO"), value: None, reason: short, recent: vec![None; 9], ..symbols[0].clone() });
    let year: Vec<f64> = (0..16).flat_map(|i| (0..250).map(move |d| if i == 15 { f64::NAN } else { value(i, d) })).collect();
    let last = Histogram::of(symbols.iter().map(|s| s.value.unwrap_or(f64::NAN)).collect());
    FeatureDetail {
        strategy,
        feature: feature_view(feature, stock),
        trouble: None,
        state: Some(stock.state()),
        last,
        year: Histogram::of(year),
        symbols,
    }
}

fn list(strategy: Strategy, stock: Stock) -> FeatureList {
    let full = stock != Stock::None;
    FeatureList {
        strategy,
        cache: full.then_some(FeatureCache {
            symbols: 16,
            rows: 4_000,
            newest: Some(NOW - NOW % DAY - 2 * DAY),
            state: Some(stock.state()),
        }),
        trouble: (!full).then(|| NO_CACHE.to_owned()),
        features: registry().iter().map(|f| feature_view(f, stock)).collect(),
    }
}

/// Answers what is asked about features as the stock has it, and the rest as a busy engine does.
fn reply(desk: &mut App, stock: Stock, asked: Effect) {
    let (slot, generation, reply) = match asked {
        Effect::Query { slot: Slot::Features, generation, query: Query::Features { strategy } } => {
            (Slot::Features, generation, Reply::Features(Box::new(list(strategy, stock))))
        }
        Effect::Query { slot: Slot::Feature, generation, query: Query::Feature { strategy, name } } => {
            (Slot::Feature, generation, Reply::Feature(Box::new(detail(&name, strategy, stock))))
        }
        other => return answer(desk, Scene::Live, vec![other]),
    };
    desk.update(Msg::Answer { slot, generation, result: Ok(reply) }, &mut Vec::new());
}

fn press(desk: &mut App, stock: Stock, keys: &str) -> Vec<Effect> {
    console_desk::press(desk, keys, |desk, asked| reply(desk, stock, asked))
}

fn desk(stock: Stock, keys: &str) -> App {
    let mut desk = app(Scene::Idle);
    press(&mut desk, stock, keys);
    desk
}

#[test]
fn the_pages_at_every_size() {
    let screens = [
        ("list", Stock::Full, "V"),
        ("list_filtered", Stock::Full, "V / m a r k e t enter"),
        ("list_no_cache", Stock::None, "V"),
        ("feature", Stock::Full, "V j enter j j"),
        ("feature_year", Stock::Full, "V j enter w"),
        ("feature_missing", Stock::Full, "V j enter G"),
        ("feature_no_cache", Stock::None, "V enter"),
    ];
    for (name, stock, keys) in screens {
        let desk = desk(stock, keys);
        for size in SIZES {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&frame(&desk, &plain(), size)));
        }
    }
}

#[test]
fn the_pages_in_their_styles() {
    for (name, stock, keys) in [("list", Stock::Full, "V"), ("feature", Stock::Full, "V j enter j j"), ("no_cache", Stock::None, "V")] {
        let look = plain();
        insta::assert_snapshot!(format!("styles_{name}"), styles(&frame(&desk(stock, keys), &look, (120, 40)), &look));
    }
}

#[test]
fn ascii_pages_hold_nothing_but_ascii() {
    let ascii = look(Background::Dark, ColorLevel::True, true);
    for keys in ["V", "V enter", "V enter G", "V enter w"] {
        let shown = text(&frame(&desk(Stock::Full, keys), &ascii, (120, 40)));
        assert!(shown.is_ascii(), "{keys}\n{shown}");
    }
}

#[test]
fn the_list_sorts_filters_and_leads_to_a_feature_and_back() {
    let mut desk = desk(Stock::Full, "V");
    assert!(screen(&desk).contains("row 1 of 179"));
    press(&mut desk, Stock::Full, "/ b e t a _ enter");
    assert!(screen(&desk).contains("beta_60") && screen(&desk).contains("row 1 of 1 "), "{}", screen(&desk));
    press(&mut desk, Stock::Full, "enter");
    assert!(screen(&desk).contains("Features › beta_60"));
    press(&mut desk, Stock::Full, "esc esc esc");
    press(&mut desk, Stock::Full, ": s h o w f e a t enter");
    assert!(screen(&desk).contains("Features of turbomode"), "the palette leads there too");
    press(&mut desk, Stock::Full, "s");
    assert!(screen(&desk).contains("Features of slipstream"));
}

#[test]
fn a_feature_leads_to_its_drift_and_its_drift_to_its_values() {
    for keys in ["V / r s i _ 1 4 enter d", "V / r s i _ 1 4 enter enter d"] {
        let mut desk = desk(Stock::Full, keys);
        let shown = screen(&desk);
        assert!(shown.contains("› rsi_14 ") && shown.contains("✗ drifted since 2026-11-16  PSI 0.312"), "{keys}\n{shown}");
        press(&mut desk, Stock::Full, "f");
        let shown = screen(&desk);
        assert!(shown.contains("› rsi_14   ") && shown.contains("Newest values, turbomode"), "{keys}\n{shown}");
        press(&mut desk, Stock::Full, "esc");
        assert!(screen(&desk).contains("✗ drifted since 2026-11-16"), "{keys}");
    }
}

#[test]
fn a_missing_value_is_told_with_its_reason_and_never_as_a_number() {
    let mut desk = desk(Stock::Full, "V j enter");
    let shown = screen(&desk);
    let at = |name: &str| shown.lines().position(|l| l.contains(name)).unwrap();
    assert!(at("NEWCO") > at("XOM") && at("NEWCO") > at("BTC-USD"), "by value, missing last\n{shown}");
    assert!(shown.contains("NEWCO         missing  2026-11-20  short history: 9 of "), "{shown}");
    press(&mut desk, Stock::Full, "G");
    assert!(screen(&desk).contains("missing: short history: 9 of 15 bars"), "{}", screen(&desk));
    let exported = press(&mut desk, Stock::Full, "e");
    let [Effect::Export(file)] = exported.as_slice() else { panic!("{exported:?}") };
    assert!(file.name.starts_with("nightdesk-feature-") && file.text.contains("NEWCO,2026-11-20,,short history: 9 of 15 bars\n"));
    press(&mut desk, Stock::Full, "o O");
    assert!(screen(&desk).contains("sort: date"), "sorting goes on from the value's column");
}

#[test]
fn values_that_are_not_up_to_date_say_so() {
    for (state, words) in [(Freshness::Behind, "behind the daily bars"), (Freshness::CutShort, "a build is under way, or was cut short")] {
        for keys in ["V", "V j enter"] {
            let shown = screen(&desk(Stock::Stale(state), keys));
            assert!(shown.contains(words), "{shown}");
        }
        assert!(!screen(&desk(Stock::Full, "V j enter")).contains(words));
    }
}

#[test]
fn the_pages_wait_for_their_answers_in_every_state_of_the_desk() {
    for scene in Scene::ALL {
        let mut desk = app(scene);
        for key in ['V', 'j', 'w', 's'] {
            desk.update(Msg::Key(KeyCode::Char(key).into()), &mut Vec::new());
            for size in SIZES {
                assert!(text(&frame(&desk, &plain(), size)).contains("asking the engine"), "{scene:?} {key}");
            }
        }
    }
}

#[test]
fn an_answer_for_another_feature_is_not_shown_under_this_name() {
    let mut desk = desk(Stock::Full, "V j enter");
    let mut effects = Vec::new();
    desk.update(Msg::Key(KeyCode::Char('l').into()), &mut effects);
    let [Effect::Query { slot: Slot::Feature, generation, query: Query::Feature { name, .. } }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(name, &registry()[2].name);
    assert!(screen(&desk).contains("asking the engine"));
    let late = Reply::Feature(Box::new(detail(&registry()[1].name, Strategy::Turbomode, Stock::Full)));
    desk.update(Msg::Answer { slot: Slot::Feature, generation: generation - 1, result: Ok(late) }, &mut Vec::new());
    assert!(screen(&desk).contains("asking the engine"));
}
