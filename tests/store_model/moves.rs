//! Whatever is asked of the registry in whatever order, its promises hold after each step.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nightdesk::market::Clock;
use nightdesk::store::model::{ModelDb, MoveCause};
use nightdesk::train::gates::Verdict;
use nightdesk::train::model_views::ModelState;
use nightdesk::train::registry::{self, Actor, RegistryError, tidy};
use proptest::prelude::*;

use crate::Desk;
use crate::made::{folder, registry_of, rejected, serve, trained};

#[derive(Clone, Debug)]
enum Ask {
    Train(u32),
    Reject,
    Promote(usize, bool),
    Rollback,
    Withdraw(usize),
    Serve(usize),
    Days(u64),
    Spoil(usize),
    Tidy,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => (0..3_u32).prop_map(Ask::Train),
        1 => Just(Ask::Reject),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(m, person)| Ask::Promote(m, person)),
        3 => Just(Ask::Rollback),
        1 => any::<usize>().prop_map(Ask::Withdraw),
        3 => any::<usize>().prop_map(Ask::Serve),
        1 => (1..20_u64).prop_map(Ask::Days),
        1 => any::<usize>().prop_map(Ask::Spoil),
        1 => Just(Ask::Tidy),
    ]
}

struct Tried {
    desk: Desk,
    db: ModelDb,
    ensembles: Vec<i64>,
}

impl Tried {
    fn new() -> Self {
        let desk = Desk::new();
        let db = desk.db();
        Self { desk, db, ensembles: Vec::new() }
    }

    /// Does it, where there is a model to do it to.
    fn ask(&mut self, ask: &Ask) -> Option<Result<(), RegistryError>> {
        let Self { desk, db, ensembles } = self;
        let (folder, now) = (folder(desk), desk.clock.now());
        let pick = |n: usize| (!ensembles.is_empty()).then(|| ensembles[n % ensembles.len()]);
        match *ask {
            Ask::Train(sessions_left) => ensembles.push(trained(db, desk, &Verdict::Shadow { sessions_left })),
            Ask::Reject => ensembles.push(trained(db, desk, &rejected())),
            Ask::Promote(n, person) => {
                let actor = if person { Actor::Person("ada") } else { Actor::Program };
                return Some(registry::promote(db, &folder, pick(n)?, actor, "asked", now));
            }
            Ask::Rollback => return Some(registry::rollback(db, &folder, Actor::Person("ada"), "asked", now).map(drop)),
            Ask::Withdraw(n) => return Some(registry::withdraw(db, pick(n)?, Actor::Person("ada"), "asked")),
            Ask::Serve(n) => serve(desk, pick(n)?, 1),
            Ask::Days(days) => desk.clock.advance(Duration::from_secs(days * 86_400)),
            Ask::Spoil(n) => {
                let path = folder.path().join(format!("run-{}.safetensors", n % ensembles.len().max(1) + 1));
                let Ok(mut bytes) = fs::read(&path) else { return None };
                let at = n % bytes.len();
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
            Ask::Tidy => return Some(tidy(db, &folder, 7, now).map(drop)),
        }
        None
    }

    /// What must hold whatever was asked.
    fn check(&self) {
        let r = self.db.reader();
        let log = r.model_changes(usize::MAX).unwrap();
        let mut states = BTreeMap::new();
        for change in log.iter().rev() {
            assert_eq!(states.insert(change.model_id, change.to), change.from, "each move begins where the last one ended");
            assert_ne!(change.from, Some(ModelState::Rejected));
        }
        let mut champions = Vec::new();
        for ensemble in r.models(usize::MAX).unwrap() {
            let of = r.models_of(ensemble.run_id).unwrap();
            assert!(of.iter().all(|m| m.state == ensemble.state), "models of a run are in one state");
            assert!(of.iter().all(|m| states[&m.model_id] == m.state), "the log tells the states");
            let may_lack_a_file = matches!(ensemble.state, ModelState::Rejected | ModelState::Retired);
            assert!(may_lack_a_file || !r.files_of(ensemble.run_id).unwrap().is_empty());
            champions.extend((ensemble.state == ModelState::Champion).then_some(ensemble.model_id));
        }
        assert!(champions.len() <= 1, "never two champions: {champions:?}");
        for file in r.model_files().unwrap() {
            assert!(folder(&self.desk).path().join(&file.file).exists(), "{} is gone but registered", file.file);
        }
    }

    /// The newest champion's move into service was right.
    fn check_promoted(&self, ask: &Ask) {
        let r = self.db.reader();
        let now = self.desk.clock.now();
        let champion = r.models(usize::MAX).unwrap().into_iter().find(|m| m.state == ModelState::Champion).unwrap();
        assert!(now < champion.expires_at && r.shadow_sessions(champion.model_id).unwrap() >= champion.shadow_sessions);
        registry::open(r, &folder(&self.desk), &champion).unwrap();
        if matches!(ask, Ask::Rollback) {
            let own = r.model_changes(usize::MAX).unwrap().into_iter().filter(|c| c.model_id == champion.model_id);
            let causes: Vec<MoveCause> = own.map(|c| c.cause).take(2).collect();
            assert_eq!(causes, [MoveCause::Restored, MoveCause::Succeeded], "one that made way in a rollback stays away");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_never_a_second_champion_and_a_refusal_changes_nothing(asks in prop::collection::vec(ask(), 1..40)) {
        let mut tried = Tried::new();
        for ask in &asks {
            let before = registry_of(&tried.desk);
            match tried.ask(ask) {
                Some(Err(e)) => prop_assert_eq!(registry_of(&tried.desk), before, "{:?}: {}", ask, e),
                Some(Ok(())) if matches!(ask, Ask::Promote(..) | Ask::Rollback) => tried.check_promoted(ask),
                _ => {}
            }
            tried.check();
        }
    }
}
