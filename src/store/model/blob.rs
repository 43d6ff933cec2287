//! Numbers as little-endian bytes, the form of every blob.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

/// Adds the bytes of numbers; every NaN as one, so that equal content has equal bytes.
pub(super) fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    out.reserve(8 * values.len());
    for &value in values {
        out.extend_from_slice(&if value.is_nan() { f64::NAN } else { value }.to_le_bytes());
    }
}

/// The bytes of numbers, see [`put_floats`].
pub(super) fn floats(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_floats(&mut out, values);
    out
}

/// The bytes of stamps.
pub(super) fn stamps(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Numbers from bytes; what does not fill eight bytes at the end is left out, which the CHECKs of the tables rule out.
pub(super) fn to_floats(bytes: &[u8]) -> impl ExactSizeIterator<Item = f64> + '_ {
    bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b))
}

/// Stamps from bytes.
pub(super) fn to_stamps(bytes: &[u8]) -> impl ExactSizeIterator<Item = i64> + '_ {
    bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b))
}

/// The bytes in a column.
pub(super) fn bytes<'r>(r: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    r.get_ref(column)?.as_blob().map_err(|e: FromSqlError| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_bit_for_bit_and_any_nan_is_one() {
        let values = [0.1, -0.0, f64::MIN_POSITIVE / 2.0, f64::INFINITY, -f64::NAN];
        let back: Vec<u64> = to_floats(&floats(&values)).map(f64::to_bits).collect();
        assert_eq!(back[..4], values.map(f64::to_bits)[..4]);
        assert_eq!(back[4], f64::NAN.to_bits());
        assert!(to_stamps(&stamps(&[-1, i64::MAX])).eq([-1, i64::MAX]));
    }
}
