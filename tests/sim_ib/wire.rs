//! Bytes on the wire: golden frames, the text dialect, frames in pieces.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Raw(TcpStream);

impl Raw {
    /// Connects and offers a range of versions; gives the gateway's choice.
    async fn greet(gateway: &Gateway, versions: &str) -> (Self, String) {
        let mut raw = Self(TcpStream::connect(gateway.addr()).await.unwrap());
        raw.0.write_all(b"API\0").await.unwrap();
        raw.frame(versions.as_bytes()).await;
        let answer = raw.read().await;
        let text = String::from_utf8(answer).unwrap();
        assert_eq!(text.matches('\0').count(), 2, "{text:?}");
        let version = text.split('\0').next().unwrap().to_owned();
        (raw, version)
    }

    async fn frame(&mut self, body: &[u8]) {
        let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(body);
        self.0.write_all(&bytes).await.unwrap();
    }

    async fn fields(&mut self, fields: &[&str]) {
        let body: String = fields.iter().flat_map(|f| [*f, "\0"]).collect();
        self.frame(body.as_bytes()).await;
    }

    async fn read(&mut self) -> Vec<u8> {
        let length = self.0.read_u32().await.unwrap();
        let mut body = vec![0; length as usize];
        self.0.read_exact(&mut body).await.unwrap();
        body
    }

    async fn text(&mut self) -> Vec<String> {
        let body = String::from_utf8(self.read().await).unwrap();
        body.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// `START_API`, `reqContractData` and `reqHistoricalData` as the real client sends them.
const START: &str = "00000006 0000010f 0864";
const CONTRACT: &str = "00000023 000000d1 0880dea0cb05 1217 12044141504c 1a0353544b 4205534d415254 5203555344";
const HISTORY: &str = "0000003c 000000dc 0882dea0cb05 1217 12044141504c 1a0353544b 4205534d415254 5203555344 \
                       2205 31206d696e 2a04 36302053 3001 3a06 545241444553 4002";

#[tokio::test]
async fn golden_frames_of_a_protobuf_session() {
    let gateway = gateway().await;
    let (mut raw, version) = Raw::greet(&gateway, "v213..226").await;
    assert_eq!(version, "226");
    raw.0.write_all(&bytes(START)).await.unwrap();
    assert_eq!(raw.read().await, bytes("000000d7 0a09445531323334353637"));
    assert_eq!(raw.read().await, bytes("000000d1 0801"));
    for _ in 0..3 {
        assert_eq!(raw.read().await[..15], bytes("000000cc 08ffffffffffffffffff01"));
    }
    raw.0.write_all(&bytes("00000004 000000f9")).await.unwrap();
    assert_eq!(raw.read().await[..5], bytes("000000f9 08"));
    raw.0.write_all(&bytes(CONTRACT)).await.unwrap();
    assert_eq!(raw.read().await[..10], bytes("000000d2 0880dea0cb05"));
    assert_eq!(raw.read().await, bytes("000000fc 0880dea0cb05"));
    raw.0.write_all(&bytes(HISTORY)).await.unwrap();
    // The market is shut: the last 60 seconds hold nothing.
    let error = raw.read().await;
    assert_eq!(error[..10], bytes("000000cc 0882dea0cb05"));
    assert!(String::from_utf8_lossy(&error).contains("HMDS query returned no data: AAPL@SMART Trades"));
}

/// A request for the current time.
const TIME: &str = "00000004 000000f9";

#[tokio::test]
async fn more_than_fifty_messages_a_second_cost_the_session() {
    let gateway = gateway().await;
    let (mut raw, _) = Raw::greet(&gateway, "v213..226").await;
    let burst: Vec<u8> = bytes(START).into_iter().chain(bytes(TIME).repeat(60)).collect();
    raw.0.write_all(&burst).await.unwrap();
    let mut answers = Vec::new();
    within(raw.0.read_to_end(&mut answers)).await.ok();
    let text = String::from_utf8_lossy(&answers).into_owned();
    assert_eq!(text.matches("Max rate of messages per second has been exceeded:max=50").count(), 3);
    let counters = gateway.journal().counters();
    assert_eq!((counters.messages, counters.rate_violations), (53, 3));
}

#[tokio::test(start_paused = true)]
async fn the_fifty_first_open_request_is_refused() {
    let faults = vec!["hang".parse().unwrap()];
    let gateway = Gateway::start(GatewayOptions { faults, ..options() }).await.unwrap();
    let journal = gateway.journal();
    let (mut raw, _) = Raw::greet(&gateway, "v213..226").await;
    raw.0.write_all(&bytes(START)).await.unwrap();
    let mut ask = bytes(HISTORY);
    for n in 0..51_u8 {
        if n == 40 {
            journal.wait(|c| c.open_history == 40).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The lowest byte of the request id's varint.
        ask[9] = 0x80 | n;
        raw.0.write_all(&ask).await.unwrap();
    }
    for _ in 0..5 {
        raw.read().await;
    }
    let error = raw.read().await;
    assert!(String::from_utf8_lossy(&error).contains("Only 50 simultaneous API historical data requests allowed"));
    let counters = journal.counters();
    assert_eq!((counters.max_open_history, counters.violations()), (50, 1));
}

#[tokio::test]
async fn violations_are_counted_even_where_they_are_forgiven() {
    let gateway = Gateway::start(GatewayOptions { enforce_pacing: false, ..options() }).await.unwrap();
    let (mut raw, _) = Raw::greet(&gateway, "v213..226").await;
    let burst: Vec<u8> = bytes(START).into_iter().chain(bytes(TIME).repeat(60)).collect();
    raw.0.write_all(&burst).await.unwrap();
    for _ in 0..5 + 60 {
        raw.read().await;
    }
    assert_eq!(gateway.journal().counters().violations(), 11);
}

#[tokio::test]
async fn frames_may_arrive_byte_by_byte() {
    let gateway = gateway().await;
    let (mut raw, _) = Raw::greet(&gateway, "v213..226 +PACEAPI").await;
    raw.0.set_nodelay(true).unwrap();
    for byte in bytes(START).into_iter().chain(bytes(CONTRACT)) {
        raw.0.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        raw.read().await;
    }
    assert_eq!(raw.read().await[..10], bytes("000000d2 0880dea0cb05"));
}

#[tokio::test]
async fn nonsense_does_not_stop_the_gateway() {
    let gateway = gateway().await;
    let (mut raw, _) = Raw::greet(&gateway, "v213..226").await;
    raw.0.write_all(&bytes(START)).await.unwrap();
    raw.0.write_all(&bytes("00000005 000000dc ff")).await.unwrap();
    raw.0.write_all(&bytes("00000004 00004e20")).await.unwrap();
    for _ in 0..5 {
        raw.read().await;
    }
    assert!(String::from_utf8_lossy(&raw.read().await).contains("Error reading request."));
    assert!(String::from_utf8_lossy(&raw.read().await).contains("Unknown message id"));
    // A length beyond 16 MiB ends the connection, and only this one.
    raw.0.write_all(&bytes("7fffffff 00")).await.unwrap();
    assert_eq!(within(raw.0.read(&mut [0; 1])).await.unwrap(), 0);
    let mut stranger = TcpStream::connect(gateway.addr()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // Closed in order or reset: bytes of the request were still unread.
    assert!(matches!(within(stranger.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    let (_, version) = Raw::greet(&gateway, "v100..225").await;
    assert_eq!(version, "225");
}

#[tokio::test]
async fn the_text_dialect_serves_version_178() {
    let gateway = gateway().await;
    let (mut raw, version) = Raw::greet(&gateway, "v157..178").await;
    assert_eq!(version, "178");
    raw.fields(&["71", "2", "5", ""]).await;
    assert_eq!(raw.text().await, ["15", "1", "DU1234567"]);
    assert_eq!(raw.text().await, ["9", "1", "1"]);
    for code in ["2104", "2106", "2158"] {
        assert_eq!(raw.text().await[..4], ["4", "2", "-1", code]);
    }
    // What ib_async waits for after connecting.
    for (request, answer) in [
        (vec!["61", "1"], vec!["62", "1"]),
        (vec!["5", "1"], vec!["53", "1"]),
        (vec!["99", "1"], vec!["102"]),
        (vec!["6", "2", "1", "DU1234567"], vec!["54", "1", "DU1234567"]),
        (vec!["76", "1", "3", "DU1234567", "", "0"], vec!["74", "1", "3"]),
        (vec!["7", "3", "4", "0", "", "", "", "", "", ""], vec!["55", "1", "4"]),
    ] {
        raw.fields(&request).await;
        assert_eq!(raw.text().await, answer);
    }
    let contract = ["0", "AAPL", "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""];
    let details: Vec<&str> = ["9", "8", "6"].into_iter().chain(contract).chain(["0", "", "", ""]).collect();
    raw.fields(&details).await;
    let answer = raw.text().await;
    assert_eq!((answer.len(), &answer[..4]), (40, &["10", "6", "AAPL", "STK"].map(str::to_owned)[..]));
    assert_eq!(raw.text().await, ["52", "1", "6"]);
    let query = ["0", "", "5 mins", "1 D", "1", "TRADES", "1", "0", ""];
    let history: Vec<&str> = ["20", "7"].into_iter().chain(contract).chain(query).collect();
    raw.fields(&history).await;
    let answer = raw.text().await;
    assert_eq!(answer[..2], ["17", "7"]);
    assert_eq!((answer[4].as_str(), answer[5].as_str()), ("78", "20261120 09:30:00 US/Eastern"));
    assert_eq!(answer.len(), 5 + 78 * 8);
}

#[tokio::test]
async fn a_range_between_the_dialects_is_turned_away() {
    let gateway = gateway().await;
    let mut stream = TcpStream::connect(gateway.addr()).await.unwrap();
    stream.write_all(b"API\0\x00\x00\x00\x09v201..212").await.unwrap();
    assert_eq!(within(stream.read(&mut [0; 1])).await.unwrap(), 0);
}
