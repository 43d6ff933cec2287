//! The 179 features of a symbol's daily bars.

pub mod window;
