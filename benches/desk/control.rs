//! The control API: how soon a client is attached, what fifty streams cost, and whether commands get lost in a storm.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nightdesk::control::{Client, Endpoint, LocalClient, RemoteClient, Server, ServerOptions, socket_path};
use nightdesk::engine::{
    CellState, Command, CommandError, Engine, EngineOptions, Envelope, IngestSpec, LogRing, Query, Reply, RunView, Snapshot,
};
use nightdesk::market::{Clock, SourceId, SystemClock};
use nightdesk::sources::SourceStatus;
use nightdesk::store::master::RunState;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::console::nightdesk;
use super::figures::Figures;
use super::pipeline::shipped;
use super::terminal::Terminal;

/// Name of the threads whose processor time is the server's.
const SERVER: &str = "bench-server";
const STREAMS: usize = 50;
const STEP: Duration = Duration::from_millis(100);
const STREAMED: Duration = Duration::from_secs(20);
/// A little more than is promised, so that a late tick does not fail the promise.
const COMMANDS_A_SECOND: u32 = 1_050;
const STORM: Duration = Duration::from_secs(10);
/// Clients that share the storm.
const CLIENTS: u32 = 20;

/// An engine without sources on the shipped universe, and its server.
struct House {
    dir: tempfile::TempDir,
    engine: Engine,
    clock: Arc<dyn Clock>,
}

impl House {
    async fn open() -> Self {
        let (mut settings, universe) = shipped();
        (settings.ib.enabled, settings.yahoo.enabled, settings.store.disk_floor_mib) = (false, false, 1);
        let (dir, clock) = (tempfile::tempdir().unwrap(), SystemClock::shared());
        let (data_dir, logs) = (dir.path().to_owned(), Arc::new(LogRing::new(1_000)));
        let options = EngineOptions {
            settings,
            universe,
            data_dir,
            demo: true,
            clock: Arc::clone(&clock),
            logs,
            schedule: true,
            daemon: true,
            config: None,
            bodies: Vec::new(),
            learning: None,
            watching: None,
        };
        Self { engine: Engine::start(options).await.unwrap(), dir, clock }
    }

    async fn serve(&self, state: watch::Receiver<Arc<Snapshot>>) -> Server {
        let engine = LocalClient { state, requests: self.engine.requests.clone(), logs: Arc::clone(&self.engine.logs) };
        let (pulse, clock, data_dir) = (self.engine.pulse(), Arc::clone(&self.clock), self.dir.path().to_owned());
        Server::start(ServerOptions { engine, pulse, clock, data_dir, port: None, ring: 1_024 }).await.unwrap()
    }

    async fn client(&self) -> Client {
        let endpoint = Endpoint::Socket(socket_path(self.dir.path()));
        Client::Remote(RemoteClient::attach(endpoint, Arc::clone(&self.clock)).await.unwrap())
    }
}

fn server_runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).thread_name(SERVER).enable_all().build().unwrap()
}

/// Processor time of the server's threads so far (proc(5): steps of a hundredth of a second).
fn server_cpu() -> Duration {
    let mut ticks = 0;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        let (name, fields) = stat.rsplit_once(") ").unwrap();
        if name.ends_with(SERVER) {
            ticks += fields.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum::<u64>();
        }
    }
    Duration::from_millis(10 * ticks)
}

/// From a client's first byte to the whole state of the shipped universe, and from the start of the program to the
/// first full frame of a console that attaches to a daemon.
pub fn attach(runs: usize) {
    let runtime = server_runtime();
    let (mut client, mut console) = (Figures::default(), Figures::default());
    runtime.block_on(async {
        let house = House::open().await;
        let server = house.serve(house.engine.state.clone()).await;
        for _ in 0..10 * runs {
            let begun = Instant::now();
            let attached = house.client().await;
            assert_eq!(attached.state().borrow().market.instruments.len(), 80);
            client.add(begun.elapsed().as_secs_f64() * 1000.0);
        }
        server.stop(Duration::from_secs(5)).await;
        house.engine.stop().await;
    });
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    for _ in 0..runs {
        let begun = Instant::now();
        let mut terminal = Terminal::open(dir.path());
        let shown = terminal.wait_for("Sources", Duration::from_secs(10)).expect("the console shows its panes");
        console.add(shown.duration_since(begun).as_secs_f64() * 1000.0);
        terminal.quit();
    }
    drop(daemon);
    println!("  80 symbols x 17 timeframes; the console in a process of its own on a daemon with both simulators, 120x40");
    console.print("start of the program to the first full frame", "ms", "<= 150");
    client.print("the client alone: connection to whole state", "ms", "");
}

/// `nightdesk --demo --daemon`; it ends with this.
struct Daemon(std::process::Child);

impl Daemon {
    fn start(data: &Path) -> Self {
        let mut command = nightdesk(data);
        let child = command.args(["--demo", "--daemon"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(socket_path(data)).is_err() {
            assert!(Instant::now() < until, "the daemon opens no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's processor time while fifty streams follow a run of the shipped universe.
pub fn streams(runs: usize) {
    let (mut share, mut size) = (Figures::default(), Figures::default());
    for _ in 0..runs {
        let (server, readers) = (server_runtime(), Runtime::new().unwrap());
        let (house, state) = server.block_on(async {
            let house = House::open().await;
            let state = watch::Sender::new(Arc::clone(&house.engine.state.borrow()));
            state.send_modify(|s| {
                let s = Arc::make_mut(s);
                s.active = Some(Arc::new(running()));
                s.sources = Arc::new(vec![
                    SourceStatus::new(SourceId::Ib, "127.0.0.1:4002"),
                    SourceStatus::new(SourceId::Yahoo, "query1.finance.yahoo.com"),
                ]);
            });
            (house, state)
        });
        let serving = server.block_on(house.serve(state.subscribe()));
        let path = serving.socket().to_owned();
        let (end, ended) = watch::channel(false);
        let reading: Vec<_> = (0..STREAMS).map(|_| readers.spawn(read(path.clone(), ended.clone()))).collect();
        std::thread::sleep(Duration::from_secs(2));
        let (before, begun, mut steps) = (server_cpu(), Instant::now(), 0);
        while begun.elapsed() < STREAMED {
            state.send_modify(|s| step(Arc::make_mut(s), steps));
            steps += 1;
            std::thread::sleep((STEP * steps).saturating_sub(begun.elapsed()));
        }
        share.add(100.0 * server_cpu().saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_secs(1));
        end.send_replace(true);
        for (deltas, bytes) in readers.block_on(join_all(reading)).into_iter().map(Result::unwrap) {
            assert_eq!(deltas, steps, "every stream gets every step");
            size.add(f64::from(bytes) / f64::from(deltas));
        }
        server.block_on(async {
            serving.stop(Duration::from_secs(5)).await;
            house.engine.stop().await;
        });
    }
    println!("  {STREAMS} streams, {} steps a second, each with progress, 20 cells and a source; {} s", 10, STREAMED.as_secs());
    share.print("processor time of the server", "% of a core", "<= 5");
    size.print("a step", "bytes", "<= 2000");
}

fn running() -> RunView {
    RunView {
        id: 1,
        spec: IngestSpec::default(),
        state: RunState::Running,
        started_at: 0,
        ended_at: None,
        progress: nightdesk::engine::RunProgress::default(),
        summary: None,
        cancelling: false,
    }
}

/// A tenth of a second of a busy run.
fn step(s: &mut Snapshot, n: u32) {
    s.seq += 1;
    s.at_ms += 100;
    if let Some(run) = &mut s.active {
        let progress = &mut Arc::make_mut(run).progress;
        (progress.requests_done, progress.bars) = (n, u64::from(n) * 1_700);
        progress.bars_per_second = 17_000.0 + f64::from(n % 100) / 3.0;
    }
    let market = Arc::make_mut(&mut s.market);
    let cells = market.cells.len();
    for k in 0..20 {
        let cell = &mut market.cells[(n as usize * 20 + k) % cells];
        cell.state = if cell.state == CellState::Fresh { CellState::Fetching } else { CellState::Fresh };
        cell.last_ts = Some(1_700_000_000 + i64::from(n) * 60);
    }
    if let Some(source) = Arc::make_mut(&mut s.sources).first_mut() {
        source.answered += 4;
        source.bars += 1_700;
    }
}

/// Follows until the end; how many deltas came, and their bytes.
async fn read(path: std::path::PathBuf, mut ended: watch::Receiver<bool>) -> (u32, u32) {
    let (read, mut write) = UnixStream::connect(path).await.unwrap().into_split();
    write.write_all(b"GET /v1/events HTTP/1.1\r\nHost: nightdesk\r\n\r\n").await.unwrap();
    let (mut lines, mut deltas, mut bytes) = (BufReader::new(read).lines(), 0, 0);
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.unwrap().expect("the stream goes on"),
            _ = ended.wait_for(|e| *e) => return (deltas, bytes),
        };
        deltas += u32::from(line == "event: delta");
        bytes += if line.starts_with("data: ") { line.len() as u32 } else { 0 };
    }
}

/// What a storm of commands brought.
#[derive(Default)]
struct Tally {
    accepted: Vec<(String, i64)>,
    refused: u32,
}

/// A thousand commands a second over the socket, some of them runs, each of these sent twice.
pub fn commands(runs: usize) {
    let (mut rate, mut p99) = (Figures::default(), Figures::default());
    for _ in 0..runs {
        let (server, clients) = (server_runtime(), Runtime::new().unwrap());
        let (house, serving) = server.block_on(async {
            let house = House::open().await;
            let serving = house.serve(house.engine.state.clone()).await;
            (house, serving)
        });
        let begun = Instant::now();
        let storms = clients.block_on(async {
            let clients = join_all((0..CLIENTS).map(|_| house.client())).await;
            join_all(clients.into_iter().enumerate().map(|(n, client)| tokio::spawn(storm(client, n)))).await
        });
        let (tallies, mut times): (Vec<Tally>, Vec<Vec<f64>>) = storms.into_iter().map(Result::unwrap).unzip();
        let sent = times.iter().map(Vec::len).sum::<usize>();
        rate.add(sent as f64 / begun.elapsed().as_secs_f64());
        let mut all: Vec<f64> = times.iter_mut().flat_map(std::mem::take).collect();
        all.sort_by(f64::total_cmp);
        p99.add(all[all.len() * 99 / 100]);
        server.block_on(async {
            check(&house, &tallies).await;
            serving.stop(Duration::from_secs(5)).await;
            house.engine.stop().await;
        });
    }
    println!("  {CLIENTS} clients, {} s, over the socket; one command in 50 starts a run and is sent twice", STORM.as_secs());
    rate.print("commands answered", "a second", ">= 1000");
    p99.print("from sending to the answer, p99", "ms", "");
    println!("  no run lost, none doubled, no 5xx");
}

/// One client's share of the storm: its tally and the answer times, milliseconds.
async fn storm(client: Client, number: usize) -> (Tally, Vec<f64>) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) * CLIENTS / COMMANDS_A_SECOND);
    let (begun, mut tally, mut times) = (Instant::now(), Tally::default(), Vec::new());
    for n in 0.. {
        pace.tick().await;
        if begun.elapsed() > STORM {
            break;
        }
        let starts = n % 50 == 49;
        let command = if starts { Command::Ingest { spec: IngestSpec::default() } } else { Command::Probe { source: SourceId::Ib } };
        let envelope = Envelope { id: format!("storm-{number}-{n}"), actor: "bench".into(), command };
        let sent = Instant::now();
        let answer = client.send(envelope.clone()).await;
        times.push(sent.elapsed().as_secs_f64() * 1000.0);
        if starts && let Ok(ack) = &answer {
            let again = client.send(envelope.clone()).await.unwrap();
            assert_eq!(again.run_id, ack.run_id, "the same command again is the same run");
        }
        match answer {
            Ok(ack) => tally.accepted.extend(ack.run_id.map(|run| (envelope.id, run))),
            Err(CommandError::Refused(_)) if starts => tally.refused += 1,
            Err(e) => panic!("{e}"),
        }
    }
    (tally, times)
}

/// Every accepted start is one run of its own, and there are no others.
async fn check(house: &House, tallies: &[Tally]) {
    let mut runs: Vec<i64> = tallies.iter().flat_map(|t| t.accepted.iter().map(|(_, run)| *run)).collect();
    let accepted = runs.len();
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs.len(), accepted, "two commands, one run");
    assert!(accepted > 0, "no run was started, {} refused", tallies.iter().map(|t| t.refused).sum::<u32>());
    let client = house.client().await;
    let Reply::Runs(stored) = client.query(Query::Runs { limit: 10_000 }).await.unwrap() else { panic!("no runs") };
    let mut stored: Vec<i64> = stored.iter().map(|r| r.id).collect();
    stored.sort_unstable();
    assert_eq!(stored, runs, "what was accepted is what is stored");
}
