//! What is true of one bar on its own: the predicates that the census counts and the checks judge.

use crate::market::Candle;

/// A set of facts about a bar. Comparisons with NaN are false, so a missing price is [`Facts::NULL`] and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts(u8);

impl Facts {
    /// A price is missing, NaN or infinite.
    pub(super) const NULL: Self = Self(1);
    /// A price is zero or less.
    pub(super) const NONPOSITIVE: Self = Self(1 << 1);
    /// The volume is less than zero.
    pub(super) const NEGATIVE_VOLUME: Self = Self(1 << 2);
    /// High below low.
    pub(super) const HIGH_LT_LOW: Self = Self(1 << 3);
    /// High below open or close.
    pub(super) const HIGH_LT_OC: Self = Self(1 << 4);
    /// Low above open or close.
    pub(super) const LOW_GT_OC: Self = Self(1 << 5);
    /// The volume is zero.
    pub(super) const ZERO_VOLUME: Self = Self(1 << 6);
    /// Open, high, low and close are one price.
    pub(super) const FLAT: Self = Self(1 << 7);
    /// High and low do not enclose the other prices.
    pub(super) const ILLOGICAL: Self = Self(Self::HIGH_LT_LOW.0 | Self::HIGH_LT_OC.0 | Self::LOW_GT_OC.0);

    /// The facts of a bar.
    pub(super) fn of(b: &Candle) -> Self {
        let finite = b.open.is_finite() && b.high.is_finite() && b.low.is_finite() && b.close.is_finite();
        let nonpositive = b.open <= 0.0 || b.high <= 0.0 || b.low <= 0.0 || b.close <= 0.0;
        let flat = b.open == b.high && b.high == b.low && b.low == b.close;
        Self(
            u8::from(!finite)
                | u8::from(nonpositive) << 1
                | u8::from(b.volume < 0.0) << 2
                | u8::from(b.high < b.low) << 3
                | u8::from(b.high < b.open || b.high < b.close) << 4
                | u8::from(b.low > b.open || b.low > b.close) << 5
                | u8::from(b.volume == 0.0) << 6
                | u8::from(flat) << 7,
        )
    }

    /// Whether any of `facts` holds.
    pub(super) const fn any(self, facts: Self) -> bool {
        self.0 & facts.0 != 0
    }
}
