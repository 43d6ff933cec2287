//! `docs/openapi.json` is what the code says, and the code answers where it says.

use std::path::PathBuf;

use nightdesk::control::openapi;
use serde_json::Value;

use crate::house::{House, get, post};

#[test]
fn the_committed_description_is_the_codes_own() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let ours = serde_json::to_value(openapi()).unwrap();
    assert!(committed == ours, "it differs; write it anew: nightdesk config openapi > docs/openapi.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_path_answers() {
    let house = House::open(&["AAPL"]).await;
    let described = serde_json::to_value(openapi()).unwrap();
    let mut asked = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|_| path != "/v1/events") {
            let path = path.replace("{ask}", "runs");
            let request = if method == "get" { get(&path) } else { post(&path, "Content-Type: application/json\r\n", "[]") };
            let status = house.ask(&request).await.status;
            assert!(![0, 404, 405, 500].contains(&status), "{method} {path}: {status}");
            asked += 1;
        }
    }
    assert!(asked >= 11, "{asked}");
    // What refers to a part must find it.
    let parts = &described["components"]["schemas"];
    let text = described.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(parts[name].is_object(), "{name} is not described");
    }
    house.close().await;
}
