//! The page of a training run, of two trained strategies: what it holds, what it says of what it lacks, and what it is not
//! written over.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nightdesk::charts::png_size;
use nightdesk::market::{Strategy, SystemClock};
use nightdesk::store::model::{ModelDb, NewTraining};
use rusqlite::Connection;

use crate::desk::Desk;

/// Elements that have no end tag.
const VOID: [&str; 10] = ["meta", "br", "hr", "img", "link", "rect", "line", "circle", "polyline", "polygon"];

/// Checks the pages of `desk`, on which turbomode was trained twice and slipstream once.
pub fn is_written(desk: &Desk) {
    of_a_verdict(desk);
    of_an_earlier_version(desk);
    of_a_run_at_work(desk);
    refused(desk);
}

fn page(desk: &Desk, arguments: &[&str]) -> String {
    let told = desk.ok(&[&["--demo", "report"], arguments].concat());
    assert_eq!(told.lines().count(), 1, "the path and nothing else: {told}");
    let path = told.trim().replace("DIR", &desk.dir.path().display().to_string());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap()
}

fn of_a_verdict(desk: &Desk) {
    let html = page(desk, &["2", "--open-none"]);
    sound(&html);
    for part in [
        "turbomode, training run 2",
        "Rejected, a normal end. No champion from this run, gates not met",
        "DEMO: simulators made these figures",
        "<dd>version 1</dd>",
        "G2b direction",
        "AUC of BUY against SELL",
        "AUC of HOLD, timing of volatility",
        "after stressed costs",
        "companies that failed or were taken off the exchange",
        "independent ones",
        "reference distributions are frozen",
        "refits on shifted labels and random walks",
        "Loss by epoch",
        "Reliability of the probabilities",
        "What came, by what was decided",
        "Account after costs, and its falls",
        "Stored bars by year",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("no data:"), "a whole run has data for every chart");
    let words = html.find("Rejected, a normal end").unwrap();
    assert!(words < html.find("<h2>").unwrap(), "the verdict comes first");
    let out = desk.path("own.html");
    let charts = desk.path("charts");
    let [file, folder] = [&out, &charts].map(|p| p.to_str().unwrap());
    let (code, json) = desk.json(&["--demo", "report", "1", "--strategy", "slipstream", "--out", file, "--charts", folder, "--json"]);
    assert_eq!((code, &json["ok"], &json["path"]), (Some(0), &true.into(), &"DIR/own.html".into()), "{json}");
    assert_eq!(json["bytes"].as_u64(), Some(fs::metadata(&out).unwrap().len()));
    assert_eq!(json["charts"].as_array().map(Vec::len), Some(10));
    for kind in ["loss", "reliability", "confusion", "equity", "coverage"] {
        let svg = fs::read_to_string(charts.join(format!("slipstream-run-1-{kind}.svg"))).unwrap();
        assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\""), "a file of its own names its format");
        png_size(&fs::read(charts.join(format!("slipstream-run-1-{kind}.png"))).unwrap()).unwrap();
    }
}

/// Elements are closed in the order in which they were opened, and nothing outside the file is asked for.
fn sound(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && html.ends_with("</html>\n"));
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script") && !html.contains("url("));
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let inside = tag.split_once('>').unwrap_or_else(|| panic!("a tag ends: {tag}")).0;
        let name = inside.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match inside.strip_prefix('/') {
            Some(_) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if inside.starts_with('!') || VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn database(desk: &Desk) -> std::path::PathBuf {
    desk.path("data-demo").join(Strategy::Turbomode.database_file())
}

fn of_an_earlier_version(desk: &Desk) {
    let db = Connection::open(database(desk)).unwrap();
    let changed =
        db.execute("UPDATE model_metadata SET metrics = json_remove(metrics, '$.curves') WHERE run_id = 1 AND kind = 'ensemble'", []);
    assert_eq!(changed, Ok(1));
    db.execute("UPDATE training_runs SET view = json_set(view, '$.outcome', 'A <b>bold</b> & \"quoted\" end') WHERE run_id = 1", [])
        .unwrap();
    drop(db);
    let html = page(desk, &["1", "--strategy", "turbomode"]);
    sound(&html);
    assert!(html.contains("A &lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot; end"), "what is stored is text, never markup");
    assert!(html.contains("an earlier version of the program made this ensemble") && html.contains("after stressed costs"), "{html}");
}

fn of_a_run_at_work(desk: &Desk) {
    let mut db = ModelDb::open(&database(desk), Strategy::Turbomode, true, SystemClock::shared()).unwrap();
    let before = db.reader().training(2).unwrap().unwrap();
    let run = db.begin_training(&NewTraining { job_run: None, identity: before.identity, environment: before.environment }).unwrap();
    db.close().unwrap();
    let html = page(desk, &[&run.to_string()]);
    sound(&html);
    for part in [
        "No verdict yet",
        "still at work",
        "no data: no fit has begun",
        "No backtest on record: `nightdesk backtest`",
        "No gate was judged",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

fn refused(desk: &Desk) {
    let file = desk.write("a-file", "");
    let beneath = file.join("page.html");
    let reports = desk.path("data-demo/reports");
    fs::remove_dir_all(&reports).unwrap();
    fs::write(&reports, "in the way").unwrap();
    for (arguments, code, words) in [
        (&["99"][..], 1, "there is no training run 99"),
        (&["99", "--strategy", "slipstream"], 1, "slipstream has no training run 99"),
        (&["1"], 2, "both strategies have a training run 1"),
        (&["2"], 1, "reports could not be made"),
        (&["2", "--out", beneath.to_str().unwrap()], 1, "was not written"),
    ] {
        let ran = desk.run(&[&["--demo", "report"], arguments].concat());
        assert!(ran.code == Some(code) && ran.err.contains(words) && ran.err.contains("next: "), "{arguments:?}: {ran:?}");
    }
    assert_eq!(fs::read_to_string(&reports).unwrap(), "in the way");
}
