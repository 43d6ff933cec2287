//! Any numbers at all: drawn, or said why not, in any size; never a panic, and never a number in the drawing that is none.

use nightdesk::charts::{
    Bin, Chart, ConfusionMatrix, Coverage, Distribution, Ecdf, Equity, EquityPoint, FitLosses, Level, LossCurves, Palette, PsiHistory,
    PsiPoint, Reliability, ReliabilityCurve, Strip,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::samples::date;

/// Numbers as they should be, and all that can go wrong with them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -3.0..3.0,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e12, -1e12]),
    ]
}

fn numbers(most: usize) -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![vec(number(), 0..most), (number(), 0..most).prop_map(|(v, n)| vec![v; n])]
}

fn losses() -> impl Strategy<Value = Vec<f32>> {
    numbers(30).prop_map(|v| v.into_iter().map(|v| v as f32).collect())
}

fn loss() -> impl Strategy<Value = Chart> {
    let fit = (losses(), losses(), 0..40_u32).prop_map(|(train, stop, best)| FitLosses { name: "a < b".into(), train, stop, best });
    vec(fit, 0..10).prop_map(|fits| Chart::Loss(LossCurves { fits }))
}

fn reliability() -> impl Strategy<Value = Chart> {
    let bin = (number(), number(), any::<u64>()).prop_map(|(said, came, rows)| Bin { said, came, rows: rows >> 8 });
    let class = vec(bin, 0..8).prop_map(|bins| ReliabilityCurve { class: "\u{0}&".into(), bins });
    vec(class, 0..5).prop_map(|classes| Chart::Reliability(Reliability { classes }))
}

fn confusion() -> impl Strategy<Value = Chart> {
    (0..5_usize, vec(numbers(5), 0..5)).prop_map(|(n, counts)| {
        let classes = (0..n).map(|i| format!("class {i}")).collect();
        Chart::Confusion(ConfusionMatrix { classes, counts })
    })
}

fn equity() -> impl Strategy<Value = Chart> {
    let point = (0..4_000_u64, number(), prop::option::of(number()));
    vec(point, 0..40).prop_map(|mut points| {
        points.sort_by_key(|p| p.0);
        let point = |(days, value, benchmark)| EquityPoint { date: date(days), value, benchmark };
        Chart::Equity(Equity { points: points.into_iter().map(point).collect() })
    })
}

fn psi() -> impl Strategy<Value = Chart> {
    let point = (0..4_000_u64, prop::option::of(number()), any::<bool>());
    (vec(point, 0..30), numbers(4)).prop_map(|(points, levels)| {
        let levels = levels.into_iter().map(|psi| Level { psi, name: "<level>".into() }).collect();
        let points = points.into_iter().map(|(days, psi, alarmed)| PsiPoint { date: date(days), psi, alarmed }).collect();
        Chart::Psi(PsiHistory { subject: "x".into(), levels, points })
    })
}

fn distribution() -> impl Strategy<Value = Chart> {
    (numbers(14), numbers(16), numbers(16), any::<bool>()).prop_map(|(edges, mut reference, mut current, fitting)| {
        if fitting {
            reference.resize(edges.len() + 2, 1.0);
            current.resize(edges.len() + 2, 2.0);
        }
        Chart::Distribution(Distribution { subject: "x".into(), edges, reference, current })
    })
}

fn ecdf() -> impl Strategy<Value = Chart> {
    (numbers(60), numbers(1200))
        .prop_map(|(reference, current)| Chart::Ecdf(Ecdf { subject: "x".into(), reference, current, distance: None }))
}

fn coverage() -> impl Strategy<Value = Chart> {
    let year = (prop_oneof![1990..2030_i32, any::<i32>()], number());
    let strip = vec(year, 0..20).prop_map(|years| Strip { name: "A & B".into(), years });
    vec(strip, 0..70).prop_map(|strips| Chart::Coverage(Coverage { strips }))
}

fn chart() -> impl Strategy<Value = Chart> {
    prop_oneof![loss(), reliability(), confusion(), equity(), psi(), distribution(), ecdf(), coverage()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_drawn_or_said_why_not(chart in chart(), size in (0..900_u32, 0..700_u32)) {
        let svg = chart.svg(&Palette::LIGHT, size).unwrap();
        prop_assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        prop_assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        prop_assert!(!svg.contains("NaN") && !svg.contains("\"inf"), "{}", svg);
        prop_assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert!(svg.len() < 2_000_000);
    }
}

proptest! {
    // A PNG costs a hundred times an SVG, and takes the same way through the code.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn anything_becomes_an_image(chart in chart(), size in (0..400_u32, 0..300_u32)) {
        prop_assert!(chart.png(&Palette::DARK, size).unwrap().starts_with(b"\x89PNG"));
        prop_assert!(chart.bare_png(&Palette::DARK, size, size.0 % 5).unwrap().starts_with(b"\x89PNG"));
    }
}
