//! What a page view's own text tells: the visitor's software, and the way that led to the page. Pure.
//!
//! 1. [`Reader::read`] reads the user agent (`agent`), by the rules and lists of `data/`, or finds it in its cache.
//! 2. It takes the campaign's parameters out of the page's address (`campaign`) …
//! 3. … and the host out of the referrer (`address`), and finds both among the sites whose kind is known (`site`).
//! 4. From these it tells the channel (`channel`).
//!
//! **Invariant:** the same event gives the same visit, whenever it is read and whatever was read before.
//! **Invariant:** no text fails to be read, and only the first part of a long one is: the costs are bounded.

mod address;
mod agent;
mod campaign;
mod channel;
mod reader;
mod site;

pub use agent::read as read_user_agent;
pub use reader::Reader;
