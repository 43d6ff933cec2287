//! Figures of several runs, and the state of the machine they were taken on.

use std::fs;

/// Figures of one kind, one a run.
#[derive(Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Prints the median with the least and the greatest.
    pub fn print(&mut self, what: &str, unit: &str, target: &str) {
        self.0.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (self.0.first(), self.0.last()) else { return };
        let median = f64::midpoint(self.0[(self.0.len() - 1) / 2], self.0[self.0.len() / 2]);
        let digits = if *most < 100.0 { 2 } else { 0 };
        let target = if target.is_empty() { String::new() } else { format!("  target {target}") };
        println!("  {what:<52} {median:>11.digits$} {unit}  ({least:.digits$} - {most:.digits$}){target}");
    }
}

/// The machine's load averages over one and five minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
