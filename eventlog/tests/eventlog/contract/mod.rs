//! What every event log promises, run on each implementation. A new one adds its factory to `fixture` and its name below.

mod appends;
mod fixture;
mod reads;
mod transactions;

macro_rules! contract {
    ($($factory:ident),+ => $cases:tt) => { $( contract!(@one $factory $cases); )+ };
    (@one $factory:ident { $($module:ident::$case:ident),+ $(,)? }) => {
        mod $factory {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::contract::$module::$case(crate::contract::fixture::$factory().await).await;
                }
            )+
        }
    };
}

contract!(memory, embedded, kafka, spooled => {
    appends::an_append_tells_where_each_record_stands,
    appends::offsets_of_a_partition_are_dense,
    appends::records_of_one_key_keep_their_order,
    appends::appending_nothing_is_no_error_and_has_no_effect,
    appends::a_record_over_the_limit_is_refused_and_none_of_its_append_written,
    appends::large_records_come_back_unchanged,
    appends::appends_of_many_tasks_are_all_kept,
    appends::a_partition_that_does_not_exist_is_refused,
    reads::a_reader_gets_what_was_acknowledged_before,
    reads::a_reader_starts_at_the_positions_that_it_is_given,
    reads::a_reader_waits_for_the_next_record,
    reads::a_reader_without_partitions_waits,
    reads::a_reader_follows_many_appenders,
    reads::a_read_that_is_dropped_loses_no_record,
    reads::a_read_gives_about_as_much_as_was_asked_for_and_at_least_one_record,
    reads::a_position_beyond_the_end_is_refused_and_the_reader_can_be_set_anew,
    reads::a_time_gives_the_first_record_taken_then_or_later,
    reads::topics_are_apart,
    transactions::a_new_group_has_no_positions,
    transactions::outputs_and_positions_are_committed_together,
    transactions::positions_alone_can_be_committed,
    transactions::a_commit_that_expects_other_positions_writes_nothing,
    transactions::of_commits_that_race_from_the_same_positions_one_succeeds,
    transactions::groups_and_topics_have_positions_of_their_own,
    transactions::a_refused_output_leaves_the_positions_as_they_were,
    transactions::a_member_is_told_all_partitions_once,
});

/// Not on Kafka, whose transactions take offsets of their own.
mod dense {
    contract!(memory, embedded, spooled => {
        transactions::positions_take_no_offset,
    });
}
