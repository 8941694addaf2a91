//! What every catalog promises, run on each: a SQLite file, a Postgres database, and a service that speaks REST (Nessie).
//! Another one joins with a factory in `lakekit` and its name below.

mod guard;
mod lost;
mod promises;
mod proxy;
mod signing_in;
mod stored;

macro_rules! contract {
    ($($lake:ident),+ => $promises:tt) => { $( contract!(@one $lake $promises); )+ };
    (@one $lake:ident { $($promise:ident),+ $(,)? }) => {
        mod $lake {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::catalogs::promises::$promise(&lakekit::catalogs::$lake().await).await;
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
    positions_are_known_after_any_number_of_others_appends,
    a_clock_that_was_ahead_stops_nothing,
    a_table_that_another_engine_made_is_opened,
    upkeep_keeps_rows_and_positions,
});
