//! The event stream as any program sees it: plain lines over a socket.

use std::sync::Arc;
use std::time::Duration;

use nightdesk::engine::Snapshot;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::house::{House, get};

struct Stream {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _keep: OwnedWriteHalf,
}

impl Stream {
    async fn open(house: &House, path: &str, last: Option<&str>) -> Self {
        let (read, mut write) = UnixStream::connect(house.server.socket()).await.unwrap().into_split();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write.write_all(format!("GET {path} HTTP/1.1\r\nHost: nightdesk\r\n{last}\r\n").as_bytes()).await.unwrap();
        Self { lines: BufReader::new(read).lines(), _keep: write }
    }

    /// The next line that begins with `start`, without it.
    async fn next(&mut self, start: &str) -> String {
        let find = async {
            loop {
                let line = self.lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the stream ended before {start:?}"));
                if let Some(rest) = line.strip_prefix(start) {
                    return rest.to_owned();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), find).await.unwrap()
    }
}

async fn state(house: &House) -> Snapshot {
    let answer = house.ask(&get("/v1/state")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.to_lowercase().contains("cache-control: no-store"), "{}", answer.head);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_after_the_last_event_it_saw() {
    let house = House::open(&["AAPL"]).await;
    let told = house.told(|s| s.seq = 7);
    let house = house.show(&told).await;
    let begin = state(&house).await;
    let mut first = Stream::open(&house, "/v1/events", Some(&format!("{}-{}", begin.epoch, begin.seq))).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        told.send_modify(|s| Arc::make_mut(s).seq += 1);
        ids.push(first.next("id: ").await);
        assert_eq!(first.next("event: ").await, "delta");
    }
    assert_eq!(ids, [8, 9].map(|seq| format!("{}-{seq}", begin.epoch)));
    drop(first);
    let mut resumed = Stream::open(&house, "/v1/events", Some(&ids[0])).await;
    assert_eq!(resumed.next("id: ").await, ids[1], "nothing lost, nothing twice");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_go_on_starts_over() {
    let house = House::open(&["AAPL"]).await;
    let now = state(&house).await;
    let before_the_ring = format!("{}-0", now.epoch);
    for last in [None, Some("another-1f-7"), Some("nonsense"), Some(before_the_ring.as_str()), Some("\u{fffd}-1")] {
        let mut stream = Stream::open(&house, "/v1/events", last).await;
        assert_eq!(stream.next("event: ").await, "resync", "{last:?}");
        let place: serde_json::Value = serde_json::from_str(&stream.next("data: ").await).unwrap();
        assert!(place["epoch"] == now.epoch && place["seq"].as_u64().unwrap() >= now.seq, "{place}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_shows_that_it_lives() {
    let house = House::open(&["AAPL"]).await;
    let still = house.told(|_| {});
    let house = house.show(&still).await;
    let mut stream = Stream::open(&house, "/v1/events", None).await;
    for _ in 0..2 {
        assert_eq!(stream.next(":").await, "");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_streams_are_turned_away_and_the_next_one_finds_room() {
    let house = House::open(&["AAPL"]).await;
    let mut streams = Vec::new();
    for _ in 0..128 {
        let mut stream = Stream::open(&house, "/v1/events", None).await;
        assert_eq!(stream.next("HTTP/1.1 ").await, "200 OK");
        streams.push(stream);
    }
    assert_eq!(house.ask(&get("/v1/events")).await.status, 429);
    streams.clear();
    let mut tries = 0;
    loop {
        let mut stream = Stream::open(&house, "/v1/events", None).await;
        if stream.next("HTTP/1.1 ").await == "200 OK" {
            break;
        }
        tries += 1;
        assert!(tries < 1000, "the places were not given back");
        tokio::task::yield_now().await;
    }
    house.close().await;
}
