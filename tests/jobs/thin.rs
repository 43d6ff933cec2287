//! A data set made by a command, in a process of its own, is short of rows: the engine tells.

use nightdesk::config::strategy::ThinAlert;
use nightdesk::engine::AlertLevel;
use nightdesk::market::{ManualClock, Strategy};
use nightdesk::store::model::{ModelDb, Shortage};

use crate::support::{Desk, daily, quick_settings};

#[tokio::test]
async fn thin_sectors_and_symbols_need_a_person_until_a_data_set_has_none() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    let path = desk.dir.path().join(Strategy::Slipstream.database_file());
    let mut db = ModelDb::open(&path, Strategy::Slipstream, true, ManualClock::at(0)).unwrap();
    desk.ingest(daily()).await;
    assert!(desk.engine.state.borrow().alerts.iter().all(|a| !a.key.starts_with("thin:")), "no data set was made");
    db.put_shortage(Some(&Shortage { alert: ThinAlert::Bad, text: "1 sector is thin: Crypto has 0 labelled rows".into() })).unwrap();
    desk.ingest(daily()).await;
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "thin:slipstream").cloned()).await;
    let text = "slipstream: 1 sector is thin: Crypto has 0 labelled rows; `nightdesk dataset --strategy slipstream` tells all";
    assert_eq!((alert.level, alert.text.as_str()), (AlertLevel::Bad, text));
    db.put_shortage(None).unwrap();
    desk.ingest(daily()).await;
    desk.wait_for(|s| s.alerts.iter().all(|a| !a.key.starts_with("thin:")).then_some(())).await;
}
