//! Where each sink stands in the log: shown beside a running server, and moved by an operator while no worker holds it.

mod change;
mod view;

pub use change::{Moved, Target, change};
pub use view::{Standing, standings};
