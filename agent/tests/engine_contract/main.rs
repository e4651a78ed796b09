//! What every engine under an agent must do, run against the Docker Engine of this machine.
//!
//! The functions of [`runtime`] and [`builder`] know only the traits. `DOCKER_HOST` names the engine,
//! `ACRE_TEST_REGISTRY` a registry that needs no login, `ACRE_TEST_BASE` an image in it that has busybox's `sh`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod bed;
mod builder;
mod cut;
mod export;
mod folder;
mod gate;
mod given;
mod memory;
mod mounts;
mod private;
mod proxy;
mod runtime;
mod scripted;
mod simulated;
mod trial;

/// One test for each function: on an engine, in a sandbox of its own that is gone afterwards.
macro_rules! on_docker {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// All of them.
        pub(crate) const ON_DOCKER: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($name))),*];
        $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            bed::on_docker(stringify!($name), $module::$name).await;
        })*
    };
}

on_docker! {
    runtime::the_first_byte_of_output_is_seen,
    runtime::the_exit_code_is_told,
    runtime::a_killed_container_tells_its_signal,
    runtime::stopping_is_term_then_kill,
    runtime::a_hundred_thousand_lines_arrive_in_order,
    runtime::output_without_a_newline_arrives,
    runtime::attaching_again_neither_gaps_nor_repeats,
    runtime::a_container_that_is_gone_is_stopped_and_removed,
    runtime::a_program_that_is_not_there_is_the_steps_fault,
    runtime::containers_share_the_workspace_and_the_home,
    runtime::files_go_in_and_come_out,
    runtime::a_broken_archive_is_a_failed_transfer,
    runtime::containers_find_each_other_by_name,
    runtime::what_is_labeled_is_found_and_removed,
    runtime::an_image_that_is_missing_is_told,
    runtime::what_no_registry_has_cannot_be_pulled,
    runtime::a_push_tells_the_digest_the_registry_has,
    runtime::a_registry_that_is_away_may_come_back,
    runtime::a_login_is_used_and_a_wrong_one_refused,
    mounts::a_secret_is_mounted_and_is_in_no_image,
    mounts::a_secret_that_is_not_there_fails_the_build_that_requires_it,
    mounts::a_key_is_listed_and_signs_in_the_build,
    mounts::a_key_that_is_not_there_fails_the_build_that_mounts_it,
    mounts::an_image_carries_its_cache_and_gives_it,
    mounts::stages_are_named_and_what_was_cached_is_told,
    mounts::what_a_hostile_dockerfile_asks_for_is_refused,
    mounts::an_image_that_is_only_mounted_is_told,
    memory::files_in_memory_are_as_they_were_given,
    memory::what_is_in_memory_is_gone_with_its_holder,
    memory::a_holder_that_has_stopped_is_filled_again,
    memory::logins_are_in_memory_for_one_container,
    memory::a_volume_in_memory_has_a_limit,
    given::a_declared_network_has_ipv6_if_it_asks_for_it,
    given::a_network_of_somebody_elses_is_used_and_stays,
    given::a_network_that_is_not_there_is_told,
    given::privileges_are_given_where_they_are_allowed,
    given::the_engines_socket_is_given_where_it_is_allowed,
    given::a_container_that_ails_is_told,
    gate::what_goes_through_the_gate_is_what_the_registry_has,
    gate::a_manifest_is_held_until_it_is_permitted,
    gate::registries_see_the_login_and_the_engine_does_not,
    gate::a_token_is_fetched_where_the_registry_says,
    gate::a_registry_that_fails_once_is_asked_again,
    gate::a_registry_that_says_no_is_believed,
    gate::a_push_that_is_given_up_leaves_nothing,
    export::an_engine_that_cannot_export_says_so,
    export::an_exported_image_is_in_its_repository_once_its_manifest_is,
    export::an_export_shows_the_registry_the_login,
    export::what_stops_an_export_is_told_apart,
    export::an_engine_that_does_not_come_is_told,
    export::exports_at_one_time_do_not_meet,
    export::what_was_not_exported_in_time_is_stored_from_the_cache,
    private::a_registry_with_passwords_takes_and_gives_to_who_has_one,
    trial::a_program_tells_who_ran_it,
    trial::what_was_not_run_tells_nothing,
    trial::a_try_leaves_nothing_but_the_image,
    trial::what_a_broken_off_try_left_is_forgotten,
    cut::an_engine_tells_what_it_is,
    cut::the_end_of_the_engine_is_noticed,
    cut::a_container_whose_engine_goes_away_has_no_exit_code,
    cut::a_build_whose_engine_goes_away_is_broken_off,
}

/// The same on a Windows engine that is simulated.
macro_rules! on_simulated_windows {
    ($($module:ident :: $name:ident),* $(,)?) => {
        mod on_simulated_windows {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::bed::on_simulated_windows(concat!("win_", stringify!($name)), crate::$module::$name).await;
            })*

            /// Those that are not here are told to be left out, and why.
            #[test]
            fn every_function_applies_or_has_a_reason_not_to() {
                let here = [$(concat!(stringify!($module), "::", stringify!($name))),*];
                crate::simulated::is_complete(&here);
            }
        }
    };
}

on_simulated_windows! {
    simulated::an_engine_on_windows_tells_its_windows,
    simulated::an_image_of_files_has_the_windows_of_its_base,
    simulated::a_run_is_refused_since_nothing_can_be_run,
    simulated::a_container_ends_and_says_that_nothing_was_run,
    simulated::files_go_into_the_workspace_and_come_out,
    simulated::a_network_is_of_the_kind_that_windows_has,
    runtime::a_container_that_is_gone_is_stopped_and_removed,
    runtime::a_broken_archive_is_a_failed_transfer,
    runtime::an_image_that_is_missing_is_told,
    runtime::what_no_registry_has_cannot_be_pulled,
    runtime::a_push_tells_the_digest_the_registry_has,
    runtime::a_registry_that_is_away_may_come_back,
    runtime::a_login_is_used_and_a_wrong_one_refused,
    gate::what_goes_through_the_gate_is_what_the_registry_has,
    gate::a_manifest_is_held_until_it_is_permitted,
    gate::registries_see_the_login_and_the_engine_does_not,
    gate::a_token_is_fetched_where_the_registry_says,
    gate::a_registry_that_fails_once_is_asked_again,
    gate::a_registry_that_says_no_is_believed,
    gate::a_push_that_is_given_up_leaves_nothing,
    cut::the_end_of_the_engine_is_noticed,
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable() {
    let error = acre_agent::engine::docker::Docker::connect("unix:///nowhere/docker.sock").await.unwrap_err();
    assert!(matches!(error, acre_agent::engine::EngineError::Unreachable { .. }), "{error:?}");
}

/// One test for each function and builder.
macro_rules! on_builders {
    ($($name:ident),* $(,)?) => {
        mod buildkit {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::bed::on_docker(concat!("bk_", stringify!($name)), async |bed| {
                    let builder = acre_agent::engine::docker::buildkit::BuildKit::new(bed.docker.clone());
                    crate::builder::$name(bed, &builder).await;
                }).await;
            })*
        }
        mod classic {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::bed::on_docker(concat!("cl_", stringify!($name)), async |bed| {
                    let builder = acre_agent::engine::docker::classic::Classic::new(bed.docker.clone());
                    crate::builder::$name(bed, &builder).await;
                }).await;
            })*
        }
    };
}

on_builders! {
    a_build_makes_an_image_and_tells_what_it_used,
    all_images_that_were_used_are_told,
    a_run_that_fails_tells_its_code_and_all_its_output,
    what_the_ignore_file_names_is_not_there,
    the_dockerfiles_own_ignore_file_replaces_the_contexts,
    a_changed_file_is_seen_by_the_next_build,
    a_file_that_changes_and_keeps_its_size_is_seen,
    a_canceled_build_leaves_no_process,
    a_large_file_arrives,
    ten_thousand_small_files_arrive,
    modes_links_and_names_survive,
    arguments_target_and_labels_are_taken_over,
    a_base_that_is_nowhere_cannot_be_pulled,
    a_dockerfile_with_a_fault_fails_the_build,
    a_file_that_cannot_be_fetched_is_a_failed_transfer,
    the_dockerfile_is_not_in_the_context,
    a_login_is_used_for_the_base,
}
