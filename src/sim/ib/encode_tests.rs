use super::*;
use crate::market::Candle;

const PROTOBUF: Encoder = Encoder { version: Version { number: 226, dialect: Dialect::Protobuf } };
const TEXT: Encoder = Encoder { version: Version { number: 178, dialect: Dialect::Text } };
const PLAIN: BarStyle = BarStyle { epoch: true, traded: true, bad_volume: false };

/// IB's own message, to read back what `push_bar` wrote.
#[derive(Clone, PartialEq, Message)]
struct Bar {
    #[prost(string, optional, tag = "1")]
    date: Option<String>,
    #[prost(double, optional, tag = "2")]
    open: Option<f64>,
    #[prost(double, optional, tag = "3")]
    high: Option<f64>,
    #[prost(double, optional, tag = "4")]
    low: Option<f64>,
    #[prost(double, optional, tag = "5")]
    close: Option<f64>,
    #[prost(string, optional, tag = "6")]
    volume: Option<String>,
    #[prost(string, optional, tag = "7")]
    wap: Option<String>,
    #[prost(int32, optional, tag = "8")]
    count: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct History {
    #[prost(int32, optional, tag = "1")]
    req_id: Option<i32>,
    #[prost(message, repeated, tag = "2")]
    bars: Vec<Bar>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |s, b| s + &format!("{b:02x}"))
}

fn bar(stamp: Stamp, volume: f64) -> WireBar {
    WireBar { stamp, candle: Candle { ts: 0, open: 175.92, high: 176.42, low: 175.52, close: 176.02, volume, is_final: true } }
}

#[test]
fn golden_frames_of_a_real_session() {
    assert_eq!(hex(&PROTOBUF.accounts("DU1234567")), "0000000f000000d70a09445531323334353637");
    assert_eq!(hex(&PROTOBUF.next_id(1)), "00000006000000d10801");
    assert_eq!(hex(&PROTOBUF.contract_end(1_500_000_000)), "0000000a000000fc0880dea0cb05");
    assert_eq!(hex(&PROTOBUF.time(1_795_350_892)), "0000000a000000f908ecc28bd806");
    assert_eq!(hex(&PROTOBUF.head(1_500_000_001, "345479400")), "00000015000001200881dea0cb051209333435343739343030");
    let notice = hex(&PROTOBUF.error(-1, 2104, "Market data farm connection is OK:usfarm", 1_795_350_892_000));
    // A negative id takes ten bytes; the time in milliseconds takes six.
    assert!(notice.starts_with("00000043000000cc08ffffffffffffffffff0110e09b829aa034"), "{notice}");
    assert!(notice.contains("18b8102228"));
}

#[test]
fn bars_read_back_through_the_schema() {
    let bars = [bar(Stamp::Instant(1_795_350_900), 1021.0), bar(Stamp::Instant(1_795_351_200), 0.0305)];
    let bounds = Bounds { start: String::new(), end: String::new() };
    let frame = PROTOBUF.history(1_500_000_002, &bars, PLAIN, &bounds).unwrap();
    assert_eq!(&frame[4..8], &217_i32.to_be_bytes());
    let read = History::decode(&frame[8..]).unwrap();
    assert_eq!(read.req_id, Some(1_500_000_002));
    let first = &read.bars[0];
    assert_eq!((first.date.as_deref(), first.open, first.close), (Some("1795350900"), Some(175.92), Some(176.02)));
    assert_eq!((first.volume.as_deref(), first.wap.as_deref(), first.count), (Some("1021"), Some("175.987"), Some(10)));
    assert_eq!(read.bars[1].volume.as_deref(), Some("0.0305"));
    let quotes = BarStyle { traded: false, ..PLAIN };
    let frame = PROTOBUF.update(7, &bars[0], quotes);
    let read = History::decode(&frame[8..]).unwrap();
    assert_eq!((read.bars[0].volume.as_deref(), read.bars[0].count), (Some("-1"), Some(-1)));
}

#[test]
fn text_layouts_follow_the_version() {
    let day = bar(Stamp::Date("2026-11-20".parse().unwrap()), 5.0);
    let bounds = Bounds { start: "a".into(), end: "b".into() };
    let frame = TEXT.history(9, &[day], PLAIN, &bounds).unwrap();
    assert_eq!(&frame[4..], b"17\x009\x00a\x00b\x001\x0020261120\x00175.92\x00176.42\x00175.52\x00176.02\x005\x00175.987\x001\x00");
    assert!(TEXT.history_end(9, &bounds).is_empty());
    assert_eq!(&TEXT.error(3, 200, "no", 0)[4..], b"4\x002\x003\x00200\x00no\x00\x00");
    let old = Encoder { version: Version { number: 157, dialect: Dialect::Text } };
    assert_eq!(&old.error(3, 200, "no", 0)[4..], b"4\x002\x003\x00200\x00no\x00");
    let new = Encoder { version: Version { number: 200, dialect: Dialect::Text } };
    assert_eq!(&new.error(3, 200, "no", 5)[4..], b"4\x003\x00200\x00no\x00\x005\x00");
    assert_eq!(&new.history_end(9, &bounds)[4..], b"108\x009\x00a\x00b\x00");
    let local = WireBar { stamp: Stamp::Instant(1_795_350_900), ..day };
    let frame = TEXT.update(9, &local, BarStyle { epoch: false, ..PLAIN });
    assert!(String::from_utf8_lossy(&frame[4..]).contains("\x0020261122 07:35:00 US/Eastern\x00"));
}

#[test]
fn decimals_are_exact() {
    let text = |value, decimals| {
        let mut out = Vec::new();
        push_scaled(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(text(0, 4), "0");
    assert_eq!(text(305, 4), "0.0305");
    assert_eq!(text(10_210_000, 4), "1021");
    assert_eq!(text(-15, 1), "-1.5");
    assert_eq!(text(1_795_350_900, 0), "1795350900");
    assert_eq!(text(i64::MAX, 4), "922337203685477.5807");
}

#[test]
fn an_answer_beyond_sixteen_megabytes_is_not_sent() {
    let bars = vec![bar(Stamp::Instant(1_795_350_900), 1021.0); 260_000];
    let bounds = Bounds { start: String::new(), end: String::new() };
    assert!(PROTOBUF.history(1, &bars, PLAIN, &bounds).is_none());
}
