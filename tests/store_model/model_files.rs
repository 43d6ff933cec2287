//! Model files: what is written comes back bit for bit, and nothing else is opened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use nightdesk::config::strategy::ModelName;
use nightdesk::features::definition_hash;
use nightdesk::market::Strategy;
use nightdesk::store::model::ModelFile;
use nightdesk::store::model::files::{FileFault, sha256};
use nightdesk::train::registry::{ModelFileError, ModelFolder, SavedModels, open_models, weight_name, write_models};
use nightdesk::train::stack::Combination;
use proptest::prelude::*;

use crate::Desk;
use crate::made::{folder, saved, tensor};

/// A file as it was written, and its bytes.
fn written(desk: &Desk) -> (ModelFile, Vec<u8>) {
    let file = write_models(&folder(desk), &saved(12)).unwrap();
    let bytes = fs::read(folder(desk).path().join(&file.file)).unwrap();
    (file, bytes)
}

/// Opens `bytes` as if they were what was registered: all that is left to stand against them is the file itself.
fn open_as_registered(desk: &Desk, bytes: &[u8]) -> Result<SavedModels, ModelFileError> {
    let of = ModelFile { file: "run-12.safetensors".into(), sha256: sha256(bytes), bytes: bytes.len() as u64 };
    fs::write(folder(desk).path().join(&of.file), bytes).unwrap();
    open_models(&folder(desk), &of, definition_hash())
}

/// `bytes` with another text in their header, and a seal that fits.
fn forged(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what).unwrap();
    let mut out = bytes.to_vec();
    let at = find(&out, old.as_bytes());
    out[at..at + new.len()].copy_from_slice(new.as_bytes());
    let key = br#""nightdesk":""#;
    let seal = find(&out, key) + key.len();
    out[seal..seal + 64].fill(b'0');
    let hash = sha256(&out);
    out[seal..seal + 64].copy_from_slice(hash.as_bytes());
    out
}

#[test]
fn models_come_back_bit_for_bit_from_a_private_file_that_other_tools_read() {
    let desk = Desk::new();
    let (file, bytes) = written(&desk);
    assert_eq!((file.file.as_str(), &file.sha256, file.bytes), ("run-12.safetensors", &sha256(&bytes), bytes.len() as u64));
    let back = open_models(&folder(&desk), &file, definition_hash()).unwrap();
    assert_eq!(back, saved(12));
    let scales = |m: &SavedModels| {
        m.header.normaliser.scales.iter().flat_map(|s| [s.low, s.high, s.mean, s.deviation].map(f64::to_bits)).collect::<Vec<_>>()
    };
    assert_eq!(scales(&back), scales(&saved(12)), "-0.0 and the smallest number too");
    let path = folder(&desk).path().join(&file.file);
    assert_eq!(path, desk.dir.path().join("data/models/turbomode/run-12.safetensors"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder(&desk).path()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(folder(&desk).path()).unwrap().count(), 1, "no part stays behind");
    let plain = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(plain.tensor("mlp/1/hidden.weight").unwrap().shape(), [2, 4]);
    assert_eq!(write_models(&folder(&desk), &saved(12)).unwrap(), file, "the same models make the same bytes");
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-2, appendix B.1");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_other_byte_or_length_is_refused(at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<bool>()) {
        static WRITTEN: LazyLock<(Desk, ModelFile, Vec<u8>)> = LazyLock::new(|| {
            let desk = Desk::new();
            let (file, bytes) = written(&desk);
            (desk, file, bytes)
        });
        let (desk, file, mut bytes) = (&WRITTEN.0, &WRITTEN.1, WRITTEN.2.clone());
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        let as_registered = open_as_registered(desk, &bytes);
        prop_assert!(matches!(&as_registered, Err(ModelFileError::Flawed { .. })), "{as_registered:?}");
        let fault = open_models(&folder(desk), file, definition_hash());
        let told = matches!(&fault, Err(ModelFileError::Unread { fault: FileFault::Hash | FileFault::Length { .. }, .. }));
        prop_assert!(told, "{fault:?}");
    }
}

#[test]
fn what_is_not_there_foreign_or_too_long_is_refused_in_words() {
    let desk = Desk::new();
    let (file, bytes) = written(&desk);
    let words = |end: Result<SavedModels, ModelFileError>| end.unwrap_err().to_string();
    let longer = [bytes.as_slice(), b" "].concat();
    assert!(
        words(open_as_registered(&desk, &longer))
            .contains("is damaged or cut off: its seal does not fit its content; nothing is predicted")
    );
    assert!(words(open_models(&folder(&desk), &file, definition_hash())).contains(" bytes, "));
    assert!(words(open_as_registered(&desk, b"PK\x03\x04 something else")).contains("is not a file of Nightdesk's models"));
    let plain =
        safetensors::serialize([("a", safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap())], None);
    assert!(words(open_as_registered(&desk, &plain.unwrap())).contains("is not a file of Nightdesk's models"));
    let huge = ModelFile { bytes: 1 << 40, ..file.clone() };
    let path = folder(&desk).path().join(&file.file);
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let e = open_models(&folder(&desk), &huge, definition_hash()).unwrap_err();
    assert!(
        matches!(e, ModelFileError::Unread { fault: FileFault::TooLarge(long), .. } if long == 1 << 40),
        "read before it was looked at"
    );
    fs::remove_file(&path).unwrap();
    let e = words(open_models(&folder(&desk), &file, definition_hash()));
    assert!(e.contains("run-12.safetensors is not there; nothing is predicted with it: put the file of a backup in its place"), "{e}");
}

#[test]
fn files_of_a_newer_program_other_strategy_or_features_are_refused_in_words() {
    let desk = Desk::new();
    let (file, bytes) = written(&desk);
    let newer = open_as_registered(&desk, &forged(&bytes, r#"\"format\":1"#, r#"\"format\":2"#)).unwrap_err();
    assert!(newer.to_string().ends_with("is of format 2, this Nightdesk reads up to 1; use the newer program, or train again"), "{newer}");
    // A newer one may mean anything by its header, and still says its format.
    let unknown = forged(&bytes, r#"\"strategy\""#, r#"\"tactics_\""#);
    assert!(matches!(open_as_registered(&desk, &unknown), Err(ModelFileError::Flawed { .. })));
    let unknown = forged(&unknown, r#"\"format\":1"#, r#"\"format\":7"#);
    assert!(matches!(open_as_registered(&desk, &unknown), Err(ModelFileError::Newer { found: 7, .. })));

    fs::write(folder(&desk).path().join(&file.file), &bytes).unwrap();
    let e = open_models(&folder(&desk), &file, "fedcba9876543210").unwrap_err();
    assert!(matches!(&e, ModelFileError::OtherFeatures { known, .. } if known == "fedcba9876543210"), "{e}");
    let other = ModelFolder::new(desk.path().parent().unwrap(), Strategy::Slipstream);
    fs::create_dir_all(other.path()).unwrap();
    fs::write(other.path().join(&file.file), &bytes).unwrap();
    let e = open_models(&other, &file, definition_hash()).unwrap_err();
    assert!(e.to_string().ends_with("holds models of turbomode; each strategy has its own, move the file back"), "{e}");
    assert!(matches!(write_models(&other, &saved(13)), Err(ModelFileError::OtherStrategy { .. })));
}

#[test]
fn models_that_contradict_themselves_are_not_written() {
    let desk = Desk::new();
    let wrong = |change: &dyn Fn(&mut SavedModels)| {
        let mut models = saved(12);
        change(&mut models);
        let e = write_models(&folder(&desk), &models).unwrap_err().to_string();
        e.split("contradicts itself: ").nth(1).unwrap().split("; nothing").next().unwrap().to_owned()
    };
    assert_eq!(wrong(&|m| m.weights[0].values[3] = f32::NAN), "the weights mlp/0/hidden.weight are not finite throughout");
    assert_eq!(wrong(&|m| m.weights[0].shape = vec![3, 3]), "the weights mlp/0/hidden.weight are not of its shape");
    assert_eq!(wrong(&|m| m.weights[0].shape = vec![usize::MAX, 2]), "the weights mlp/0/hidden.weight are not of its shape");
    assert_eq!(wrong(&|m| m.weights.push(m.weights[0].clone())), "the weights mlp/0/hidden.weight are there twice");
    assert_eq!(wrong(&|m| m.header.normaliser.scales[1].mean = f64::NAN), "a number in its header is not finite");
    assert_eq!(wrong(&|m| m.header.features.truncate(1)), "1 features, but 2 scales");
    assert_eq!(wrong(&|m| m.weights.truncate(2)), "there are no weights of softmax/0/");
    let stray = tensor(weight_name(ModelName::Tcn, 0, "kernel"), &[1]);
    assert_eq!(wrong(&|m| m.weights.push(stray.clone())), "there are weights of an unknown fit, tcn/0/");
    assert_eq!(wrong(&|m| m.header.models.push(m.header.models[0].clone())), "a base model is there twice");
    assert_eq!(wrong(&|m| m.header.models.clear()), "a base model without a fit, or none at all");
    assert_eq!(wrong(&|m| m.header.combination = Combination::Meta), "the meta-learner ships, but is not there; or the reverse");
    assert_eq!(wrong(&|m| m.header.prior[0] = 0.9), "the shares of the classes do not add up to 1");
    assert!(!folder(&desk).path().exists(), "nothing was written");
}
