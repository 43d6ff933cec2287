//! Panics of a backend as errors: a driver that fails in the middle of a computation panics in burn 0.22, and must not end
//! the process that watches markets.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives, or what it said when it panicked.
///
/// Nothing that `work` changes may be used after an error.
pub(in crate::train::models) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        said.unwrap_or("it broke down without a word").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_what_it_said() {
        assert_eq!(guarded(|| 3), Ok(3));
        assert_eq!(guarded(|| panic!("device {} lost", 0)).map(|()| 0), Err("device 0 lost".to_owned()));
        assert_eq!(guarded(|| panic!("lost")).map(|()| 0), Err("lost".to_owned()));
    }
}
