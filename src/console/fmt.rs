//! Numbers, ages and times as text of steady width, so that nothing on screen jumps.

use chrono::DateTime;

use crate::market::{DAY, Timeframe};

/// The parts of a cell, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// `1,360`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// At most five characters: `840`, `12.4k`, `3.1M`.
pub fn short(n: f64) -> String {
    match n {
        n if !n.is_finite() || n < 0.0 => "-".into(),
        n if n < 9.95 && n.fract() > 0.04 => format!("{n:.1}"),
        n if n < 999.5 => format!("{n:.0}"),
        n if n < 99_950.0 => format!("{:.1}k", n / 1e3),
        n if n < 999_500.0 => format!("{:.0}k", n / 1e3),
        n if n < 99.95e6 => format!("{:.1}M", n / 1e6),
        n if n < 999.5e6 => format!("{:.0}M", n / 1e6),
        n => format!("{:.0}G", n / 1e9),
    }
}

/// A number of any size in at most ten characters, four digits of it: `51.23`, `-0.0071`, `3.5e-7`, `12,345`.
pub fn figure(v: f64) -> String {
    let size = v.abs();
    match size {
        _ if !v.is_finite() => "-".into(),
        0.0 => "0".into(),
        _ if !(0.001..9_999_999.5).contains(&size) => format!("{v:.2e}"),
        _ if size >= 9_999.5 => format!("{}{}", if v < 0.0 { "-" } else { "" }, thousands(size.round() as u64)),
        _ => {
            let whole = if size < 1.0 { 0 } else { size.log10() as usize };
            format!("{v:.*}", 3_usize.saturating_sub(whole) + usize::from(size < 0.1))
        }
    }
}

/// A probability in at most six characters: `0.021`, `3e-5`, `<1e-99`.
pub fn chance(p: f64) -> String {
    match p {
        _ if !p.is_finite() => "-".into(),
        p if p >= 0.000_5 => format!("{p:.3}"),
        p if p < 1e-99 => "<1e-99".into(),
        p => format!("{p:.0e}"),
    }
}

/// A return with its sign: `+1.25%`.
pub fn percent(v: f64) -> String {
    format!("{:+.2}%", v * 100.0)
}

/// A bar of `width` cells that grows from the middle, left for what is less than nothing; -1 and 1 fill a half.
pub fn balance(v: f64, width: usize) -> String {
    let half = width / 2;
    let cells = ((v.abs().min(1.0) * half as f64).round() as usize).min(half);
    let (full, free) = ("█".repeat(cells), "░".repeat(half - cells));
    let none = "░".repeat(half);
    if v < 0.0 { format!("{free}{full}│{none}") } else { format!("{none}│{full}{free}") }
}

/// Bytes, at most five characters: `63M`, `2.1G`.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    let (value, unit) = match n {
        n if n < 1024.0 => (n, "B"),
        n if n < 1_048_064.0 => (n / 1024.0, "K"),
        n if n < 1_073_217_536.0 => (n / 1_048_576.0, "M"),
        n if n < 1_098_974_756_864.0 => (n / 1_073_741_824.0, "G"),
        n => (n / 1_099_511_627_776.0, "T"),
    };
    if value < 9.95 && unit != "B" { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// A span in the two largest units: `14s`, `32m`, `2h05`, `3d04h`, `412d`.
pub fn age(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h{:02}", s / 3_600, s % 3_600 / 60),
        86_400..8_640_000 => format!("{}d{:02}h", s / DAY, s % DAY / 3_600),
        _ => format!("{}d", s / DAY),
    }
}

/// A countdown or a duration: `00:41`, `01:02:07`.
pub fn clock(seconds: i64) -> String {
    let s = seconds.max(0);
    if s < 3_600 { format!("{:02}:{:02}", s / 60, s % 60) } else { format!("{:02}:{:02}:{:02}", s / 3_600, s % 3_600 / 60, s % 60) }
}

/// Time to go to `until`: never negative.
pub fn countdown(until: i64, now: i64) -> String {
    clock(until.saturating_sub(now))
}

/// `2026-11-22 14:32` UTC.
pub fn minute(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0).map_or_else(|| "-".into(), |t| t.format("%Y-%m-%d %H:%M").to_string())
}

/// `14:32:07` UTC.
pub fn second(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0).map_or_else(|| "-".into(), |t| t.format("%H:%M:%S").to_string())
}

/// `14:32:07.125` UTC from milliseconds.
pub fn milli(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms).map_or_else(|| "-".into(), |t| t.format("%H:%M:%S%.3f").to_string())
}

/// `2026-11-22`.
pub fn date(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0).map_or_else(|| "-".into(), |t| t.format("%Y-%m-%d").to_string())
}

/// The stamp of a bar, as short as it is clear at `now`: a date for daily bars and longer, the time for today's
/// bars, month, day and time for older ones. All UTC.
pub fn stamp(ts: i64, timeframe: Timeframe, now: i64) -> String {
    if !timeframe.is_intraday() {
        return date(ts);
    }
    let format = if ts.div_euclid(DAY) == now.div_euclid(DAY) { "%H:%M" } else { "%m-%d %H:%M" };
    DateTime::from_timestamp(ts, 0).map_or_else(|| "-".into(), |t| t.format(format).to_string())
}

/// A price with the digits it needs: two from 10 up, four below, six under a cent's reach.
pub fn price(p: f64) -> String {
    match p.abs() {
        a if !a.is_finite() => "-".into(),
        a if a >= 10.0 => format!("{p:.2}"),
        a if a >= 0.1 => format!("{p:.4}"),
        _ => format!("{p:.6}"),
    }
}

/// `1 series`, `2 series`, `1 request`, `3 requests`: the number, and the word that goes with it.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// A progress bar of `width` cells; its empty part is visible without colour.
pub fn bar(done: f64, width: usize) -> String {
    let done = if done.is_finite() { done.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (done * width as f64 * 8.0).floor() as usize;
    let (full, part) = (eighths / 8, eighths % 8);
    let mut out = "█".repeat(full);
    out.push_str(EIGHTHS[part]);
    let used = full + usize::from(part > 0);
    out.push_str(&"░".repeat(width.saturating_sub(used)));
    out
}

/// How far away a moment is, counting down: `04:12` within the hour, then `8h13`, `3d04h`; `due` when it has come.
pub fn until(at: i64, now: i64) -> String {
    match at.saturating_sub(now) {
        s if s <= 0 => "due".into(),
        s if s < 3_600 => clock(s),
        s => age(s),
    }
}

/// `11-22 14:32` UTC.
pub fn day_minute(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0).map_or_else(|| "-".into(), |t| t.format("%m-%d %H:%M").to_string())
}

/// One CSV field, quoted when it must be. A leading `= + - @` is defused, since spreadsheets run such text.
pub fn csv(field: &str) -> String {
    let numeric = field.parse::<f64>().is_ok();
    let field = if !numeric && field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_any_size_fit_in_ten_cells() {
        let said = [
            (0.0, "0"),
            (51.234, "51.23"),
            (-0.00712, "-0.0071"),
            (0.5, "0.500"),
            (-3.4e-7, "-3.40e-7"),
            (1234.5, "1234"),
            (-9_999.9, "-10,000"),
            (1.5e9, "1.50e9"),
            (f64::NAN, "-"),
        ];
        for (v, text) in said {
            assert_eq!(figure(v), text);
        }
        for e in -300..300 {
            assert!(figure(-1.2345 * 10_f64.powi(e)).len() <= 10, "{e}");
        }
    }

    #[test]
    fn numbers_keep_their_width() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_360), "1,360");
        assert_eq!(thousands(1_234_567), "1,234,567");
        for (n, text) in [(0.0, "0"), (1.25, "1.2"), (840.0, "840"), (12_400.0, "12.4k"), (999_600.0, "1.0M"), (f64::NAN, "-")] {
            assert_eq!(short(n), text);
        }
        for exponent in 0..40 {
            assert!(short(1.9_f64.powi(exponent)).len() <= 5, "{exponent}");
            assert!(bytes(2_u64.pow(exponent as u32) + 7).len() <= 5, "{exponent}");
        }
    }

    #[test]
    fn ages_and_stamps_read_well() {
        assert_eq!([age(14), age(1_920), age(7_500), age(3 * DAY + 4 * 3_600), age(-5)], ["14s", "32m", "2h05", "3d04h", "0s"]);
        assert_eq!(clock(41), "00:41");
        assert_eq!(clock(3_727), "01:02:07");
        assert_eq!([until(9, 9), until(9, 0), until(7_500, 0), day_minute(0)], ["due", "00:09", "2h05", "01-01 00:00"]);
        let now = 1_795_355_527;
        assert_eq!(stamp(now - 60, Timeframe::M1, now), "13:51");
        assert_eq!(stamp(now - DAY, Timeframe::M1, now), "11-21 13:52");
        assert_eq!(stamp(now, Timeframe::D1, now), "2026-11-22");
        assert_eq!(price(241.18), "241.18");
        assert_eq!(price(0.000_012), "0.000012");
    }

    #[test]
    fn bars_are_as_long_as_they_say() {
        assert_eq!([bar(0.5, 4), bar(0.0, 3), bar(f64::NAN, 2), bar(9.0, 2)], ["██░░", "░░░", "░░", "██"]);
        for eighths in 0..=40 {
            assert_eq!(bar(f64::from(eighths) / 40.0, 5).chars().count(), 5);
        }
    }

    #[test]
    fn chances_fit_in_six_cells_and_balances_grow_from_the_middle() {
        assert_eq!([chance(0.0213), chance(3.2e-5), chance(0.0), chance(f64::NAN)], ["0.021", "3e-5", "<1e-99", "-"]);
        for e in 0..320 {
            assert!(chance(10_f64.powi(-e)).len() <= 6, "{e}");
        }
        assert_eq!([percent(0.0125), percent(-0.04)], ["+1.25%", "-4.00%"]);
        assert_eq!([balance(0.5, 4), balance(-1.0, 4), balance(9.0, 4), balance(0.0, 4)], ["░░│█░", "██│░░", "░░│██", "░░│░░"]);
    }

    #[test]
    fn csv_fields_cannot_break_out() {
        assert_eq!(csv("a,b"), "\"a,b\"");
        assert_eq!(csv("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(csv("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(csv("-4.2"), "-4.2");
    }
}
