//! Rows on a device, cut into batches.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::inputs::Inputs;
use crate::random::Stream;

/// What a net sees of rows, on a device without gradients.
pub(super) struct Resident {
    /// The table, or the series of bars.
    values: Tensor<2>,
    /// For nets on windows: sessions, and each row's last bar.
    windows: Option<(usize, Vec<u32>)>,
    rows: usize,
    device: Device,
}

impl Resident {
    /// `inputs` must have been checked for `window`.
    pub fn new(inputs: &Inputs, window: Option<usize>, device: &Device) -> Self {
        let (values, columns) = match window {
            Some(_) => (inputs.windows.series.to_vec(), inputs.windows.channels),
            None => (inputs.table.to_vec(), inputs.width),
        };
        let bars = values.len() / columns.max(1);
        Self {
            values: Tensor::from_data(TensorData::new(values, [bars, columns]), device),
            windows: window.map(|sessions| (sessions, inputs.windows.last.clone())),
            rows: inputs.rows(window),
            device: device.clone(),
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// One tensor of rows x width, or one a session of rows x channels, oldest first.
    pub fn batch(&self, rows: &[u32]) -> Vec<Tensor<2>> {
        match &self.windows {
            None => vec![self.select(rows.iter().copied())],
            Some((sessions, last)) => {
                let session = |back: usize| self.select(rows.iter().map(|&row| last[row as usize] - back as u32));
                (0..*sessions).rev().map(session).collect()
            }
        }
    }

    fn select(&self, rows: impl Iterator<Item = u32>) -> Tensor<2> {
        self.values.clone().select(0, indices(rows, &self.device))
    }

    /// Rows that an epoch shows: all of a table, and every `stride`-th session of windows, another one each epoch.
    pub fn shown(&self, epoch: u32, stride: u32) -> Vec<u32> {
        let all = 0..self.rows as u32;
        match &self.windows {
            Some((_, last)) if stride > 1 => {
                let shown: Vec<u32> = all.clone().filter(|&row| (last[row as usize] + epoch).is_multiple_of(stride)).collect();
                if shown.is_empty() { all.collect() } else { shown }
            }
            _ => all.collect(),
        }
    }
}

/// Row numbers on a device.
pub(super) fn indices(rows: impl Iterator<Item = u32>, device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.map(|row| row as i32).collect();
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows, [count]), device)
}

/// In random order (Fisher and Yates).
pub(super) fn shuffle(rows: &mut [u32], draw: &mut Stream) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, draw.below(last + 1));
    }
}

/// Parts of at most `most` rows that differ by one row at most: a small last part would be a noisy step.
pub(super) fn even_parts(rows: &[u32], most: usize) -> impl ExactSizeIterator<Item = &[u32]> {
    let (count, parts) = (rows.len(), rows.len().div_ceil(most.max(1)));
    (0..parts).map(move |part| &rows[part * count / parts..(part + 1) * count / parts])
}
