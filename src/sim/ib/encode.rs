//! Answers as frames, in either dialect. Bars are written straight into the frame; everything else goes through the
//! messages of [`super::proto`] or a list of text fields.

use prost::Message;
use prost::encoding::encode_varint;

use super::bars::{Stamp, WireBar};
use super::contracts::Listing;
use super::proto;
use super::text::{self, Fields};
use super::wire::{Dialect, MAX_BODY, Version};

/// What an answer is written for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    pub version: Version,
}

/// How bars are to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct BarStyle {
    /// Epoch seconds instead of local text (`formatDate` 2).
    pub epoch: bool,
    /// Volumes and averages are there (quotes have none).
    pub traded: bool,
    /// Fault: volumes that are no quantity, `NaN` or -1.
    pub bad_volume: bool,
}

/// The window named in the end marker, ready for the wire.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub start: String,
    pub end: String,
}

fn message(id: i32, payload: &impl Message) -> Vec<u8> {
    let length = 4 + payload.encoded_len();
    let mut out = Vec::with_capacity(4 + length);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.extend_from_slice(&(id + 200).to_be_bytes());
    // A Vec grows, so encoding cannot run out of room.
    let _ = payload.encode(&mut out);
    out
}

impl Encoder {
    fn is_text(self) -> bool {
        self.version.dialect == Dialect::Text
    }

    pub(super) fn accounts(self, list: &str) -> Vec<u8> {
        if self.is_text() { Fields::of("15").put(1).put(list).frame() } else { message(15, &proto::Text { text: Some(list.into()) }) }
    }

    pub(super) fn next_id(self, id: i32) -> Vec<u8> {
        if self.is_text() { Fields::of("9").put(1).put(id).frame() } else { message(9, &proto::RequestId { req_id: Some(id) }) }
    }

    /// An error or a notice; `id` -1 belongs to no request.
    pub(super) fn error(self, id: i32, code: i32, text: &str, time_ms: i64) -> Vec<u8> {
        if self.is_text() {
            return text::error(self.version.number, id, code, text, time_ms);
        }
        message(4, &proto::ErrorMessage { id: Some(id), time_ms: Some(time_ms), code: Some(code), text: Some(text.into()) })
    }

    pub(super) fn contract(self, id: i32, listing: &Listing, now: i64) -> Vec<u8> {
        let (contract, details) = described(listing, now);
        if self.is_text() {
            return text::contract(id, &contract, &details);
        }
        message(10, &proto::ContractAnswer { req_id: Some(id), contract: Some(contract), details: Some(details) })
    }

    pub(super) fn contract_end(self, id: i32) -> Vec<u8> {
        if self.is_text() { Fields::of("52").put(1).put(id).frame() } else { message(52, &proto::RequestId { req_id: Some(id) }) }
    }

    /// The bars frame; `None` when it would be longer than the protocol allows.
    pub(super) fn history(self, id: i32, bars: &[WireBar], style: BarStyle, bounds: &Bounds) -> Option<Vec<u8>> {
        let frame = if self.is_text() { text::history(self.version.number, id, bars, style, bounds) } else { history(id, bars, style) };
        (frame.len() <= MAX_BODY + 4).then_some(frame)
    }

    /// The end marker. Text versions before 196 have none: the bars frame names the window.
    pub(super) fn history_end(self, id: i32, bounds: &Bounds) -> Vec<u8> {
        match self.version {
            Version { dialect: Dialect::Text, number } if number < 196 => Vec::new(),
            Version { dialect: Dialect::Text, .. } => Fields::of("108").put(id).put(&bounds.start).put(&bounds.end).frame(),
            Version { dialect: Dialect::Protobuf, .. } => {
                let (start, end) = (Some(bounds.start.clone()), Some(bounds.end.clone()));
                message(108, &proto::HistoryEnd { req_id: Some(id), start, end })
            }
        }
    }

    /// One bar of a subscription that is kept up to date.
    pub(super) fn update(self, id: i32, bar: &WireBar, style: BarStyle) -> Vec<u8> {
        if self.is_text() {
            return text::update(id, bar, style);
        }
        let mut body = vec![0, 0, 0, 0];
        body.extend_from_slice(&(90 + 200_i32).to_be_bytes());
        body.push(0x08);
        encode_varint(sign_extended(id), &mut body);
        push_bar(&mut body, &mut Vec::new(), bar, style);
        with_length(body)
    }

    pub(super) fn schedule(self, schedule: &proto::Schedule) -> Vec<u8> {
        if self.is_text() { text::schedule(schedule) } else { message(106, schedule) }
    }

    pub(super) fn head(self, id: i32, stamp: &str) -> Vec<u8> {
        if self.is_text() {
            return Fields::of("88").put(id).put(stamp).frame();
        }
        message(88, &proto::IdText { req_id: Some(id), text: Some(stamp.into()) })
    }

    pub(super) fn time(self, seconds: i64) -> Vec<u8> {
        if self.is_text() { Fields::of("49").put(1).put(seconds).frame() } else { message(49, &proto::Long { value: Some(seconds) }) }
    }

    pub(super) fn time_millis(self, ms: i64) -> Vec<u8> {
        if self.is_text() { Fields::of("109").put(ms).frame() } else { message(109, &proto::Long { value: Some(ms) }) }
    }

    /// A message whose id no client knows.
    pub(super) fn unknown(self) -> Vec<u8> {
        if self.is_text() { Fields::of("9999").put("?").frame() } else { message(9999, &proto::RequestId { req_id: Some(0) }) }
    }
}

fn described(listing: &Listing, now: i64) -> (proto::Contract, proto::ContractDetails) {
    let some = |s: &str| Some(s.to_owned());
    let stock = listing.sec_type() == "STK";
    let contract = proto::Contract {
        con_id: Some(listing.con_id),
        symbol: some(&listing.symbol),
        sec_type: some(listing.sec_type()),
        exchange: some(listing.exchange()),
        primary_exchange: stock.then(|| listing.primary.to_owned()),
        currency: some("USD"),
        local_symbol: some(&if stock { listing.symbol.clone() } else { format!("{}.USD", listing.symbol) }),
        trading_class: some(&if stock { listing.symbol.replace(' ', "") } else { listing.symbol.clone() }),
    };
    let hours = listing.hours(now);
    let (size, step) = if stock { ("1", "1") } else { ("0.00000001", "0.00000001") };
    let details = proto::ContractDetails {
        market_name: contract.trading_class.clone(),
        min_tick: some("0.01"),
        order_types: some("ACTIVETIM,ADJUST,DAY,GTC,LMT,MKT"),
        valid_exchanges: Some(if stock { format!("SMART,{}", listing.primary) } else { "PAXOS,ZEROHASH".into() }),
        price_magnifier: Some(1),
        long_name: some(&listing.instrument.name),
        industry: some(&listing.instrument.sector),
        category: some(&listing.instrument.sector),
        time_zone_id: some(listing.time_zone()),
        trading_hours: Some(hours.clone()),
        liquid_hours: Some(hours),
        agg_group: Some(1),
        market_rule_ids: some("26"),
        stock_type: stock.then(|| "COMMON".to_owned()),
        min_size: some(size),
        size_increment: some(step),
        suggested_size_increment: some(if stock { "100" } else { step }),
    };
    (contract, details)
}

/// Protobuf writes a negative `int32` as ten bytes, sign-extended to 64 bits.
fn sign_extended(v: i32) -> u64 {
    i64::from(v).cast_unsigned()
}

fn with_length(mut frame: Vec<u8>) -> Vec<u8> {
    let length = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

fn history(id: i32, bars: &[WireBar], style: BarStyle) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + bars.len() * 90);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(17 + 200_i32).to_be_bytes());
    out.push(0x08);
    encode_varint(sign_extended(id), &mut out);
    let mut scratch = Vec::with_capacity(128);
    for bar in bars {
        push_bar(&mut out, &mut scratch, bar, style);
    }
    with_length(out)
}

/// Appends field 2, a `HistoricalDataBar`: 1 date, 2-5 prices, 6 volume, 7 WAP, 8 count.
fn push_bar(out: &mut Vec<u8>, scratch: &mut Vec<u8>, bar: &WireBar, style: BarStyle) {
    scratch.clear();
    push_string(scratch, 0x0a, |b| push_stamp(b, bar.stamp, style.epoch));
    let c = &bar.candle;
    for (key, price) in [(0x11, c.open), (0x19, c.high), (0x21, c.low), (0x29, c.close)] {
        scratch.push(key);
        scratch.extend_from_slice(&price.to_le_bytes());
    }
    push_string(scratch, 0x32, |b| push_volume(b, c.volume, style));
    push_string(scratch, 0x3a, |b| push_average(b, bar, style));
    scratch.push(0x40);
    encode_varint(sign_extended(count(c.volume, style)), scratch);
    out.push(0x12);
    encode_varint(scratch.len() as u64, out);
    out.extend_from_slice(scratch);
}

/// Appends a string field whose content is shorter than 128 bytes.
fn push_string(out: &mut Vec<u8>, key: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(key);
    let at = out.len();
    out.push(0);
    write(out);
    out[at] = (out.len() - at - 1) as u8;
}

/// Appends a bar's time: epoch seconds, local text, or a date.
pub(super) fn push_stamp(out: &mut Vec<u8>, stamp: Stamp, epoch: bool) {
    match stamp {
        Stamp::Instant(ts) if epoch => push_scaled(out, ts, 0),
        Stamp::Instant(ts) => {
            let at = chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().with_timezone(&chrono_tz::US::Eastern);
            out.extend_from_slice(at.format("%Y%m%d %H:%M:%S US/Eastern").to_string().as_bytes());
        }
        Stamp::Date(date) => {
            let (y, m, d) = (chrono::Datelike::year(&date), chrono::Datelike::month(&date), chrono::Datelike::day(&date));
            push_scaled(out, i64::from(y) * 10_000 + i64::from(m) * 100 + i64::from(d), 0);
        }
    }
}

/// Appends the volume; shares are whole, coins have up to four decimals, -1 stands for none.
pub(super) fn push_volume(out: &mut Vec<u8>, volume: f64, style: BarStyle) {
    if style.bad_volume {
        // Both spellings of "unknown" that gateways have been seen to send, by the parity of the true volume.
        out.extend_from_slice(if (volume as u64).is_multiple_of(2) { b"NaN" } else { b"-1" });
    } else if style.traded && volume >= 0.0 {
        push_scaled(out, (volume * 1e4).round() as i64, 4);
    } else {
        out.extend_from_slice(b"-1");
    }
}

/// Appends the average price, the mean of high, low and close to a tenth of a cent, -1 for none.
pub(super) fn push_average(out: &mut Vec<u8>, bar: &WireBar, style: BarStyle) {
    if style.traded {
        let c = &bar.candle;
        push_scaled(out, ((c.high + c.low + c.close) / 3.0 * 1e3).round() as i64, 3);
    } else {
        out.extend_from_slice(b"-1");
    }
}

/// Trades in a bar, about one for every hundred units; -1 for quotes.
pub(super) fn count(volume: f64, style: BarStyle) -> i32 {
    if style.traded { (volume / 100.0).max(1.0) as i32 } else { -1 }
}

/// Appends `value / 10^decimals` in decimal, without trailing zeros.
pub(super) fn push_scaled(out: &mut Vec<u8>, value: i64, decimals: usize) {
    let (mut rest, mut decimals) = (value.unsigned_abs(), decimals);
    if value < 0 {
        out.push(b'-');
    }
    while decimals > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        decimals -= 1;
    }
    let mut digits = [b'0'; 24];
    let mut at = digits.len();
    let mut written = 0;
    while rest > 0 || written <= decimals {
        if written == decimals && decimals > 0 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
