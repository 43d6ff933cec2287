//! Nightdesk.
fn main() {}
