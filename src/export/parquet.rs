//! Parquet through the crate's column writers, without Arrow.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};

use super::{ExportError, Sheet, Values};
use crate::market::DAY;

/// Rows a row group: readers skip groups by their statistics, and one group of doubles stays under 10 MiB a column.
const GROUP: usize = 1 << 20;

pub(super) fn write(sheet: &Sheet, out: impl Write + Send) -> Result<(), ExportError> {
    let about = sheet.about.iter().map(|(k, v)| KeyValue::new(format!("nightdesk.{k}"), v.clone())).collect();
    let by_time = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("nightdesk ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .set_sorting_columns(Some(vec![by_time]))
        .build();
    let mut file = SerializedFileWriter::new(out, Arc::new(schema(sheet)?), Arc::new(properties))?;
    let mut start = 0;
    while start < sheet.rows() {
        let end = (start + GROUP).min(sheet.rows());
        let mut group = file.next_row_group()?;
        for (_, values) in &sheet.columns {
            let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column has no writer".into()))?;
            match values {
                Values::Date(v) => {
                    let days: Vec<i32> = v[start..end].iter().map(|t| t.div_euclid(DAY) as i32).collect();
                    column.typed::<Int32Type>().write_batch(&days, None, None)?;
                }
                Values::Instant(v) => {
                    let millis: Vec<i64> = v[start..end].iter().map(|t| t * 1000).collect();
                    column.typed::<Int64Type>().write_batch(&millis, None, None)?;
                }
                Values::MaybeDate(v) => {
                    let days: Vec<i32> = v[start..end].iter().flatten().map(|t| t.div_euclid(DAY) as i32).collect();
                    column.typed::<Int32Type>().write_batch(&days, Some(&present(&v[start..end])), None)?;
                }
                Values::Text(v) => {
                    let words: Vec<ByteArray> = v[start..end].iter().flatten().map(|w| w.as_str().into()).collect();
                    column.typed::<ByteArrayType>().write_batch(&words, Some(&present(&v[start..end])), None)?;
                }
                Values::Number(v) => {
                    let known: Vec<f64> = v[start..end].iter().copied().filter(|x| x.is_finite()).collect();
                    let levels: Vec<i16> = v[start..end].iter().map(|x| i16::from(x.is_finite())).collect();
                    column.typed::<DoubleType>().write_batch(&known, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        start = end;
    }
    file.close()?;
    Ok(())
}

/// Definition levels: 1 where there is a value.
fn present<T>(values: &[Option<T>]) -> Vec<i16> {
    values.iter().map(|v| i16::from(v.is_some())).collect()
}

fn schema(sheet: &Sheet) -> Result<Type, ParquetError> {
    let field = |(name, values): &(&'static str, Values)| -> Result<TypePtr, ParquetError> {
        let (physical, logical, repetition) = match values {
            Values::Date(_) => (Physical::INT32, Some(LogicalType::Date), Repetition::REQUIRED),
            Values::MaybeDate(_) => (Physical::INT32, Some(LogicalType::Date), Repetition::OPTIONAL),
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
            Values::Instant(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)), Repetition::REQUIRED),
            Values::Number(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
        };
        let field = Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(repetition);
        Ok(Arc::new(field.build()?))
    };
    let fields = sheet.columns.iter().map(field).collect::<Result<_, _>>()?;
    Type::group_type_builder("nightdesk").with_fields(fields).build()
}
