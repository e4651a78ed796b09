//! The contract on a Windows engine that is simulated (`infra/simulated-windows-engine`): in it is no Windows, and nothing is
//! run. Of the functions that know only the traits, those apply that run nothing; the others' names stand in
//! [`RUN_SOMETHING`] or [`OF_LINUX`], so that none is forgotten.

use crate::{
    bed::{Bed, failed, left},
    builder::{built, request},
    folder::Folder,
    runtime::network,
};
use acre_agent::engine::{EngineError, SandboxSpec};
use acre_model::plan::Cmd;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The Windows that it pretends to be on.
const VERSION: &str = "10.0.20348.2227";

/// An engine of a test's own.
pub(crate) struct Simulated {
    program: Child,
    folder: TempDir,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

impl Simulated {
    pub(crate) fn start() -> Self {
        let own = env::current_exe().unwrap();
        let program = own.ancestors().map(|folder| folder.join("simulated-windows-engine")).find(|path| path.is_file());
        let program = program.expect("the simulated engine is built with the workspace: run `cargo build --workspace`");
        for variable in ["ACRE_TEST_BUILDKIT", "ACRE_TEST_BUILDX"] {
            assert!(env::var_os(variable).is_some(), "a real BuildKit is needed; `infra/test --env` gives {variable}");
        }
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(program);
        command.args(["--listen", &format!("unix://{}/engine.sock", folder.path().display()), "--os-version", VERSION]);
        command.args(["--isolation", "process,hyperv", "--data"]).arg(folder.path().join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut said = BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line.contains("listening at")), "the simulated engine ended");
        // What it says is read on, or it would wait for it.
        std::thread::spawn(move || said.for_each(drop));
        Self { program, folder }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}/engine.sock", self.folder.path().display())
    }
}

/// What needs a program that is run in a container or by a `RUN`.
const RUN_SOMETHING: &[&str] = &[
    "the_first_byte_of_output_is_seen",
    "the_exit_code_is_told",
    "a_killed_container_tells_its_signal",
    "stopping_is_term_then_kill",
    "a_hundred_thousand_lines_arrive_in_order",
    "output_without_a_newline_arrives",
    "attaching_again_neither_gaps_nor_repeats",
    "a_program_that_is_not_there_is_the_steps_fault",
    "containers_share_the_workspace_and_the_home",
    "files_go_in_and_come_out",
    "containers_find_each_other_by_name",
    "what_is_labeled_is_found_and_removed",
    "a_container_whose_engine_goes_away_has_no_exit_code",
    "a_build_whose_engine_goes_away_is_broken_off",
];

/// What an engine on Windows does not have: BuildKit, which exports, and mounts secrets and keys; volumes in memory;
/// privileges; a socket; platforms to try; networks with IPv6 by `bridge`.
const OF_LINUX: &[&str] = &["mounts", "memory", "export", "trial", "given"];

/// Registries with passwords are asked by [`crate::private`] through both builders at once, and what an engine with BuildKit
/// says of itself by [`crate::cut`].
const OF_BUILDKIT: &[&str] = &["private", "an_engine_tells_what_it_is"];

/// Demands that each function of the contract is among these, or has a reason not to be.
pub(crate) fn is_complete(here: &[&str]) {
    for function in crate::ON_DOCKER {
        let (module, name) = function.split_once("::").unwrap();
        let left_out = [RUN_SOMETHING, OF_LINUX, OF_BUILDKIT].concat();
        let is_left_out = left_out.contains(&module) || left_out.contains(&name);
        assert_ne!(here.contains(function), is_left_out, "{function}: on the simulated engine, or told why not");
    }
}

/// The machine, as the engine tells it.
pub(crate) async fn an_engine_on_windows_tells_its_windows(bed: &Bed) {
    let info = bed.runtime().info().await.unwrap();
    let windows = info.windows.unwrap();
    assert_eq!((info.native.to_string().as_str(), windows.version.to_string().as_str()), ("windows/amd64", VERSION));
    assert!(!info.buildkit && info.version.contains("simulated"), "{info:?}");
}

/// The classic builder's image has the version of its base, and is found under its names.
pub(crate) async fn an_image_of_files_has_the_windows_of_its_base(bed: &Bed) {
    let folder = Folder::default()
        .file("a", "hello\n")
        .file("d/b", "b\n")
        .file("ignored", "x")
        .file(".dockerignore", "ignored\n");
    let mut request = request(bed, "FROM BASE\nLABEL made=here\nCOPY . /c/\nENV A=b\n", folder);
    let name = format!("{}:1", crate::bed::unique("windows"));
    request.build.tags = vec![name.parse().unwrap()];
    let built = built(bed, &*bed.builder(), &request).await;
    let image = bed.runtime().image(&name).await.unwrap().unwrap();
    assert_eq!((image.id, image.os_version.unwrap().to_string().as_str()), (built.image, VERSION));
    assert_eq!(built.used.len(), 1, "{:?}", built.used);
    assert!(built.used[0].reference == bed.base && built.used[0].digest.is_some(), "{:?}", built.used);
}

pub(crate) async fn a_run_is_refused_since_nothing_can_be_run(bed: &Bed) {
    let request = request(bed, "FROM BASE\nRUN dir\n", Folder::default());
    let error = failed(bed.builder().build(&request, &crate::bed::deaf()).await);
    assert!(
        matches!(&error, EngineError::BuildFailed { message, .. } if message.contains("no Windows here")),
        "{error:?}"
    );
}

/// A container says that nothing was run, and ends.
pub(crate) async fn a_container_ends_and_says_that_nothing_was_run(bed: &Bed) {
    let cmd = Cmd { arguments: vec!["cmd".to_owned(), "/c".to_owned(), "ver".to_owned()], ..Cmd::default() };
    let (id, running) = bed.start(&bed.container(cmd)).await;
    let first = left(running).await;
    let said = String::from_utf8(first.stdout.clone()).unwrap();
    assert!(
        first.exit == 0 && said.contains("nothing was run by a Windows kernel") && said.contains("cmd /c ver"),
        "{said}"
    );
    let again = left(bed.runtime().reattach(&id, Default::default()).await.unwrap()).await;
    assert_eq!((again.exit, again.stdout), (0, first.stdout));
    let found = bed.runtime().find_containers(&bed.sandbox.labels).await.unwrap();
    assert!(found.len() == 1 && found[0].started && !found[0].running, "{found:?}");
}

/// The workspace is a volume that the agent fills and reads as a folder of its machine.
pub(crate) async fn files_go_into_the_workspace_and_come_out(bed: &Bed) {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(6);
    archive.append_data(&mut header, "dir/a", &b"hello\n"[..]).unwrap();
    let archive = archive.into_inner().unwrap();
    let pieces: Vec<_> = archive.chunks(100).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    bed.runtime().fill_workspace(&bed.sandbox, stream::iter(pieces).boxed()).await.unwrap();
    for (path, expected) in [(".", &["./", "dir", "dir/a"][..]), ("dir", &["dir", "dir/a"]), ("dir/a", &["a"])] {
        let pieces = bed.runtime().read_workspace(&bed.sandbox, path).await.unwrap().unwrap();
        let bytes: Vec<Bytes> = pieces.try_collect().await.unwrap();
        let bytes = bytes.concat();
        let mut archive = tar::Archive::new(&bytes[..]);
        let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let mut names: Vec<String> = names
            .map(|name| {
                name.strip_prefix("./")
                    .filter(|name| !name.is_empty())
                    .unwrap_or(&name)
                    .trim_end_matches(if name == "./" { "" } else { "/" })
                    .to_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, expected, "{path}");
    }
    assert!(bed.runtime().read_workspace(&bed.sandbox, "nothing").await.unwrap().is_none());
    assert!(matches!(failed(bed.runtime().read_workspace(&bed.sandbox, "../x").await), EngineError::Refused(_)));
}

/// A network that a task asks for as `bridge` is one of the kind that Windows has.
pub(crate) async fn a_network_is_of_the_kind_that_windows_has(bed: &Bed) {
    let sandbox = SandboxSpec { network: Some(bed.sandbox.name.clone()), ..bed.sandbox.clone() };
    let network = network(&sandbox.name);
    for _ in 0..2 {
        bed.runtime().make_network(&network, &sandbox.labels).await.unwrap();
    }
    let told = bed.answer("GET", &format!("/networks/{}", sandbox.name)).await;
    assert!(told.contains("\"Driver\":\"nat\""), "{told}");
    bed.runtime().remove_labeled(&sandbox.labels).await.unwrap();
    assert!(bed.answer("GET", &format!("/networks/{}", sandbox.name)).await.contains("404 Not Found"));
}
