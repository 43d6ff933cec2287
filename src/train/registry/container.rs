//! The form of our files: safetensors (github.com/huggingface/safetensors, `docs.rs/safetensors`), which other tools read
//! too, with one string of metadata: a seal and our header.
//!
//! The seal is the SHA-256 of the whole file with 64 zeros in the seal's place. So a file tells by itself that it is whole,
//! which a checkpoint must that no database knows of.

use std::borrow::Cow;
use std::collections::HashSet;

use safetensors::tensor::{Metadata, View};
use safetensors::{Dtype, SafeTensors};

use crate::store::model::files::sha256;
use crate::train::metrics::Probabilities;
use crate::train::models::NamedTensor;

/// Key of our string in the metadata.
const KEY: &str = "nightdesk";
/// Digits of a seal.
const SEAL: usize = 64;
/// The one tensor that is not of weights.
const ANSWERS: &str = "answers";

/// Why bytes are not a file of ours. As the end of a sentence that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Something else.
    #[error("is not a file of Nightdesk's models")]
    Foreign,
    /// The seal is broken.
    #[error("is damaged or cut off: its seal does not fit its content")]
    Seal,
    /// The parts contradict each other, or what a model is.
    #[error("contradicts itself: {0}")]
    Inconsistent(String),
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    /// Our header: JSON.
    pub header: String,
    /// Weights, by name; all finite.
    pub weights: Vec<NamedTensor>,
    /// Probabilities of rows.
    pub answers: Option<Vec<Probabilities>>,
}

/// A tensor as the format wants it.
enum Cells<'a> {
    Weights(&'a NamedTensor),
    Answers([usize; 2], &'a [Probabilities]),
}

impl View for Cells<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Weights(_) => Dtype::F32,
            Self::Answers(..) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Weights(t) => &t.shape,
            Self::Answers(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut out = Vec::with_capacity(self.data_len());
        match self {
            Self::Weights(t) => t.values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
            Self::Answers(_, rows) => rows.as_flattened().iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
        }
        out.into()
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Weights(t) => 4 * t.values.len(),
            Self::Answers(_, rows) => 8 * rows.as_flattened().len(),
        }
    }
}

/// The bytes of a file.
pub(super) fn encode(content: &Content) -> Result<Vec<u8>, Flaw> {
    check(content)?;
    let weights = content.weights.iter().map(|t| (t.name.as_str(), Cells::Weights(t)));
    let answers = content.answers.iter().map(|rows| (ANSWERS, Cells::Answers([rows.len(), 3], rows)));
    let text = format!("{}{}", "0".repeat(SEAL), content.header);
    let metadata = [(KEY.to_owned(), text)].into_iter().collect();
    let mut bytes = safetensors::serialize(weights.chain(answers), Some(metadata)).map_err(|e| Flaw::Inconsistent(e.to_string()))?;
    let at = seal_at(&bytes).ok_or(Flaw::Foreign)?;
    let seal = sha256(&bytes);
    bytes[at..at + SEAL].copy_from_slice(seal.as_bytes());
    Ok(bytes)
}

/// What the bytes of a file hold.
pub(super) fn decode(mut bytes: Vec<u8>) -> Result<Content, Flaw> {
    let at = seal_at(&bytes).ok_or(Flaw::Foreign)?;
    let seal = bytes[at..at + SEAL].to_vec();
    bytes[at..at + SEAL].fill(b'0');
    if sha256(&bytes).as_bytes() != seal {
        return Err(Flaw::Seal);
    }
    let malformed = |e: safetensors::SafeTensorError| Flaw::Inconsistent(e.to_string());
    let (_, metadata): (usize, Metadata) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
    let text = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or(Flaw::Foreign)?;
    let header = text.get(SEAL..).ok_or(Flaw::Foreign)?.to_owned();
    let mut content = Content { header, weights: Vec::new(), answers: None };
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(malformed)?.iter() {
        match (view.dtype(), view.shape()) {
            (Dtype::F32, shape) => {
                let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                content.weights.push(NamedTensor { name: name.to_owned(), shape: shape.to_vec(), values });
            }
            (Dtype::F64, [_, 3]) if name == ANSWERS => {
                let values: Vec<f64> = view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
                content.answers = Some(values.as_chunks::<3>().0.to_vec());
            }
            (dtype, shape) => return Err(Flaw::Inconsistent(format!("{name} of {dtype:?} and shape {shape:?} has no meaning"))),
        }
    }
    content.weights.sort_by(|a, b| a.name.cmp(&b.name));
    check(&content)?;
    Ok(content)
}

/// Where the seal is: the key in quotes occurs once in a header, as quotes inside of strings are written otherwise.
fn seal_at(bytes: &[u8]) -> Option<usize> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let key = format!("\"{KEY}\":\"");
    let at = header.windows(key.len()).position(|w| w == key.as_bytes())? + key.len();
    (header.len() >= at + SEAL).then_some(8 + at)
}

fn check(content: &Content) -> Result<(), Flaw> {
    let mut names = HashSet::from([ANSWERS]);
    for t in &content.weights {
        let cells = t.shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
        let wrong = match () {
            () if !names.insert(&t.name) => "there twice",
            () if cells != Some(t.values.len()) => "not of its shape",
            () if t.values.iter().any(|v| !v.is_finite()) => "not finite throughout",
            () => continue,
        };
        return Err(Flaw::Inconsistent(format!("the weights {} are {wrong}", t.name)));
    }
    if content.answers.iter().flatten().flatten().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Flaw::Inconsistent("an answer is not a probability".to_owned()));
    }
    Ok(())
}
