//! The band and the estimate on answers whose calibration is known.

use chrono::{Days, NaiveDate};

use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;
use crate::random::Stream;
use crate::train::calibrate::by_lift;

const PRIOR: Probabilities = [0.35, 0.27, 0.38];

fn rule() -> DriftDetection {
    StrategySettings::shipped(Strategy::Turbomode).unwrap().drift_detection
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2019, 1, 1).unwrap() + Days::new(n as u64)
}

fn draw(stream: &mut Stream, p: &Probabilities) -> Class {
    let u = stream.uniform();
    Class::ALL[usize::from(u > p[0]) + usize::from(u > p[0] + p[1])]
}

/// Six answers a session. The outcome follows what was said in a share `kept` of the rows and the prior in the others; dates of a
/// session share part of what they know.
fn answers(sessions: usize, kept: f64, seed: u64) -> Vec<Matured> {
    let mut stream = Stream::new(&[seed]);
    let mut out = Vec::new();
    for session in 0..sessions {
        let common = stream.normal();
        for _ in 0..6 {
            let edge = 0.35 * (common + stream.normal());
            let raised = [PRIOR[0] * (-edge).exp(), PRIOR[1], PRIOR[2] * edge.exp()];
            let p = raised.map(|v| v / raised.iter().sum::<f64>());
            let class = if stream.uniform() < kept { draw(&mut stream, &p) } else { draw(&mut stream, &PRIOR) };
            let decision = by_lift(&p, &PRIOR, 0.05);
            let net = if decision == class { 0.02 } else { -0.02 };
            out.push(Matured { date: day(session), class, p, decision, prior: PRIOR, net });
        }
    }
    out
}

fn band() -> Band {
    Band::of(&answers(600, 1.0, 1), &rule(), Resampling { block: 20, draws: 500, seed: 9 })
}

#[test]
fn statistics_are_those_of_metrics() {
    use crate::train::metrics::{Confusion, auc, direction, log_loss, skill};
    let rows = answers(50, 1.0, 3);
    let confusion = Confusion::of(rows.iter().map(|r| (r.class, r.decision, 1.0)));
    let loss = log_loss(rows.iter().map(|r| (r.class, r.p, 1.0))).unwrap();
    let prior = log_loss(rows.iter().map(|r| (r.class, r.prior, 1.0))).unwrap();
    let directional =
        |of: fn(&Matured) -> Probabilities| rows.iter().filter_map(|r| direction::directional_surprise(r.class, &of(r))).sum::<f64>();
    let ended = rows.iter().filter(|r| r.class != Class::Hold);
    let signals: Vec<f64> = rows.iter().filter(|r| r.decision != Class::Hold).map(|r| r.net).collect();
    let want = [
        skill(loss, prior),
        skill(directional(|r| r.p), directional(|r| r.prior)),
        auc(ended.map(|r| (direction::buy_share(&r.p), r.class == Class::Buy))),
        confusion.balanced_accuracy(),
        confusion.accuracy(),
        Some(loss),
        Some(signals.iter().sum::<f64>() / signals.len() as f64),
    ];
    for (statistic, want) in Statistic::ALL.into_iter().zip(want) {
        let got = statistic.of(&rows).unwrap();
        assert!((got - want.unwrap()).abs() < 1e-12, "{statistic}: {got} is not {want:?}");
    }
    assert_eq!(Statistic::ALL.map(|s| s.of(&[])), [None; 7]);
}

#[test]
fn what_is_as_good_as_validation_is_stable_and_what_lost_its_link_is_critical() {
    let (band, rule) = (band(), rule());
    let standing = |kept: f64, seed: u64| band.judge(&answers(60, kept, seed), (None, day(60)), &rule).standing;
    // Four statistics that hang together, each below its 5 % in 5 % of periods: between 5 and 20 %.
    let warned = (100..200).filter(|seed| standing(1.0, *seed).warns()).count();
    println!("{warned} of 100 unchanged periods warn");
    assert!((1..=22).contains(&warned), "{warned} of 100");
    let lost = (100..140).filter(|seed| standing(0.0, *seed) == Standing::Critical).count();
    assert!(lost >= 38, "{lost} of 40");
    assert_eq!(Standing::Critical.finding(), Finding::Alarm(Severity::Critical));
}

/// Windows of neighbouring nights overlap, and a year has 252 of them: what one look in a hundred does, a year does far more often.
#[test]
fn an_unchanged_model_is_called_critical_in_one_year_of_five() {
    let rule = rule();
    let (mut years, mut nights) = (0, 0);
    for model in 0..10 {
        let band = Band::of(&answers(1_000, 1.0, 5_000 + model), &rule, Resampling { block: 20, draws: 1_000, seed: 9 });
        for year in 0..5 {
            let rows = answers(311, 1.0, 9_000 + 100 * model + year);
            let night = |last: usize| band.judge(&rows[6 * (last - 60)..6 * last], (None, day(0)), &rule).standing == Standing::Critical;
            let critical = (60..=311).filter(|last| night(*last)).count();
            (years, nights) = (years + usize::from(critical > 0), nights + critical);
        }
    }
    println!("critical in {years} of 50 years, in {nights} of 12,600 nights");
    assert!((2..=18).contains(&years) && nights < 12_600 / 30, "{years} years, {nights} nights");
    assert_eq!(critical_alone(&rule), 0.0025, "as many statistics are judged as the rules of the configuration count");
}

#[test]
fn readings_stand_in_the_band_of_the_same_length() {
    let (band, rule) = (band(), rule());
    // Older rows than the newest 60 sessions are not looked at.
    let mut rows = answers(200, 0.0, 4);
    rows.truncate(140 * 6);
    rows.extend(answers(200, 1.0, 5).into_iter().filter(|r| r.date >= day(140)));
    let found = band.judge(&rows, (None, day(60)), &rule);
    assert_eq!((found.rows, found.dates, found.readings.len()), (360, Some((day(140), day(199))), 7));
    for reading in &found.readings {
        let [low, middle, high] = reading.band.unwrap();
        assert!(low < middle && middle < high, "{reading:?}");
        assert!(reading.validation.unwrap() > low && reading.validation.unwrap() < high);
        assert!((0.0..=1.0).contains(&reading.quantile.unwrap()) && reading.quantile.unwrap() > 0.0);
        assert_eq!(band.bound(reading.statistic, 0.5), Some(middle));
        assert_eq!(reading.statistic.of(&rows[140 * 6..]), reading.live);
    }
}

#[test]
fn too_little_is_no_verdict() {
    let (band, rule) = (band(), rule());
    let rows = answers(20, 1.0, 6);
    let signals = rows.iter().filter(|r| r.decision != Class::Hold).count();
    let few = band.judge(&rows, (None, day(60)), &DriftDetection { performance_min_signals: signals as u32 + 1, ..rule.clone() });
    assert_eq!(few.standing, Standing::Insufficient { signals, needed: signals + 1 });
    assert!(few.readings.is_empty() && few.rows == 120);
    assert_eq!(band.judge(&[], (None, day(60)), &rule).standing, Standing::Insufficient { signals: 0, needed: 100 });
    let short = Band::of(&answers(59, 1.0, 1), &rule, Resampling { block: 20, draws: 50, seed: 9 });
    let unjudged = short.judge(&answers(60, 0.0, 2), (None, day(60)), &rule);
    assert_eq!((unjudged.standing, unjudged.standing.finding()), (Standing::NoBand, Finding::Unknown));
    assert!(unjudged.readings.iter().all(|r| r.live.is_some() && r.band.is_none() && r.quantile.is_none()));
}

#[test]
fn a_warning_of_months_is_critical() {
    let (band, rule) = (band(), rule());
    let warned =
        (1..200).map(|seed| answers(60, 0.75, seed)).find(|rows| band.judge(rows, (None, day(60)), &rule).standing == Standing::Warning);
    let rows = warned.unwrap();
    // The newest row is of day 59, the first of March.
    let since = |n: usize| band.judge(&rows, (Some(day(n)), day(59)), &rule).standing;
    assert_eq!([since(0), since(1)], [Standing::Lasting { months: 2 }, Standing::Warning]);
    assert_eq!(Standing::Lasting { months: 2 }.finding(), Finding::Alarm(Severity::Critical));
    let few = Standing::Insufficient { signals: 1, needed: 2 };
    let history = [Standing::Warning, Standing::Stable, Standing::Warning, few, Standing::Critical, Standing::NoBand];
    let dated: Vec<_> = history.into_iter().enumerate().map(|(n, s)| (day(n), s)).collect();
    assert_eq!(warned_since(&dated), Some(day(2)));
    assert_eq!((warned_since(&dated[..2]), warned_since(&dated[..1]), warned_since(&[])), (None, Some(day(0)), None));
}

#[test]
fn a_calibrated_model_is_right_as_often_as_it_says() {
    let mut within = [0; 2];
    for seed in 0..50 {
        let rows = answers(200, 1.0, 1000 + seed);
        let said = expected(rows.iter().map(|r| (r.p, r.decision))).unwrap();
        let (accuracy, loss) = (Statistic::Accuracy.of(&rows).unwrap(), Statistic::LogLoss.of(&rows).unwrap());
        within[0] += u32::from((accuracy - said.accuracy).abs() < 2.0 * said.accuracy_error);
        within[1] += u32::from((loss - said.log_loss).abs() < 2.0 * said.log_loss_error);
        let total = said.confusion.total();
        assert!((total - 1200.0).abs() < 1e-9 && (said.confusion.accuracy().unwrap() - said.accuracy).abs() < 1e-12);
        assert!(said.balanced_accuracy().unwrap() > 1.0 / 3.0 && said.rows == 1200);
    }
    // Two standard deviations hold 95 % of 50: 47.7, with a deviation of 1.5.
    assert!(within.iter().all(|n| *n >= 43), "{within:?}");
    // The estimate takes the model's word: a link that is lost shows in what matures only.
    let lost = answers(200, 0.0, 7);
    let said = expected(lost.iter().map(|r| (r.p, r.decision))).unwrap();
    assert!(said.accuracy - Statistic::Accuracy.of(&lost).unwrap() > 2.0 * said.accuracy_error);
    assert_eq!(expected([]), None);
    let sure = expected([([0.0, 0.0, 1.0], Class::Buy)]).unwrap();
    assert_eq!((sure.accuracy, sure.log_loss, sure.accuracy_error, sure.balanced_accuracy()), (1.0, 0.0, 0.0, None));
}
