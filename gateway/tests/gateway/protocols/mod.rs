//! What real trackers send: the events that it becomes, the answers that they wait for, and what a hostile one can do.

mod captures;
mod extra;
mod keys;
mod lenient;
mod mutations;
mod refusals;
mod retries;
mod sent;
mod withheld;
