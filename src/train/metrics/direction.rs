//! BUY against SELL, apart from HOLD. Three-class skill can be volatility timing alone, because whether a barrier is
//! reached follows from volatility; these metrics leave that part out.

use super::{Probabilities, nats};
use crate::labels::Class;

/// Probability of BUY given that the outcome is not HOLD: `p_BUY / (p_BUY + p_SELL)`.
pub fn buy_share(p: &Probabilities) -> f64 {
    let (buy, sell) = (p[Class::Buy.index()], p[Class::Sell.index()]);
    buy / (buy + sell)
}

/// Directional loss of one answer in nats; `None` where the outcome is HOLD.
pub fn directional_surprise(class: Class, p: &Probabilities) -> Option<f64> {
    match class {
        Class::Buy => Some(nats(buy_share(p))),
        Class::Sell => Some(nats(1.0 - buy_share(p))),
        Class::Hold => None,
    }
}
