//! Trying programs of other platforms.

use crate::bed::Bed;
use acre_agent::engine::{
    Bare, EngineError, Runtime as _,
    program::{self, Ran},
};
use acre_model::platform::Platform;

/// How many containers and images carry the test's label.
async fn left(bed: &Bed) -> (usize, usize) {
    let containers = bed.docker.find_containers(&bed.sandbox.labels).await.unwrap().len();
    let label: Vec<String> = bed.sandbox.labels.iter().map(|(key, value)| format!("{key}%3D{value}")).collect();
    let answer = bed.answer("GET", &format!("/images/json?filters=%7B%22label%22:%5B%22{}%22%5D%7D", label[0])).await;
    (containers, answer.matches("\"RepoTags\"").count())
}

/// An image with these programs.
async fn made(bed: &Bed, programs: impl IntoIterator<Item = (String, Vec<u8>)>) -> Bare {
    let name = format!("{}-trial", bed.sandbox.name);
    let bare = Bare { name, labels: bed.sandbox.labels.clone(), programs: programs.into_iter().collect() };
    bed.docker.make_programs(&bare).await.unwrap();
    bare
}

/// What this engine runs, and which of those is emulated (by `infra/lib/emulation.sh`).
async fn served(bed: &Bed) -> Vec<(Platform, Ran)> {
    let native = bed.docker.info().await.unwrap().native;
    let also = match native.arch() {
        "amd64" => [("linux/386", Ran::ByKernel), ("linux/arm64", Ran::ByEmulator), ("linux/arm/v7", Ran::ByEmulator)],
        _ => [("linux/amd64", Ran::ByEmulator), ("linux/386", Ran::ByEmulator), ("linux/386", Ran::ByEmulator)],
    };
    let also = also.map(|(platform, ran)| (platform.parse().unwrap(), ran));
    [(native, Ran::ByKernel)].into_iter().chain(also).collect()
}

pub(crate) async fn a_program_tells_who_ran_it(bed: &Bed) {
    let served = served(bed).await;
    let program = |platform: &Platform| (platform.dashed(), program::trial(platform).unwrap());
    let bare = made(bed, served.iter().map(|(platform, _)| program(platform))).await;
    for (platform, expected) in served {
        let tried = bed.docker.try_program(&bare, &platform.dashed()).await;
        let code = tried.unwrap_or_else(|why| panic!("{platform}: {why}"));
        let ran = program::who_ran(&platform, code);
        assert_eq!(ran, Some(expected), "{platform} ended with {code}; QEMU is needed for all but the engine's own");
    }
    bed.docker.forget_programs(&bed.sandbox.labels).await.unwrap();
}

/// An emulator that is not there, one that cannot be started, one that does something else or nothing: none is taken for
/// one.
pub(crate) async fn what_was_not_run_tells_nothing(bed: &Bed) {
    let platform: Platform = "linux/riscv64".parse().unwrap();
    let mut of_no_processor = program::trial(&platform).unwrap();
    of_no_processor[18..20].copy_from_slice(&[0xed, 0xfe]);
    let without_its_interpreter = b"#!/no/emulator\n".to_vec();
    let native = bed.docker.info().await.unwrap().native;
    let table = [
        ("of-no-processor", of_no_processor),
        ("without-its-interpreter", without_its_interpreter),
        ("exits-at-once", quick(&native)),
        ("never-ends", program::pause(native.arch()).unwrap()),
    ];
    let bare = made(bed, table.map(|(what, file)| (what.to_owned(), file))).await;
    for what in bare.programs.keys().map(String::as_str).chain(["is-not-there"]) {
        match bed.docker.try_program(&bare, what).await {
            Ok(code) => assert_eq!(program::who_ran(&platform, code), None, "{what}: {code}"),
            Err(why) => assert!(matches!(why, EngineError::Refused(_)), "{what}: {why:?}"),
        }
        assert_eq!(left(bed).await, (0, 1), "{what}: only the image is left");
    }
    bed.docker.forget_programs(&bed.sandbox.labels).await.unwrap();
}

/// The native program, with exit(0) in place of its code.
fn quick(native: &Platform) -> Vec<u8> {
    let mut file = program::trial(native).unwrap();
    match native.arch() {
        // xor edi, edi; mov eax, 60; syscall
        "amd64" => file.splice(120.., *b"\x31\xff\xb8\x3c\0\0\0\x0f\x05").for_each(drop),
        // mov x0, 0; mov x8, 93; svc 0
        "arm64" => file.splice(120.., *b"\0\0\x80\xd2\xa8\x0b\x80\xd2\x01\0\0\xd4").for_each(drop),
        other => panic!("this test knows amd64 and arm64, not {other}"),
    }
    file
}

pub(crate) async fn a_try_leaves_nothing_but_the_image(bed: &Bed) {
    let native = bed.docker.info().await.unwrap().native;
    let bare = made(bed, [("own".to_owned(), program::trial(&native).unwrap())]).await;
    bed.docker.try_program(&bare, "own").await.unwrap();
    assert_eq!(left(bed).await, (0, 1));
    bed.docker.forget_programs(&bed.sandbox.labels).await.unwrap();
    assert_eq!(left(bed).await, (0, 0));
}

pub(crate) async fn what_a_broken_off_try_left_is_forgotten(bed: &Bed) {
    let native = bed.docker.info().await.unwrap().native;
    let endless = made(bed, [("endless".to_owned(), program::pause(native.arch()).unwrap())]).await;
    let running = async {
        while !bed.docker.find_containers(&bed.sandbox.labels).await.unwrap().iter().any(|found| found.running) {}
    };
    tokio::select! {
        ended = bed.docker.try_program(&endless, "endless") => panic!("it has ended: {ended:?}"),
        () = running => {}
    }
    assert_eq!(left(bed).await, (1, 1));
    bed.docker.forget_programs(&bed.sandbox.labels).await.unwrap();
    assert_eq!(left(bed).await, (0, 0));
}
