//! What every catalog promises, run on each: a SQLite file, a Postgres database, and a service that speaks REST (Nessie).
//! Another one joins with a factory in `lakes` and its name below.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guard;
mod lakes;
mod lost;
mod promises;
mod proxy;
mod signing_in;
mod stored;
#[expect(dead_code, reason = "the tests of storage use the rest")]
#[path = "../../../tests/support/stores.rs"]
mod stores;
#[expect(dead_code, reason = "the tests of the table use the rest")]
#[path = "../table/support.rs"]
mod support;

macro_rules! contract {
    ($($lake:ident),+ => $promises:tt) => { $( contract!(@one $lake $promises); )+ };
    (@one $lake:ident { $($promise:ident),+ $(,)? }) => {
        mod $lake {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::promises::$promise(&crate::lakes::$lake().await).await;
                }
            )+
        }
    };
}

contract!(sqlite, postgres, rest => {
    a_missing_table_is_made_and_its_positions_survive_a_restart,
    an_append_on_moved_positions_writes_nothing,
    appends_at_the_same_time_lose_nothing,
    another_engines_append_is_kept,
    a_table_that_another_engine_made_is_opened,
    upkeep_keeps_rows_and_positions,
});
