//! `nightdesk drift compare` through the built binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::fmt::Write;
use std::path::PathBuf;

use desk::Desk;
use serde_json::Value;

/// A file of these columns, each line `times` times.
fn file(desk: &Desk, name: &str, header: &str, lines: &[String], times: usize) -> PathBuf {
    let mut text = format!("{header}\n");
    for line in lines.iter().flat_map(|line| std::iter::repeat_n(line, times)) {
        writeln!(text, "{line}").unwrap();
    }
    desk.write(name, text)
}

fn compare(desk: &Desk, more: &[&str]) -> Value {
    let (then, now) = (desk.path("then.csv"), desk.path("now.csv"));
    let mut arguments = vec!["drift", "compare", "--reference", then.to_str().unwrap(), "--current", now.to_str().unwrap(), "--json"];
    arguments.extend(more);
    let (code, found) = desk.json(&arguments);
    assert_eq!((code, &found["ok"]), (Some(0), &true.into()), "{found}");
    found
}

fn near(value: &Value, want: f64) {
    let got = value.as_f64().unwrap();
    assert!((got - want).abs() < 1e-12, "{got} is not {want}");
}

#[test]
fn kolmogorov_smirnov_of_the_reference_cases() {
    let desk = Desk::new();
    let lines = |values: Vec<f64>| values.iter().map(f64::to_string).collect::<Vec<_>>();
    file(&desk, "then.csv", "x", &lines((0..100).map(|i| f64::from(i) / 100.0).collect()), 1);
    file(&desk, "now.csv", "x", &lines((0..80).map(|i| 1.1 * f64::from(i) / 80.0 + 0.05).collect()), 1);
    let ks = |found: &Value| found["columns"][0]["figures"]["ks"].clone();
    let found = ks(&compare(&desk, &["--min-rows", "80"]));
    near(&found["distance"], 0.1425);
    assert!((found["p"].as_f64().unwrap() - 0.303_793_011_650_675_96).abs() < 0.002);
    assert_eq!((found["p_holds_for"].as_str(), found["level"].as_str()), (Some("iid, optimistic"), Some("fine")));
    // Ties, each value a hundred times: the distance does not change.
    file(&desk, "then.csv", "x", &["0", "0", "0", "1", "1", "2", "3", "3", "3", "4"].map(str::to_owned), 100);
    file(&desk, "now.csv", "x", &["0", "1", "1", "1", "2", "2", "4", "4", "5", "5", "6"].map(str::to_owned), 100);
    near(&ks(&compare(&desk, &[]))["distance"], 0.354_545_454_545_454_55);
}

#[test]
fn psi_and_kl_of_the_reference_case() {
    let desk = Desk::new();
    // Counts 50, 30, 20, 0 against 10, 20, 40, 30 in the bins a, b, missing, other.
    let lines =
        |counts: [(&str, usize); 4]| counts.iter().flat_map(|(text, n)| std::iter::repeat_n((*text).to_owned(), *n)).collect::<Vec<_>>();
    for (times, smoothing, min_rows) in [(1, "0.5", "100"), (10, "5", "500")] {
        file(&desk, "then.csv", "side,one", &lines([("a,1", 50), ("b,1", 30), (",1", 20), ("c,1", 0)]), times);
        file(&desk, "now.csv", "one,side", &lines([("1,a", 10), ("1,b", 20), ("1,null", 40), ("1,c", 30)]), times);
        let found = compare(&desk, &["--smoothing", smoothing, "--min-rows", min_rows]);
        let side = &found["columns"][0];
        assert_eq!((side["name"].as_str(), side["kind"].as_str()), (Some("side"), Some("texts")));
        near(&side["figures"]["psi"]["value"], 1.997_457_831_607_504_5);
        near(&side["figures"]["kl"]["value"], 1.258_051_061_187_680_7);
        near(&side["missing"]["current"], 0.4);
        assert_eq!((side["figures"]["worst"].as_str(), &side["figures"]["ks"]), (Some("drifted"), &Value::Null));
        assert_eq!(found["columns"][1]["figures"]["worst"].as_str(), Some("fine"), "worst first");
    }
}

#[test]
fn a_table_says_levels_in_words_and_what_was_not_compared() {
    let desk = Desk::new();
    let rows = |shift: f64| {
        (0..600).map(|i| format!("{},{},{}", f64::from(i % 97) + shift, i % 7, ["up", "down"][i as usize % 2])).collect::<Vec<_>>()
    };
    let then = file(&desk, "then.csv", "moved,same,word", &rows(0.0), 1);
    let lines: Vec<String> = rows(30.0).iter().map(|line| format!("{line},5")).collect();
    let now = file(&desk, "now.csv", "moved,same,word,new", &lines, 1);
    let printed = desk.ok(&["drift", "compare", "--reference", then.to_str().unwrap(), "--current", now.to_str().unwrap()]);
    let at = |word: &str| printed.lines().position(|l| l.trim_start().starts_with(word)).unwrap();
    assert!(at("moved") < at("same") && at("moved") < at("word"), "{printed}");
    let line = |word: &str| printed.lines().nth(at(word)).unwrap();
    assert!(line("moved").contains("drifted") && line("moved").contains("below 0.0001 shifting"), "{printed}");
    assert!(line("same").contains("0.0000 fine") && line("word").contains("fine"), "{printed}");
    assert!(printed.contains("KS p (iid, optimistic)") && printed.is_ascii(), "{printed}");
    assert!(printed.contains("now.csv, not compared: new\n") && !printed.contains("then.csv, not"), "{printed}");
    assert_eq!(compare(&desk, &["--bins", "4"])["bins"], 4);
}

#[test]
fn too_few_rows_have_no_figures() {
    let desk = Desk::new();
    let lines = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
    let then = file(&desk, "then.csv", "x", &lines(5_000), 1);
    let now = file(&desk, "now.csv", "x", &lines(499), 1);
    let found = compare(&desk, &[]);
    assert_eq!((&found["insufficient"], &found["columns"][0]["figures"]), (&true.into(), &Value::Null));
    let printed = desk.ok(&["drift", "compare", "--reference", then.to_str().unwrap(), "--current", now.to_str().unwrap()]);
    assert!(printed.contains("insufficient") && printed.contains("below 500 rows"), "{printed}");
}

#[test]
fn a_column_of_numbers_and_texts_is_one_of_texts() {
    let desk = Desk::new();
    file(&desk, "then.csv", "x", &["1", "2", "NaN"].map(str::to_owned), 200);
    file(&desk, "now.csv", "x", &["1", "2", "n.a."].map(str::to_owned), 200);
    let found = compare(&desk, &[]);
    assert_eq!(found["columns"][0]["kind"].as_str(), Some("texts"));
    near(&found["columns"][0]["missing"]["reference"], 1.0 / 3.0);
}

#[test]
fn files_that_cannot_be_compared_are_told_with_what_to_do() {
    let desk = Desk::new();
    let sound = desk.write("sound.csv", "a,b\n1,2\n");
    for (name, text, says) in [
        ("empty.csv", "", "is empty: it has no header"),
        ("header.csv", "a,b\n", "has a header and no rows"),
        ("ragged.csv", "a,b\n1,2\n3\n", "line 3 has 1 cell, and the header has 2"),
        ("twice.csv", "a,a\n1,2\n", "two columns of the name `a`"),
        ("nameless.csv", "a,\n1,2\n", "column 2 of DIR/nameless.csv has no name"),
        ("others.csv", "c,d\n1,2\n", "have no column in common"),
    ] {
        let broken = desk.write(name, text);
        for (then, now) in [(&sound, &broken), (&broken, &sound)] {
            let ran = desk.run(&["drift", "compare", "--reference", then.to_str().unwrap(), "--current", now.to_str().unwrap()]);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{name}: {ran:?}");
            assert!(ran.err.contains(says) && ran.err.contains("next: "), "{name}: {ran:?}");
        }
    }
    let sound = sound.to_str().unwrap();
    let (code, found) = desk.json(&["drift", "compare", "--reference", sound, "--current", "/nonexistent.csv", "--json"]);
    assert_eq!((code, &found["ok"]), (Some(1), &false.into()));
    assert!(found["error"].as_str().unwrap().contains("/nonexistent.csv cannot be read"), "{found}");
    for wrong in [&["--bins", "1"][..], &["--smoothing", "-1"], &["--min-rows", "0"]] {
        let mut arguments = vec!["drift", "compare", "--reference", sound, "--current", sound];
        arguments.extend(wrong);
        assert_eq!(desk.run(&arguments).code, Some(2), "{wrong:?}");
    }
    assert_eq!(desk.run(&["drift", "compare", "--reference", sound]).code, Some(2));
    let nothing = desk.run(&["drift"]);
    assert!(
        nothing.code == Some(1) && nothing.err.contains("nightdesk ingest"),
        "without a subcommand it is the night's look: {nothing:?}"
    );
}
