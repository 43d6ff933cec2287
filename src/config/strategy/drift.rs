//! `[drift_detection]`: levels that are shown, and tests that may alarm.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Drift of features, predictions and performance against what a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftDetection {
    /// What may raise an alarm.
    pub mode: DriftMode,
    /// Population stability index from which a feature is shown as shifting.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub psi_warning: f64,
    /// Population stability index from which it is shown as drifted.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub psi_critical: f64,
    /// Kullback-Leibler divergence, nats, of today from the reference from which a feature is shown as drifted.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub kl_critical: f64,
    /// Kolmogorov-Smirnov p (iid, optimistic) below which a feature is shown as shifting.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ks_p: f64,
    /// Bins of a distribution: quantiles of the reference, equal in mass.
    #[schemars(range(min = 2, max = 100))]
    pub bins: u32,
    /// Added to each bin's count in both samples. Without it an empty bin would be infinitely far from a full one, and windows that
    /// have one could calibrate nothing.
    #[schemars(range(min = 0.001, max = 10.0))]
    pub smoothing: f64,
    /// Current rows below which no verdict is given.
    #[schemars(range(min = 30, max = 1_000_000))]
    pub min_rows: u32,
    /// Sessions of the current window, and of the reference windows it is calibrated against.
    #[schemars(range(min = 5, max = 504))]
    pub window_sessions: u32,
    /// Sessions between reference windows.
    #[schemars(range(min = 1, max = 252))]
    pub step_sessions: u32,
    /// False discovery rate over all features (Benjamini-Hochberg) of the calibrated test.
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub fdr_q: f64,
    /// Stability index that a rejected feature must also reach to count as drifted.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub min_alarm_psi: f64,
    /// Standard deviations above the reference windows' mean from which a feature is warned of.
    #[schemars(range(min = 0.5, max = 20.0))]
    pub warning_sigma: f64,
    /// Share of features that drifted from which the data set has.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dataset_warning_share: f64,
    /// Share from which that is critical.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dataset_critical_share: f64,
    /// Quiet nights in a row that end an episode; an episode alarms once.
    #[schemars(range(min = 1, max = 60))]
    pub hysteresis_nights: u32,
    /// Sessions of matured signals by which performance is judged.
    #[schemars(range(min = 5, max = 504))]
    pub performance_sessions: u32,
    /// Matured signals below which performance gets no verdict.
    #[schemars(range(min = 10, max = 100_000))]
    pub performance_min_signals: u32,
    /// Quantile of validation's bootstrap band below which performance is warned of.
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub performance_warning_quantile: f64,
    /// Quantile below which it is critical: a quarter of it for each of the four statistics that are judged.
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub performance_critical_quantile: f64,
    /// Months in a row of warning that are critical as well.
    #[schemars(range(min = 1, max = 24))]
    pub performance_critical_months: u32,
    /// What a critical verdict does, beside the alarm. Nothing here promotes a model.
    #[schemars(extend("uniqueItems" = true))]
    pub on_critical: Vec<CriticalAction>,
}

/// What may raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftMode {
    /// The test that is calibrated on windows of the reference period.
    Calibrated,
    /// The levels themselves. On market data they alarm nearly every night.
    Levels,
}

/// What a critical verdict does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriticalAction {
    /// No new signals of that model.
    HaltSignals,
    /// A challenger is trained at the next occasion.
    QueueChallenger,
}
