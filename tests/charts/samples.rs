//! One chart of each kind, from formulas.

use chrono::{Days, NaiveDate};
use nightdesk::charts::{
    Bin, Chart, ConfusionMatrix, Coverage, Distribution, Ecdf, Equity, EquityPoint, FitLosses, Level, LossCurves, PsiHistory, PsiPoint,
    Reliability, ReliabilityCurve, Strip,
};

/// A date so many days after the first of 2024.
pub fn date(days: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(days)
}

/// Losses that fall to a floor; those of the early-stop slice rise again after epoch 14.
fn fit(name: &str, floor: f32) -> FitLosses {
    let train = (0..24).map(|e| floor + 0.3 * (-0.2 * e as f32).exp()).collect();
    let stop = (0..24).map(|e| floor + 0.06 + 0.2 * (-0.2 * e as f32).exp() + 0.0006 * (e as f32 - 13.0).max(0.0).powi(2)).collect();
    FitLosses { name: name.into(), train, stop, best: 14 }
}

fn reliability() -> Reliability {
    let class = |class: &str, slope: f64| ReliabilityCurve {
        class: class.into(),
        bins: (0..6)
            .map(|i| f64::from(i).mul_add(0.1, 0.05))
            .map(|said| Bin { said, came: 0.33 + slope * (said - 0.33), rows: (4000.0 * said * (0.9 - said)) as u64 })
            .collect(),
    };
    Reliability { classes: vec![class("SELL", 0.4), class("HOLD", 0.95), class("BUY", 0.6)] }
}

fn equity() -> Equity {
    let point = |i: u64| {
        let t = i as f64;
        EquityPoint {
            date: date(2 * i),
            value: 1.0 + 0.001 * t + 0.05 * (t / 17.0).sin(),
            benchmark: (i > 30).then(|| 1.0 + 0.0015 * t + 0.08 * (t / 23.0).cos()),
        }
    };
    Equity { points: (0..180).map(point).collect() }
}

fn psi() -> PsiHistory {
    let level = |psi: f64, name: &str| Level { psi, name: name.into() };
    let point = |i: u64| {
        let psi = 0.02 + 0.0032 * i as f64 + 0.02 * (i as f64 / 3.0).sin();
        PsiPoint { date: date(i), psi: (!(20..25).contains(&i)).then_some(psi), alarmed: psi > 0.25 }
    };
    PsiHistory {
        subject: "rsi_14".into(),
        levels: vec![level(0.1, "warning"), level(0.25, "drifted")],
        points: (0..80).map(point).collect(),
    }
}

/// One of each, with the name of its snapshot.
pub fn all() -> Vec<(&'static str, Chart)> {
    let values = |shift: f64| (0..400).map(|i| (f64::from(i) / 400.0 * 6.0 - 3.0).sinh() + shift).collect::<Vec<_>>();
    let strip = |name: &str, from: i32| Strip {
        name: name.into(),
        years: (from..=2025).map(|y| (y, if y == from { 0.4 } else { 1.0 - 0.25 * f64::from(y % 3 == 0) })).collect(),
    };
    vec![
        (
            "loss",
            Chart::Loss(LossCurves { fits: vec![fit("softmax, block 1", 1.02), fit("gru, block 3", 0.98), fit("mlp, final fit", 1.0)] }),
        ),
        ("reliability", Chart::Reliability(reliability())),
        (
            "confusion",
            Chart::Confusion(ConfusionMatrix {
                classes: ["SELL", "HOLD", "BUY"].map(str::to_owned).to_vec(),
                counts: vec![vec![310.0, 520.0, 170.0], vec![240.0, 2210.0, 290.0], vec![150.0, 610.0, 400.0]],
            }),
        ),
        ("equity", Chart::Equity(equity())),
        ("psi", Chart::Psi(psi())),
        (
            "distribution",
            Chart::Distribution(Distribution {
                subject: "atr_14".into(),
                edges: vec![0.4, 0.8, 1.2, 1.9, 3.5],
                reference: vec![100.0, 110.0, 95.0, 100.0, 105.0, 90.0, 12.0],
                current: vec![10.0, 14.0, 20.0, 31.0, 44.0, 52.0, 3.0],
            }),
        ),
        ("ecdf", Chart::Ecdf(Ecdf { subject: "momentum_20, %".into(), reference: values(0.0), current: values(1.1), distance: None })),
        ("coverage", Chart::Coverage(Coverage { strips: vec![strip("AAPL 1d", 2015), strip("BTC-USD 1d", 2018), strip("XOM 30m", 2024)] })),
    ]
}
