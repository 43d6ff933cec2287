//! State that can be written down: every operator shows its numbers in one fixed order.

/// A part of a recursion's state. Everything that changes while bars go by is an f64, counts included.
pub(in crate::features) trait State {
    /// Shows each number of the state, always the same ones in the same order.
    fn visit(&mut self, number: &mut dyn FnMut(&mut f64));
}

impl State for f64 {
    fn visit(&mut self, number: &mut dyn FnMut(&mut f64)) {
        number(self);
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn visit(&mut self, number: &mut dyn FnMut(&mut f64)) {
        for part in self {
            part.visit(number);
        }
    }
}

/// Implements [`State`] for a struct by the fields that change; constants are not named.
macro_rules! state {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::features::recursive::state::State for $name {
            fn visit(&mut self, number: &mut dyn FnMut(&mut f64)) {
                $($crate::features::recursive::state::State::visit(&mut self.$field, number);)+
            }
        }
    };
}
pub(super) use state;
