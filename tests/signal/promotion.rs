//! A planted drift through the whole orchestrator: databases, files, hold-out, champion, and a second run that must beat it.

use nightdesk::dataset::windows::Channels;
use nightdesk::features::definition_hash;
use nightdesk::market::{Clock, Regime, Strategy};
use nightdesk::store::model::ModelKind;
use nightdesk::train::ensemble::{Ensemble, Rows};
use nightdesk::train::gates::{Gate, Status};
use nightdesk::train::models::Compute;
use nightdesk::train::nulls::Walk;
use nightdesk::train::progress::{PartState, TrainingState};
use nightdesk::train::registry::{ModelFolder, open_champion};

use crate::house::House;
use crate::nights;
use crate::trial::{Trial, words_of};

#[tokio::test]
async fn what_passes_reads_the_hold_out_once_serves_and_must_be_beaten() {
    let mut house = House::of(Trial::new(Walk::planted(), 15)).await;
    let view = house.train(1);
    assert_eq!(view.state, TrainingState::Promoted, "{}", words_of(&view.gates, view.outcome.as_deref()));
    assert!(view.steps.iter().all(|s| s.state == PartState::Done) && view.nulls.done == view.nulls.total, "{:?}", view.steps);
    let reader = house.reader();
    let champion = reader.champion(ModelKind::Ensemble).unwrap().unwrap();
    let readings = reader.holdout_readings().unwrap();
    assert!(readings.len() == 1 && readings[0].figures.auc.unwrap() > 0.6, "{readings:?}");
    assert_eq!(champion.trained_to, *house_last(&house), "the refit knows the hold-out");
    assert_eq!(reader.drift_baselines(champion.model_id).unwrap().len(), 179 + 3);
    assert!(reader.fold_predictions(champion.model_id).unwrap().len() > 5_000);
    drop(reader);
    the_champion_answers(&house);
    cut_short_after_its_models_were_promoted(&house, champion.model_id);
    nights::of(&house, champion.model_id).await;

    let second = house.train(2);
    let g10 = second.gates.iter().find(|g| g.gate == Gate::Champion).unwrap();
    assert_eq!((second.run_id, g10.status), (2, Status::Fail), "another seed is not shown to be better: {}", g10.sentence);
    assert_eq!(second.state, TrainingState::Rejected);
    let reader = house.reader();
    assert_eq!(reader.champion(ModelKind::Ensemble).unwrap().unwrap().model_id, champion.model_id);
    assert_eq!(reader.trials().unwrap().len(), 2);
    assert_eq!(reader.holdout_readings().unwrap().len(), 1, "what does not pass never sees it");
    drop(reader);

    house.rules.features.names = vec!["momentum".into()];
    let narrow = house.train(1);
    let g10 = narrow.gates.iter().find(|g| g.gate == Gate::Champion).unwrap();
    assert_eq!(
        g10.status,
        Status::Fail,
        "what the champion said out of fold counts, also where its features are left out: {}",
        g10.sentence
    );
}

/// As after a kill between the promotion and the end of the run: it is taken up, and its verdict stands.
fn cut_short_after_its_models_were_promoted(house: &House, champion: i64) {
    let conn = rusqlite::Connection::open(house.dir.path().join("turbomode.db")).unwrap();
    conn.execute("UPDATE training_runs SET state = 'lost', gates = NULL", []).unwrap();
    conn.execute("DELETE FROM drift_baselines", []).unwrap();
    drop(conn);
    let again = house.train(1);
    assert_eq!((again.run_id, again.resumed, again.state), (1, 1, TrainingState::Promoted), "{:?}", again.outcome);
    let reader = house.reader();
    assert_eq!(reader.champion(ModelKind::Ensemble).unwrap().unwrap().model_id, champion);
    assert_eq!(reader.holdout_readings().unwrap().len(), 1, "one candidate, one look");
    assert_eq!(reader.drift_baselines(champion).unwrap().len(), 179 + 3);
}

fn house_last(house: &House) -> &chrono::NaiveDate {
    static LAST: std::sync::OnceLock<chrono::NaiveDate> = std::sync::OnceLock::new();
    LAST.get_or_init(|| {
        let symbol = house.universe.instruments[0].symbol;
        let candles = house.pool.ask(|r| r.daily(symbol, i64::MIN)).unwrap().1;
        nightdesk::market::ts_to_date(*candles.ts.last().unwrap())
    })
}

/// The file of the champion answers rows of another market than its own.
fn the_champion_answers(house: &House) {
    let folder = ModelFolder::new(house.dir.path(), Strategy::Turbomode);
    let (_, saved) = open_champion(&house.reader(), &folder, house.clock.now()).unwrap().unwrap();
    assert_eq!(saved.header.definition, definition_hash());
    let ensemble = Ensemble::new(saved).unwrap();
    let other = Trial::new(Walk::default(), 3).bars;
    let channels = Channels::of(&other[..1]);
    let table = vec![0.0; 2 * ensemble.header().features.len()];
    let rows = Rows { table: &table, series: &channels.values, last: &[500, 600], regimes: &[Regime::Normal, Regime::Crash] };
    let answers = ensemble.answer(&rows, &Compute::processor(1)).unwrap();
    assert!(answers.len() == 2 && answers.iter().all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-9), "{answers:?}");
}
