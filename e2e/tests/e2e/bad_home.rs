//! A home that a farm cannot use: its socket is taken, its disk is full, its records are damaged.

use acre_e2e::{
    engine,
    farm::{CLEAN, Farm, Part, SOON},
    source::Source,
    wait,
};
use std::{
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

#[test]
fn its_socket_is_another_file() {
    let farm = Farm::new();
    let socket = farm.state().join("farm.sock");
    fs::create_dir_all(farm.state()).expect("a folder can be made");
    fs::write(&socket, "precious").expect("a file can be written");
    let output = farm.shell("true");
    output.ended(6).says("farm.sock is there and is not a socket; remove it, or listen elsewhere");
    assert_eq!(fs::read_to_string(&socket).expect("it is still there"), "precious");
    assert_eq!([farm.pid(Part::Scheduler), farm.pid(Part::Agent)], [None, None]);
    fs::remove_file(&socket).expect("it can be removed");
    farm.shell("echo works").ended(0).says("works");
}

#[test]
fn its_socket_is_another_programs() {
    let farm = Farm::new();
    fs::create_dir_all(farm.state()).expect("a folder can be made");
    let other = UnixListener::bind(farm.state().join("farm.sock")).expect("a socket can be made");
    farm.acre(&["up"]).ended(6).says("farm.sock is taken: another scheduler listens there");
    // One that nobody answers at any more is a dead one's, and replaced.
    drop(other);
    farm.acre(&["up"]).ended(0);
}

#[test]
fn its_records_are_damaged() {
    let farm = Farm::new();
    fs::create_dir_all(farm.state()).expect("a folder can be made");
    for name in ["scheduler.pid", "agent.pid"] {
        fs::write(farm.state().join(name), "\0 17 {").expect("a file can be written");
    }
    farm.shell("echo works").ended(0).says("works");
}

#[test]
fn its_store_is_damaged() {
    let farm = Farm::new();
    fs::create_dir_all(farm.state().join("scheduler")).expect("a folder can be made");
    let store = farm.state().join("scheduler/farm.redb");
    fs::write(&store, "x".repeat(100_000)).expect("a file can be written");
    let output = farm.acre(&["up"]);
    output.ended(6).says("farm.redb").says_not("panicked");
    fs::remove_file(store).expect("it can be removed");
    farm.acre(&["up"]).ended(0);
}

#[allow(clippy::print_stderr, reason = "a test that shows nothing must say so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// A small disk; root may mount one.
struct Disk(TempDir);

impl Disk {
    /// A disk of this many MiB, if this user may mount one.
    fn new(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=700"), "tmpfs"]).arg(folder.path());
        let mounted = rustix::process::geteuid().is_root() && mount.status().is_ok_and(|status| status.success());
        if !mounted {
            skipped("only root can mount a small disk");
        }
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Leaves this many KiB free.
    fn fill(&self, leave_kib: u64) {
        let free = rustix::fs::statvfs(self.path()).expect("it is mounted");
        let bytes = (free.f_bavail * free.f_frsize).saturating_sub(leave_kib * 1024);
        let content = vec![b'x'; usize::try_from(bytes).expect("it is small")];
        fs::write(self.filler(), content).expect("there is room for that much");
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("it can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a failed test left running may still use it: it goes when that ends.
        drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}

/// What a farm wants to have free before it accepts a run, and as much again for the tests.
const MIB: u32 = 128;

#[test]
fn its_disk_is_full_before_the_farm_comes_up() {
    let Some(disk) = Disk::new(MIB) else { return };
    let farm = Farm::below(disk.path());
    disk.fill(0);
    farm.acre(&["up"]).ended(6).says("No space left on device");
    disk.free();
    farm.shell("echo works").ended(0).says("works");
}

#[test]
fn its_disk_is_full_before_a_run() {
    let Some(disk) = Disk::new(MIB) else { return };
    let farm = Farm::below(disk.path());
    farm.acre(&["up"]).ended(0);
    disk.fill(600);
    farm.shell("true").ended(4).says("no run is accepted: ").says("64 MiB are needed; free some");
    disk.free();
    farm.shell("echo works").ended(0).says("works");
}

#[test]
fn its_disk_is_full_when_a_source_comes() {
    let Some(disk) = Disk::new(MIB) else { return };
    let farm = Farm::below(disk.path());
    farm.acre(&["up"]).ended(0);
    let noise = noise(4_000_000);
    let source = Source::new(&[("noise", &noise), ("acb.yaml", &farm.text("steps:\n  - cmd: {base} wc -c noise\n"))]);
    disk.fill(600);
    let output = farm.acre(&["run", source.arg()]);
    output.ended(4).says("no space left for blobs; free some on the scheduler's disk, then try again");
    disk.free();
    farm.acre(&["run", source.arg()]).ended(0).says(&format!("{} noise", noise.len()));
}

#[test]
fn its_disk_is_full_when_a_log_comes() {
    let Some(disk) = Disk::new(MIB) else { return };
    let farm = Farm::below(disk.path());
    let script = "trap go=1 USR1; echo at work; until [ $go ]; do sleep 0.1; done; seq 1 300000";
    let mut client = farm.start(&["run", "--cmd", &format!("{{base}} sh -c '{script}'"), "/dev/null"]);
    let run = farm.comes_to(&mut client, "at work\n");
    disk.fill(600);
    engine::docker(&["kill", "--signal", "USR1", &engine::containers(&run)[0]]).ended(0);
    // Neither the log nor what is decided can be stored, again and again.
    let complaints = || farm.messages().to_lowercase().matches("no space left").count();
    wait::until("the farm complains", SOON, || (complaints() >= 3).then_some(()));
    disk.free();
    client.end_within(SOON).ended(4).says("disk full: the agent's disk took no more of the log");
    farm.is_clean_within(CLEAN);
    farm.shell("echo works").ended(0).says("works");
}

/// Text that cannot be compressed to much less than half.
fn noise(bytes: usize) -> String {
    let mut noise = String::new();
    let mut state = 1_u64;
    while noise.len() < bytes {
        // The linear congruential generator of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push_str(&format!("{:x}", state >> 16));
    }
    noise
}
