//! The text dialect: NUL-terminated fields, as versions 157 to 200 read them.

use std::fmt::Display;
use std::io::Write;

use super::bars::WireBar;
use super::encode::{BarStyle, Bounds, count, push_average, push_stamp, push_volume};
use super::proto;

/// A frame being written, field by field.
pub(super) struct Fields(Vec<u8>);

impl Fields {
    pub(super) fn of(id: &str) -> Self {
        Self(vec![0; 4]).put(id)
    }

    #[must_use]
    pub(super) fn put(self, field: impl Display) -> Self {
        // A Vec grows, so writing cannot fail.
        self.with(|b| {
            let _ = write!(b, "{field}");
        })
    }

    fn with(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(&mut self.0);
        self.0.push(0);
        self
    }

    fn opt(self, field: Option<&String>) -> Self {
        self.put(field.map_or("", String::as_str))
    }

    pub(super) fn frame(self) -> Vec<u8> {
        let mut frame = self.0;
        let length = frame.len() as u32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame
    }
}

pub(super) fn error(version: i32, id: i32, code: i32, text: &str, time_ms: i64) -> Vec<u8> {
    if version >= 194 {
        return Fields::of("4").put(id).put(code).put(text).put("").put(time_ms).frame();
    }
    let fields = Fields::of("4").put(2).put(id).put(code).put(text);
    if version >= 166 { fields.put("").frame() } else { fields.frame() }
}

/// Contract details in the layout of version 164 and later.
pub(super) fn contract(id: i32, c: &proto::Contract, d: &proto::ContractDetails) -> Vec<u8> {
    let fields = Fields::of("10").put(id).opt(c.symbol.as_ref()).opt(c.sec_type.as_ref());
    let fields = fields.put("").put("0").put("").opt(c.exchange.as_ref()).opt(c.currency.as_ref());
    let fields = fields.opt(c.local_symbol.as_ref()).opt(d.market_name.as_ref()).opt(c.trading_class.as_ref());
    let fields = fields.put(c.con_id.unwrap_or_default()).opt(d.min_tick.as_ref()).put("");
    let fields = fields.opt(d.order_types.as_ref()).opt(d.valid_exchanges.as_ref()).put(d.price_magnifier.unwrap_or(1)).put(0);
    let fields = fields.opt(d.long_name.as_ref()).opt(c.primary_exchange.as_ref()).put("");
    let fields = fields.opt(d.industry.as_ref()).opt(d.category.as_ref()).put("").opt(d.time_zone_id.as_ref());
    let fields = fields.opt(d.trading_hours.as_ref()).opt(d.liquid_hours.as_ref()).put("").put("").put(0);
    let fields = fields.put(d.agg_group.unwrap_or(1)).put("").put("").opt(d.market_rule_ids.as_ref()).put("");
    let fields = fields.opt(d.stock_type.as_ref()).opt(d.min_size.as_ref()).opt(d.size_increment.as_ref());
    fields.opt(d.suggested_size_increment.as_ref()).frame()
}

pub(super) fn history(version: i32, id: i32, bars: &[WireBar], style: BarStyle, bounds: &Bounds) -> Vec<u8> {
    let mut fields = Fields::of("17").put(id);
    if version < 196 {
        fields = fields.put(&bounds.start).put(&bounds.end);
    }
    fields = fields.put(bars.len());
    for bar in bars {
        let c = &bar.candle;
        fields = fields.with(|b| push_stamp(b, bar.stamp, style.epoch)).put(c.open).put(c.high).put(c.low).put(c.close);
        fields = fields.with(|b| push_volume(b, c.volume, style)).with(|b| push_average(b, bar, style)).put(count(c.volume, style));
    }
    fields.frame()
}

/// A fresh bar of a subscription; note the order open, close, high, low.
pub(super) fn update(id: i32, bar: &WireBar, style: BarStyle) -> Vec<u8> {
    let c = &bar.candle;
    let fields = Fields::of("90").put(id).put(count(c.volume, style)).with(|b| push_stamp(b, bar.stamp, style.epoch));
    let fields = fields.put(c.open).put(c.close).put(c.high).put(c.low);
    fields.with(|b| push_average(b, bar, style)).with(|b| push_volume(b, c.volume, style)).frame()
}

pub(super) fn schedule(s: &proto::Schedule) -> Vec<u8> {
    let fields = Fields::of("106").put(s.req_id.unwrap_or_default()).opt(s.start.as_ref()).opt(s.end.as_ref());
    let fields = fields.opt(s.time_zone.as_ref()).put(s.sessions.len());
    let add = |f: Fields, x: &proto::ScheduleSession| f.opt(x.start.as_ref()).opt(x.end.as_ref()).opt(x.reference.as_ref());
    s.sessions.iter().fold(fields, add).frame()
}
