//! pageberg.
fn main() {}
