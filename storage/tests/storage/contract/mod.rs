//! What every storage promises, run on each. A new one adds its factory to `fixture` and its name below.

mod fixture;
mod folders;
mod listing;
mod reads;
mod writes;

macro_rules! contract {
    ($($factory:ident),+ => $cases:tt) => { $( contract!(@one $factory $cases); )+ };
    (@one $factory:ident { $($module:ident::$case:ident),+ $(,)? }) => {
        mod $factory {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::contract::$module::$case(crate::contract::fixture::$factory()).await;
                }
            )+
        }
    };
}

contract!(local, gs, s3, s3_without_conditions, az => {
    writes::a_file_appears_only_when_it_is_whole,
    writes::a_large_file_appears_only_when_it_is_whole,
    writes::a_file_is_never_overwritten,
    writes::a_large_file_does_not_overwrite_either,
    writes::a_file_that_is_given_up_leaves_nothing,
    writes::a_closed_file_takes_no_more,
    writes::names_may_hold_odd_characters,
    reads::any_range_of_a_file_can_be_read,
    reads::what_is_not_there_is_told,
    reads::deleting_what_is_not_there_succeeds,
    reads::many_files_are_deleted_together,
    listing::files_at_any_depth_are_listed_with_size_and_time,
    listing::a_folder_is_deleted_with_all_that_is_in_it,
});
