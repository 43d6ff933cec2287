//! Dropout whose masks are our own: the backend's come from one locked generator of the whole process.

use burn::tensor::{Device, Tensor, TensorData};

use crate::random::Stream;

/// What is left out in one step of training; nothing otherwise.
pub(super) struct Noise<'a>(Option<Training<'a>>);

struct Training<'a> {
    draw: Stream,
    /// Bytes of a draw below this leave a value out.
    below: u8,
    device: &'a Device,
}

impl<'a> Noise<'a> {
    /// For answers.
    pub fn none() -> Self {
        Self(None)
    }

    /// Leaves out `share` of the values, to the nearest 1/256.
    pub fn training(share: f64, draw: Stream, device: &'a Device) -> Self {
        let below = (share * 256.0).round().clamp(0.0, 255.0) as u8;
        Self((below > 0).then_some(Training { draw, below, device }))
    }

    /// `x` with values left out and the others enlarged so that means stay (Srivastava et al., JMLR 2014).
    pub fn dropped<const D: usize>(&mut self, x: Tensor<D>) -> Tensor<D> {
        match &mut self.0 {
            None => x,
            Some(training) => {
                let shape = x.dims();
                let mask = TensorData::new(training.mask(shape.iter().product()), shape);
                x * Tensor::<D>::from_data(mask, training.device)
            }
        }
    }
}

impl Training<'_> {
    /// 0 where a value is left out, and elsewhere what keeps the mean. Eight values from each draw of 64 bits.
    fn mask(&mut self, values: usize) -> Vec<f32> {
        let kept = 256.0 / (256.0 - f32::from(self.below));
        let mut mask = vec![0.0; values];
        for eight in mask.chunks_mut(8) {
            for (value, byte) in eight.iter_mut().zip(self.draw.bits().to_le_bytes()) {
                *value = if byte < self.below { 0.0 } else { kept };
            }
        }
        mask
    }
}
