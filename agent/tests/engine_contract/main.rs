//! What every engine under an agent must do, run against the Docker Engine of this machine.
//!
//! The functions of [`runtime`] and [`builder`] know only the traits. `DOCKER_HOST` names the engine,
//! `ACRE_TEST_REGISTRY` a registry that needs no login, `ACRE_TEST_BASE` an image in it that has busybox's `sh`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bed;
mod runtime;

/// One test for each function: on an engine, in a sandbox of its own that is gone afterwards.
macro_rules! on_docker {
    ($($module:ident :: $name:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            bed::on_docker(stringify!($name), $module::$name).await;
        }
    )*};
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
    runtime::a_foreign_platform_is_pulled_and_run_where_it_can_be,
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable() {
    let error = acre_agent::engine::docker::Docker::connect("unix:///nowhere/docker.sock").await.unwrap_err();
    assert!(matches!(error, acre_agent::engine::EngineError::Unreachable { .. }), "{error:?}");
}
