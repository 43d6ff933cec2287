//! The NEEDS YOU line: what an operator should know without asking, worst first, one line a cause.

mod drift;
mod training;

use super::{Alert, AlertLevel, CellState, HostStats, JobView, Market, RunView};
use crate::config::strategy::ThinAlert;
use crate::drift::views::DriftView;
use crate::market::{DAY, Series, Strategy, Timeframe};
use crate::sources::{BreakerState, LinkState, SourceStatus};
use crate::store::master::RunState;
use crate::store::model::Shortage;
use crate::store::scheduler::{Job, JobState};
use crate::train::progress::{Standing, TrainingView};

/// A backup is made every Sunday; a day more than a week means that one is missing.
const BACKUP_AGE: i64 = 8 * DAY;

/// What the alerts are made from.
pub struct Inputs<'a> {
    /// Cells of all series.
    pub market: &'a Market,
    /// Sources.
    pub sources: &'a [SourceStatus],
    /// The last ended run.
    pub last_run: Option<&'a RunView>,
    /// The jobs.
    pub jobs: &'a [JobView],
    /// The deadline of a job that has passed without a success, UTC seconds.
    pub late: &'a dyn Fn(Job) -> Option<i64>,
    /// Why no tick leads to a run although the scheduler is on.
    pub held: Option<&'a str>,
    /// What is wrong with the file that keeps the scheduler's state.
    pub trouble: Option<&'a str>,
    /// What became of an unusable `scheduler.db` at the start.
    pub moved: Option<&'a str>,
    /// Runs that `scheduler.db` could not take.
    pub unrecorded: usize,
    /// What is wrong with the configuration, or waits for a restart.
    pub config: Option<&'a (AlertLevel, String)>,
    /// The machine.
    pub host: &'a HostStats,
    /// Findings that hide data.
    pub quarantined: u64,
    /// The database's pages are being looked through after an unclean end.
    pub checking: bool,
    /// Why nothing may be written.
    pub damaged: Option<&'a str>,
    /// The database writer gives no sign of life.
    pub silent: bool,
    /// What the strategies' last data sets are short of.
    pub short: &'a [(Strategy, Shortage)],
    /// What training runs showed last.
    pub trainings: &'a [TrainingView],
    /// Which models are in service.
    pub standings: &'a [Standing],
    /// How far models have moved from what they were trained on.
    pub drift: &'a [DriftView],
    /// UTC seconds.
    pub now: i64,
}

/// All alerts, worst first. `before` are the alerts of the last computation: one that persists keeps its start.
pub fn compute(inputs: &Inputs<'_>, before: &[Alert]) -> Vec<Alert> {
    let mut out = Vec::new();
    pages(inputs, &mut out);
    writer(inputs, &mut out);
    disk(inputs, &mut out);
    backups(inputs, &mut out);
    sources(inputs, &mut out);
    schedule(inputs, &mut out);
    inputs.jobs.iter().for_each(|view| job(inputs, view, &mut out));
    last_ingest(inputs, &mut out);
    cells(inputs, &mut out);
    data_sets(inputs, &mut out);
    training::look(inputs, &mut out);
    drift::look(inputs, &mut out);
    for alert in &mut out {
        if let Some(old) = before.iter().find(|b| b.key == alert.key) {
            alert.since = old.since;
        }
    }
    out.sort_by_key(|a| (a.level, a.since));
    out
}

fn push(out: &mut Vec<Alert>, now: i64, key: &str, level: AlertLevel, text: String, series: Option<Series>) {
    out.push(Alert { key: key.to_owned(), level, text, since: now, series });
}

fn pages(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    if i.checking {
        let text = "checking the database after an unclean end, runs wait until it is done".to_owned();
        push(out, i.now, "database.check", AlertLevel::Warn, text, None);
    }
    if let Some(why) = i.damaged {
        push(out, i.now, "database", AlertLevel::Bad, format!("nothing is written, end nightdesk first: {why}"), None);
    }
}

fn writer(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    if i.silent {
        let text = "the database writer gives no sign of life, nothing is stored: look at the disk, then restart nightdesk".to_owned();
        push(out, i.now, "writer", AlertLevel::Bad, text, None);
    }
}

fn disk(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    if i.host.disk_low {
        let text = format!("disk {} MiB free, no ingest starts: free some space", i.host.disk_free >> 20);
        push(out, i.now, "disk", AlertLevel::Bad, text, None);
    }
    if i.host.wal_high {
        let text = format!("write-ahead log at {} MiB: end what reads market_data.db for long", i.host.wal >> 20);
        push(out, i.now, "wal", AlertLevel::Warn, text, None);
    }
}

/// Backups that are too old, while the job that makes them has ticks to come.
fn backups(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    let Some(job) = i.jobs.iter().find(|v| v.job == Job::Maintenance && v.next.is_some()) else { return };
    let text = match i.host.backup_at {
        Some(at) if i.now - at > BACKUP_AGE => {
            format!("newest backup is {} days old: see what comes of `nightdesk schedule run-now maintenance`", (i.now - at) / DAY)
        }
        // Before the first night of maintenance there can be none.
        None if job.last.is_some() => "there is no backup: see what comes of `nightdesk schedule run-now maintenance`".to_owned(),
        _ => return,
    };
    push(out, i.now, "backup", AlertLevel::Bad, text, None);
}

fn sources(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    for s in i.sources {
        let key = format!("source:{}", s.source);
        match (&s.link, &s.breaker) {
            (LinkState::Down { cause, .. }, _) => push(out, i.now, &key, AlertLevel::Bad, format!("{} down: {cause}", s.source), None),
            (_, BreakerState::Open { until }) => {
                let text = format!("{} paused after failures, probe in {} s", s.source, (until - i.now).max(0));
                push(out, i.now, &key, AlertLevel::Bad, text, None);
            }
            (LinkState::Degraded { reason }, _) => push(out, i.now, &key, AlertLevel::Warn, format!("{}: {reason}", s.source), None),
            _ => {}
        }
    }
}

fn schedule(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    if let Some(held) = i.held {
        push(out, i.now, "scheduler", AlertLevel::Bad, format!("no job runs by itself: {held}"), None);
    }
    if let Some((level, text)) = i.config {
        push(out, i.now, "config", *level, text.clone(), None);
    }
    if let Some(trouble) = i.trouble {
        push(out, i.now, "scheduler_state", AlertLevel::Bad, trouble.to_owned(), None);
    }
    if let Some(moved) = i.moved {
        let text = format!("pauses and the history of runs are gone, pause again what must not run: {moved}");
        push(out, i.now, "scheduler.db.moved", AlertLevel::Bad, text, None);
    }
    if i.unrecorded > 0 {
        let text = format!("{} runs cannot be recorded: free some space, see `nightdesk logs`", i.unrecorded);
        push(out, i.now, "scheduler.db", AlertLevel::Bad, text, None);
    }
}

fn job(i: &Inputs<'_>, view: &JobView, out: &mut Vec<Alert>) {
    let job = view.job;
    if let Some(pause) = &view.paused {
        let level = if pause.by == "schedule" { AlertLevel::Bad } else { AlertLevel::Warn };
        let text = format!("{job} is paused by {}: {}; `nightdesk schedule resume {job}` ends that", pause.by, pause.reason);
        push(out, i.now, &format!("paused:{job}"), level, text, None);
    }
    if let Some(due) = (i.late)(job) {
        let minutes = (i.now - due).max(0) / 60;
        let text = format!("{job} is late: no success since its tick, due {minutes} min ago");
        push(out, i.now, &format!("late:{job}"), AlertLevel::Bad, text, None);
    }
    // While another attempt is on its way, nobody is needed.
    let Some(run) = view.last.as_ref().filter(|_| view.active.is_none()) else { return };
    if run.state == JobState::Succeeded && run.failures > 0 && job.by_strategy() {
        let text = format!("{job} run {} failed in part: {}", run.id, run.error.as_deref().unwrap_or("no reason given"));
        push(out, i.now, &format!("run:{}", run.id), AlertLevel::Bad, text, None);
    }
    if !run.state.bad() {
        return;
    }
    let (level, word) = match run.state {
        JobState::Lost => (AlertLevel::Warn, "was cut off"),
        JobState::TimedOut => (AlertLevel::Bad, "timed out"),
        _ => (AlertLevel::Bad, "failed"),
    };
    let text = format!("{job} run {} {word}: {}", run.id, run.error.as_deref().unwrap_or("no reason given"));
    push(out, i.now, &format!("run:{}", run.id), level, text, None);
}

/// Ingests that went through with failures, and those that only the master database knows.
fn last_ingest(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    let Some(run) = i.last_run else { return };
    let key = format!("run:{}", run.id);
    let failed = run.summary.as_ref().map_or(0, |s| s.series_failed);
    // While another ingest is on its way, nobody is needed.
    let busy = i.jobs.iter().any(|v| v.job == Job::Ingest && v.active.is_some());
    if busy || out.iter().any(|a| a.key == key) {
        return;
    }
    let what = match run.state {
        RunState::Lost => "was cut off; `nightdesk ingest` fetches what is missing".to_owned(),
        RunState::Partial if failed > 0 => format!("left {failed} series out; `nightdesk ingest` tries again"),
        _ => return,
    };
    push(out, i.now, &key, AlertLevel::Warn, format!("run {} {what}", run.id), None);
}

fn cells(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    let kinds = [
        (CellState::Failed, "failed", AlertLevel::Bad, "failed"),
        (CellState::Quarantined, "quarantined", AlertLevel::Bad, "quarantined"),
        (CellState::Late, "late", AlertLevel::Warn, "late"),
        (CellState::Gap, "gap", AlertLevel::Warn, "with gaps"),
    ];
    for (state, key, level, word) in kinds {
        let n = i.market.count(state);
        if let Some(first) = first_series(i.market, state) {
            let text = if n == 1 { format!("{first} {word}") } else { format!("{n} series {word}, first {first}") };
            push(out, i.now, key, level, text, Some(first));
        }
    }
    if i.quarantined > 0 {
        push(
            out,
            i.now,
            "issues",
            AlertLevel::Warn,
            format!("{} findings hide data: `nightdesk issues list` shows them", i.quarantined),
            None,
        );
    }
}

fn data_sets(i: &Inputs<'_>, out: &mut Vec<Alert>) {
    for (strategy, Shortage { alert, text }) in i.short {
        let level = match alert {
            ThinAlert::Off => continue,
            ThinAlert::Warn => AlertLevel::Warn,
            ThinAlert::Bad => AlertLevel::Bad,
        };
        let text = format!("{strategy}: {text}; `nightdesk dataset --strategy {strategy}` tells all");
        push(out, i.now, &format!("thin:{strategy}"), level, text, None);
    }
}

fn first_series(market: &Market, state: CellState) -> Option<Series> {
    let columns = market.instruments.len().max(1);
    let at = market.cells.iter().position(|c| c.state == state)?;
    let timeframe = *Timeframe::ALL.get(at / columns)?;
    Some(Series { symbol: market.instruments.get(at % columns)?.symbol, timeframe })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{IngestSpec, RunProgress};
    use crate::market::SourceId;
    use crate::store::scheduler::JobRun;

    pub(super) fn inputs<'a>(market: &'a Market, sources: &'a [SourceStatus], host: &'a HostStats, now: i64) -> Inputs<'a> {
        Inputs {
            market,
            sources,
            last_run: None,
            jobs: &[],
            late: &|_| None,
            held: None,
            trouble: None,
            moved: None,
            unrecorded: 0,
            config: None,
            host,
            quarantined: 0,
            checking: false,
            damaged: None,
            silent: false,
            short: &[],
            trainings: &[],
            standings: &[],
            drift: &[],
            now,
        }
    }

    #[test]
    fn a_quiet_desk_needs_nobody() {
        let (market, host) = (Market::default(), HostStats::default());
        let sources = [SourceStatus::new(SourceId::Ib, "127.0.0.1:4002")];
        assert!(compute(&inputs(&market, &sources, &host, 5), &[]).is_empty());
    }

    #[test]
    fn a_file_that_is_checked_or_damaged_and_a_silent_writer_are_told() {
        let (market, host) = (Market::default(), HostStats::default());
        let told = |i: Inputs<'_>| compute(&i, &[]).into_iter().map(|a| (a.key, a.level)).collect::<Vec<_>>();
        let quiet = || inputs(&market, &[], &host, 5);
        assert_eq!(told(Inputs { checking: true, ..quiet() }), [("database.check".to_owned(), AlertLevel::Warn)]);
        assert_eq!(told(Inputs { damaged: Some("x"), ..quiet() }), [("database".to_owned(), AlertLevel::Bad)]);
        assert_eq!(told(Inputs { silent: true, ..quiet() }), [("writer".to_owned(), AlertLevel::Bad)]);
    }

    #[test]
    fn a_thin_data_set_is_told_as_loudly_as_its_rules_say() {
        let (market, host) = (Market::default(), HostStats::default());
        let short = |alert| Shortage { alert, text: "1 sector is thin: Crypto has 0 labelled rows".into() };
        let sets = [(Strategy::Turbomode, short(ThinAlert::Warn)), (Strategy::Slipstream, short(ThinAlert::Bad))];
        let told = |short: &[(Strategy, Shortage)]| compute(&Inputs { short, ..inputs(&market, &[], &host, 5) }, &[]);
        let alerts = told(&sets);
        let keys: Vec<_> = alerts.iter().map(|a| (a.key.as_str(), a.level)).collect();
        assert_eq!(keys, [("thin:slipstream", AlertLevel::Bad), ("thin:turbomode", AlertLevel::Warn)]);
        let text = "turbomode: 1 sector is thin: Crypto has 0 labelled rows; `nightdesk dataset --strategy turbomode` tells all";
        assert_eq!(alerts[1].text, text);
        assert!(told(&[(Strategy::Turbomode, short(ThinAlert::Off))]).is_empty());
    }

    #[test]
    fn the_worst_comes_first_and_keeps_its_start() {
        let market = Market::default();
        let host = HostStats { disk_low: true, disk_free: 100 << 20, ..HostStats::default() };
        let mut ib = SourceStatus::new(SourceId::Ib, "x");
        ib.link = LinkState::Degraded { reason: "farm down".into() };
        let sources = [ib];
        let first = compute(&inputs(&market, &sources, &host, 100), &[]);
        assert_eq!(first.iter().map(|a| a.key.as_str()).collect::<Vec<_>>(), ["disk", "source:ib"]);
        let later = compute(&inputs(&market, &sources, &host, 160), &first);
        assert!(later.iter().all(|a| a.since == 100));
    }

    fn maintenance(next: Option<i64>, last: Option<JobRun>) -> JobView {
        JobView {
            job: Job::Maintenance,
            missing: None,
            cron: "0 2 * * SUN".into(),
            zone: "UTC".into(),
            timeout_s: 1_800,
            words: String::new(),
            paused: None,
            next,
            next_session: None,
            active: None,
            last,
            failures_in_row: 0,
            durations: Vec::new(),
        }
    }

    fn ended() -> JobRun {
        let run = serde_json::json!({
            "id": 1, "job": "maintenance", "state": "succeeded", "trigger": "schedule", "actor": "schedule", "attempt": 1,
            "queued_at": 1, "failures": 0, "boot_id": "b",
        });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn missing_backups_and_a_grown_log_are_told_while_the_job_is_on() {
        let market = Market::default();
        let now = 100 * DAY;
        let told = |at: Option<i64>, job: JobView| {
            let host = HostStats { backup_at: at, ..HostStats::default() };
            let jobs = [job];
            compute(&Inputs { jobs: &jobs, ..inputs(&market, &[], &host, now) }, &[]).first().map(|a| (a.level, a.text.clone()))
        };
        let on = || maintenance(Some(now + 1), Some(ended()));
        assert_eq!(told(Some(now - 8 * DAY), on()), None);
        let old = told(Some(now - 9 * DAY), on()).unwrap();
        assert!(old.0 == AlertLevel::Bad && old.1.contains("9 days old"), "{old:?}");
        assert!(told(None, on()).unwrap().1.contains("no backup"));
        assert_eq!(told(None, maintenance(Some(now + 1), None)), None);
        assert_eq!(told(Some(0), maintenance(None, Some(ended()))), None, "a job without ticks is switched off");
        let host = HostStats { wal: 300 << 20, wal_high: true, ..HostStats::default() };
        let alerts = compute(&inputs(&market, &[], &host, now), &[]);
        assert!(alerts.len() == 1 && alerts[0].text.contains("300 MiB"), "{alerts:?}");
    }

    #[test]
    fn a_run_that_was_cut_off_is_told_until_the_next_one_works() {
        let (market, host) = (Market::default(), HostStats::default());
        let mut active = JobView { job: Job::Ingest, ..maintenance(None, None) };
        let cut = RunView {
            id: 7,
            spec: IngestSpec::default(),
            state: RunState::Lost,
            started_at: 1,
            ended_at: Some(2),
            progress: RunProgress::default(),
            summary: None,
            cancelling: false,
        };
        let told = |jobs: &[JobView]| compute(&Inputs { jobs, last_run: Some(&cut), ..inputs(&market, &[], &host, 5) }, &[]);
        let alerts = told(std::slice::from_ref(&active));
        assert_eq!(alerts[0].text, "run 7 was cut off; `nightdesk ingest` fetches what is missing");
        active.active = Some(JobRun { job: Job::Ingest, ..ended() });
        assert!(told(&[active]).is_empty(), "it runs again already");
    }
}
