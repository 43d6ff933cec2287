use proptest::prelude::*;

use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2010, 1, 4).unwrap() + Days::new(n)
}

/// Five blocks after 100 sessions at least, ten sessions or 1 % of embargo, a year of hold-out.
fn rule() -> Validation {
    Validation { min_train_sessions: 100, ..StrategySettings::shipped(Strategy::Turbomode).unwrap().validation }
}

/// `symbols` rows each session, each label living `life` sessions.
fn rows(sessions: &[NaiveDate], symbols: usize, life: usize) -> Vec<Lifetime> {
    let last = sessions.len() - life;
    (0..last).flat_map(|i| std::iter::repeat_n(Lifetime { date: sessions[i], matured: sessions[i + life] }, symbols)).collect()
}

#[test]
fn blocks_follow_one_another_and_training_grows() {
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let all = rows(&sessions, 3, 7);
    let s = plan(&all, &sessions, &rule()).unwrap();
    assert_eq!((s.blocks.len(), s.embargo), (5, 20));
    assert_eq!(s.holdout.first + Days::new(365), s.holdout.last);
    assert!(s.blocks.windows(2).all(|w| w[0].last < w[1].first && w[0].train.len() < w[1].train.len()));
    assert!(s.blocks.windows(2).all(|w| w[0].last.succ_opt() == Some(w[1].first)), "no session lies between two blocks");
    // 20 sessions of embargo and 7 of the label's life, 3 rows a session.
    assert!(s.blocks.iter().all(|b| b.purged == 27 * 3 && sessions[sessions.binary_search(&b.first).unwrap() - 20] == b.bound));
    assert_eq!(s.blocks[1].test.len(), s.blocks[0].test.len());
    assert_eq!(s.blocks[4].test.len(), s.blocks[0].test.len() - 27 * 3, "the last block stops where the hold-out could be seen");
    assert!(s.proof(&all, &sessions, &rule()).iter().all(Proof::holds));
    assert_eq!(s.proof(&all, &sessions, &rule()).len(), 6);
}

#[test]
fn the_second_level_learns_from_earlier_blocks_only() {
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let all = rows(&sessions, 2, 7);
    let s = plan(&all, &sessions, &rule()).unwrap();
    assert_eq!(s.out_of_fold(&all, 0), Vec::<usize>::new());
    for k in 1..=5 {
        let of = s.blocks.get(k).unwrap_or(&s.holdout);
        let learnt = s.out_of_fold(&all, k);
        assert!(!learnt.is_empty() && learnt.iter().all(|&r| all[r].matured < of.bound && all[r].date >= s.blocks[0].first));
    }
}

#[test]
fn a_history_that_is_too_short_says_so() {
    let sessions: Vec<NaiveDate> = (0..420).map(day).collect();
    assert!(matches!(plan(&rows(&sessions, 1, 7), &sessions, &rule()), Err(SplitError::TooShort { have: 420, .. })));
    assert!(matches!(plan(&[], &[], &rule()), Err(SplitError::TooShort { have: 0, .. })));
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let late: Vec<Lifetime> = rows(&sessions, 1, 7).split_off(1_000);
    assert!(matches!(plan(&late, &sessions, &rule()), Err(SplitError::Empty { train: 0, .. })));
}

#[test]
fn a_proof_finds_a_planted_leak() {
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let mut all = rows(&sessions, 1, 7);
    let s = plan(&all, &sessions, &rule()).unwrap();
    let holds = |s: &Splits, all: &[Lifetime]| s.proof(all, &sessions, &rule()).iter().map(Proof::holds).collect::<Vec<_>>();
    let row = s.blocks[2].train[s.blocks[1].train.len() + 50];
    all[row].matured = s.blocks[2].bound;
    assert_eq!(holds(&s, &all), [true, true, false, true, true, true], "later blocks may know that date");
    let all = rows(&sessions, 1, 7);
    let without = Validation { embargo_sessions: 0, embargo_share: 0.0, ..rule() };
    assert_eq!(holds(&plan(&all, &sessions, &without).unwrap(), &all), [false; 6], "split without an embargo");
    let nineteen = Validation { embargo_sessions: 19, embargo_share: 0.0, ..rule() };
    assert_eq!(holds(&plan(&all, &sessions, &nineteen).unwrap(), &all), [false; 6], "one session less than the share of 2,000");
    let mut tested = s.clone();
    let last = &mut tested.blocks[4];
    last.test = (last.test[0]..tested.holdout.test[0]).collect();
    assert_eq!(holds(&tested, &all), [true, true, true, true, false, true], "tested up to the hold-out");
    let mut bare = s;
    bare.blocks[0].train.clear();
    assert!(!holds(&bare, &all)[0], "nothing shows it");
}

#[test]
fn where_markets_are_mixed_a_block_ends_on_the_eve_of_the_next() {
    let days: Vec<NaiveDate> = (0..2_800).map(day).collect();
    let sessions: Vec<NaiveDate> = days.iter().copied().filter(|d| chrono::Datelike::weekday(d).num_days_from_monday() < 5).collect();
    let all = rows(&days, 1, 14);
    let s = plan(&all, &sessions, &rule()).unwrap();
    assert!(s.proof(&all, &sessions, &rule()).iter().all(Proof::holds));
    for (i, b) in s.blocks.iter().enumerate() {
        let next = s.blocks.get(i + 1).unwrap_or(&s.holdout);
        assert_eq!(b.last.succ_opt(), Some(next.first));
        assert!(b.test.iter().all(|&r| (b.first..=b.last).contains(&all[r].date)));
    }
    assert!(s.holdout.test.iter().all(|&r| all[r].date <= s.holdout.last));
}

#[test]
fn enough_is_learnt_from_before_the_first_test() {
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let all = rows(&sessions, 1, 7);
    let s = plan(&all, &sessions, &Validation { min_train_sessions: 900, ..rule() }).unwrap();
    assert!(sessions.binary_search(&s.blocks[0].first).unwrap() >= 900);
    assert!(plan(&all, &sessions, &Validation { min_train_sessions: 1_634, ..rule() }).is_err());
}

#[test]
fn the_dates_that_stop_training_are_purged_too() {
    let sessions: Vec<NaiveDate> = (0..2_000).map(day).collect();
    let all = rows(&sessions, 2, 7);
    let s = plan(&all, &sessions, &rule()).unwrap();
    let block = &s.blocks[3];
    let e = early_stop(&all, &sessions, block, 0.15, s.embargo).unwrap();
    assert_eq!(e.stop.len(), 2 * (0.15 * block.train.len() as f64 / 2.0).round() as usize);
    let first = all[e.stop[0]].date;
    let latest = e.fit.iter().map(|&r| all[r].matured).max().unwrap();
    assert_eq!((latest + Days::new(20 + 1), e.bound), (first, latest + Days::new(1)));
    let whole = early_stop(&all, &sessions, block, 0.0, s.embargo).unwrap();
    assert_eq!((whole.bound, whole.fit.len(), whole.stop.len()), (block.bound, block.train.len(), 0));
    let none = early_stop(&all, &sessions, block, 0.15, 5_000);
    assert!(matches!(none, Err(SplitError::NothingToFit { .. })), "{none:?}");
    let few = Block { train: block.train[..20].to_vec(), ..block.clone() };
    let told = early_stop(&all, &sessions, &few, 0.5, s.embargo).unwrap_err().to_string();
    assert!(told.starts_with("of 20 training rows none is left to fit beside the last 5 dates"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sessions with random gaps of up to a week, labels of any life, symbols that come and go.
    #[test]
    fn no_training_label_reaches_a_test(
        gaps in prop::collection::vec(1_u64..8, 300..700),
        lives in prop::collection::vec(1_usize..15, 37),
        present in prop::collection::vec(prop::bool::weighted(0.8), 41),
        blocks in 5_u32..8,
        embargo_sessions in 10_u32..25,
    ) {
        let sessions: Vec<NaiveDate> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(day(*at)) }).collect();
        let all: Vec<Lifetime> = (0..sessions.len() * 2)
            .filter(|i| present[i % 41])
            .filter_map(|i| Some(Lifetime { date: sessions[i / 2], matured: *sessions.get(i / 2 + lives[i % 37])? }))
            .collect();
        let rule = Validation { test_blocks: blocks, embargo_sessions, ..rule() };
        let Ok(s) = plan(&all, &sessions, &rule) else { return Ok(()) };
        for b in s.blocks.iter().chain([&s.holdout]) {
            let at = sessions.binary_search(&b.first).unwrap();
            prop_assert_eq!(b.bound, sessions[at - s.embargo]);
            prop_assert!(b.train.iter().all(|&r| all[r].matured < b.bound));
            prop_assert!(b.test.iter().all(|&r| (b.first..=b.last).contains(&all[r].date)));
        }
        prop_assert!(s.blocks.iter().flat_map(|b| b.train.iter().chain(&b.test)).all(|&r| all[r].matured < s.holdout.bound));
        prop_assert!(s.proof(&all, &sessions, &rule).iter().all(Proof::holds));
        prop_assert!(s.embargo >= embargo_sessions as usize && s.embargo as f64 >= 0.01 * sessions.len() as f64);
    }
}
