//! Checkpoints of finished fits: used only where they are whole and of the same run.

use std::fs;
use std::sync::LazyLock;

use nightdesk::config::strategy::ModelName;
use nightdesk::store::model::TrainingIdentity;
use nightdesk::train::registry::{Checkpoint, FitKey, Unusable, read_checkpoint, write_checkpoint};
use proptest::prelude::*;

use crate::Desk;
use crate::made::{curve, folder, identity, tensor};

const KEY: FitKey = FitKey { model: ModelName::Mlp, fold: Some(3), seed: 0 };

fn checkpoint() -> Checkpoint {
    let answers = (1..=50).map(|i| [1.0 / 3.0, 1.0 / f64::from(i + 3), f64::from(i) / 1e9]).collect();
    Checkpoint { curve: curve(ModelName::Mlp, Some(3)), weights: vec![tensor("hidden.weight".into(), &[5, 4])], answers }
}

fn file(desk: &Desk) -> std::path::PathBuf {
    folder(desk).path().join("run-12/mlp-fold3-seed0.safetensors")
}

#[test]
fn a_finished_fit_comes_back_bit_for_bit() {
    let desk = Desk::new();
    assert_eq!(read_checkpoint(&folder(&desk), 12, &identity(), KEY).unwrap(), None);
    write_checkpoint(&folder(&desk), 12, &identity(), &checkpoint()).unwrap();
    assert!(file(&desk).exists());
    let back = read_checkpoint(&folder(&desk), 12, &identity(), KEY).unwrap().unwrap();
    assert_eq!(back, checkpoint());
    let bits = |c: &Checkpoint| c.answers.iter().flatten().map(|p| p.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&back), bits(&checkpoint()));

    let last = Checkpoint { curve: curve(ModelName::Mlp, None), answers: Vec::new(), ..checkpoint() };
    write_checkpoint(&folder(&desk), 12, &identity(), &last).unwrap();
    assert_eq!(read_checkpoint(&folder(&desk), 12, &identity(), FitKey { fold: None, ..KEY }).unwrap(), Some(last));
    let mut diverged = checkpoint();
    diverged.curve.train[0] = f32::NAN;
    assert!(write_checkpoint(&folder(&desk), 12, &identity(), &diverged).is_err());
    diverged = checkpoint();
    diverged.answers[7][0] = f64::NAN;
    assert!(write_checkpoint(&folder(&desk), 12, &identity(), &diverged).is_err());
    assert_eq!(read_checkpoint(&folder(&desk), 12, &identity(), KEY).unwrap(), Some(checkpoint()), "the good one stays");
    fs::write(file(&desk), b"damaged").unwrap();
    write_checkpoint(&folder(&desk), 12, &identity(), &checkpoint()).unwrap();
    assert_eq!(read_checkpoint(&folder(&desk), 12, &identity(), KEY).unwrap(), Some(checkpoint()), "the fit that was done again");
}

#[test]
fn one_of_another_run_or_fit_is_not_used() {
    let desk = Desk::new();
    write_checkpoint(&folder(&desk), 12, &identity(), &checkpoint()).unwrap();
    for other in [TrainingIdentity { seed: 8, ..identity() }, TrainingIdentity { snapshot: "s-2".into(), ..identity() }] {
        let e = read_checkpoint(&folder(&desk), 12, &other, KEY).unwrap_err();
        assert!(matches!(e, Unusable::Other { .. }) && e.to_string().contains("mlp-fold3-seed0"), "{e}");
    }
    fs::copy(file(&desk), file(&desk).with_file_name("mlp-fold4-seed0.safetensors")).unwrap();
    let e = read_checkpoint(&folder(&desk), 12, &identity(), FitKey { fold: Some(4), ..KEY });
    assert!(matches!(e, Err(Unusable::Other { .. })));
    assert_eq!(read_checkpoint(&folder(&desk), 13, &identity(), KEY).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_one_is_never_trusted(at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<bool>()) {
        static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
            write_checkpoint(&folder(&DESK), 12, &identity(), &checkpoint()).unwrap();
            fs::read(file(&DESK)).unwrap()
        });
        let mut bytes = BYTES.clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        fs::write(file(&DESK), &bytes).unwrap();
        let end = read_checkpoint(&folder(&DESK), 12, &identity(), KEY);
        prop_assert!(matches!(&end, Err(Unusable::Flawed { .. })), "{end:?}");
    }
}
