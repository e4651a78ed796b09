//! Programs of a few bytes for each processor that an engine may have, or emulate: static ELF files that need nothing
//! but the kernel. Pure.
//!
//! Numbers of system calls are those of the kernel's tables (`syscall.tbl` of each architecture), formats of files those
//! of the System V ABI and its supplements.

use acre_model::platform::Platform;

/// Where they are loaded: at a multiple of the largest pages there are.
const BASE: u32 = 0x40_0000;

/// What a processor's files say of themselves.
struct Machine {
    number: u16,
    flags: u32,
    is_64: bool,
    is_big_endian: bool,
}

/// Who ran a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// A kernel, on a processor; or an emulator that hands on to its kernel what QEMU cannot.
    ByKernel,
    /// An emulator.
    ByEmulator,
}

/// A program that sleeps until it is killed, for an architecture as Go names it; `None` if there is none.
pub fn pause(architecture: &str) -> Option<Vec<u8>> {
    let code = match architecture {
        // mov eax, 34 (pause); syscall; jmp back
        "amd64" => b"\xb8\x22\0\0\0\x0f\x05\xeb\xf7".to_vec(),
        // mov eax, 29 (pause); int 0x80; jmp back
        "386" => b"\xb8\x1d\0\0\0\xcd\x80\xeb\xf7".to_vec(),
        // ppoll(0, 0, 0, 0, 0), number 73: there is no pause.
        "arm64" => words(&[
            0xd280_0000,
            0xd280_0001,
            0xd280_0002,
            0xd280_0003,
            0xd280_0004,
            0xd280_0928,
            0xd400_0001,
            0x17ff_fff9,
        ]),
        // mov r7, #29 (pause); svc 0; b back
        "arm" => words(&[0xe3a0_701d, 0xef00_0000, 0xeaff_fffc]),
        _ => return None,
    };
    Some(file(&machine(architecture)?, &code))
}

/// A program whose exit code tells whether it was run, and by whom: see [`who_ran`]. `None` if acre has none for the
/// platform.
///
/// It ends with `20 - set_robust_list(0, 0)`. A kernel answers that call with EINVAL, since a list's head has a size. QEMU
/// answers ENOSYS: it cannot offer the call, since a kernel would have to walk the list in another processor's memory
/// when the thread has died.
pub fn trial(platform: &Platform) -> Option<Vec<u8>> {
    let code = match (platform.arch(), platform.variant()) {
        // xor edi, edi; xor esi, esi; mov eax, 273; syscall; mov edi, 20; sub edi, eax; mov eax, 60 (exit); syscall
        ("amd64", None) => {
            b"\x31\xff\x31\xf6\xb8\x11\x01\0\0\x0f\x05\xbf\x14\0\0\0\x29\xc7\xb8\x3c\0\0\0\x0f\x05".to_vec()
        }
        // xor ebx, ebx; xor ecx, ecx; mov eax, 311; int 0x80; mov ebx, 20; sub ebx, eax; mov eax, 1 (exit); int 0x80
        ("386", None) => {
            b"\x31\xdb\x31\xc9\xb8\x37\x01\0\0\xcd\x80\xbb\x14\0\0\0\x29\xc3\xb8\x01\0\0\0\xcd\x80".to_vec()
        }
        // The second argument is cleared by what only this variant and those above it can do.
        ("arm", Some("v5")) => arm(0xe3a0_1000), // mov r1, #0
        ("arm", Some("v6")) => arm(0xe6bf_1f30), // rev r1, r0
        ("arm", Some("v7")) => arm(0xe300_1000), // movw r1, #0
        // mov x0, 0; mov x1, 0; mov x8, 99; svc 0; mov x1, 20; sub x0, x1, x0; mov x8, 93 (exit); svc 0
        ("arm64", None) => words(&[
            0xd280_0000,
            0xd280_0001,
            0xd280_0c68,
            0xd400_0001,
            0xd280_0281,
            0xcb00_0020,
            0xd280_0ba8,
            0xd400_0001,
        ]),
        // li a0, 0; li a1, 0; li a7, 99; ecall; li a1, 20; sub a0, a1, a0; li a7, 93 (exit); ecall
        ("riscv64", None) => words(&[0x513, 0x593, 0x0630_0893, 0x73, 0x0140_0593, 0x40a5_8533, 0x05d0_0893, 0x73]),
        // lghi 2, 0; lghi 3, 0; lghi 1, 304; svc 0 (number in 1); lghi 3, 20; sgr 3, 2; lgr 2, 3; svc 1 (exit)
        ("s390x", None) => {
            b"\xa7\x29\0\0\xa7\x39\0\0\xa7\x19\x01\x30\x0a\0\xa7\x39\0\x14\xb9\x09\0\x32\xb9\x04\0\x23\x0a\x01".to_vec()
        }
        // li 3, 0; li 4, 0; li 0, 300; sc; addi 3, 3, 20 (an error is positive here); li 0, 1 (exit); sc
        ("ppc64le", None) => {
            words(&[0x3860_0000, 0x3880_0000, 0x3800_012c, 0x4400_0002, 0x3863_0014, 0x3800_0001, 0x4400_0002])
        }
        // li a0, 0; li a1, 0; li v0, 5268; syscall; addiu a0, v0, 20 (an error is positive); li v0, 5058 (exit); syscall
        ("mips64le", None) => words(&[0x2404_0000, 0x2405_0000, 0x2402_1494, 0xc, 0x2444_0014, 0x2402_13c2, 0xc]),
        // li a0, 0; li a1, 0; li a7, 99; syscall; li a1, 20; sub.d a0, a1, a0; li a7, 93 (exit); syscall
        ("loong64", None) => words(&[
            0x0380_0004,
            0x0380_0005,
            0x0381_8c0b,
            0x002b_0000,
            0x0380_5005,
            0x0011_90a4,
            0x0381_740b,
            0x002b_0000,
        ]),
        _ => return None,
    };
    Some(file(&machine(platform.arch())?, &code))
}

/// Who ran the [`trial`] of a platform that ended with this code; `None` if it was not run.
pub fn who_ran(platform: &Platform, exit_code: i64) -> Option<Ran> {
    const EINVAL: i64 = 22;
    let enosys = if platform.arch().starts_with("mips") { 89 } else { 38 };
    match exit_code - 20 {
        EINVAL => Some(Ran::ByKernel),
        error if error == enosys => Some(Ran::ByEmulator),
        _ => None,
    }
}

/// mov r0, #0; `clear r1`; mov r7, #256; add r7, r7, #82; svc 0; rsb r0, r0, #20; mov r7, #1 (exit); svc 0
fn arm(clear_r1: u32) -> Vec<u8> {
    words(&[0xe3a0_0000, clear_r1, 0xe3a0_7c01, 0xe287_7052, 0xef00_0000, 0xe260_0014, 0xe3a0_7001, 0xef00_0000])
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn machine(architecture: &str) -> Option<Machine> {
    let (number, flags, is_64) = match architecture {
        "386" => (3, 0, false),
        // The 64-bit ABI, release 2 of the instructions.
        "mips64le" => (8, 0x8000_0000, true),
        // Version 2 of the ABI.
        "ppc64le" => (21, 2, true),
        "s390x" => (22, 0, true),
        // Version 5 of the EABI.
        "arm" => (40, 0x0500_0000, false),
        "amd64" => (62, 0, true),
        "arm64" => (183, 0, true),
        "riscv64" => (243, 0, true),
        // Version 1 of the object file ABI, floating point in double precision.
        "loong64" => (258, 0x43, true),
        _ => return None,
    };
    Some(Machine { number, flags, is_64, is_big_endian: architecture == "s390x" })
}

/// A header, one segment that is read and executed, and the code.
fn file(machine: &Machine, code: &[u8]) -> Vec<u8> {
    let (header, segment): (u16, u16) = if machine.is_64 { (64, 56) } else { (52, 32) };
    let code_at = u32::from(header + segment);
    let size = code_at + code.len() as u32;
    let order = if machine.is_big_endian { 2 } else { 1 };
    let mut file = b"\x7fELF".to_vec();
    file.extend([if machine.is_64 { 2 } else { 1 }, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An executable.
    machine.half(&mut file, 2);
    machine.half(&mut file, machine.number);
    machine.word(&mut file, 1);
    for value in [BASE + code_at, u32::from(header), 0] {
        machine.long(&mut file, value);
    }
    machine.word(&mut file, machine.flags);
    for half in [header, segment, 1, 0, 0, 0] {
        machine.half(&mut file, half);
    }
    let read_and_execute = 5;
    machine.word(&mut file, 1);
    if machine.is_64 {
        machine.word(&mut file, read_and_execute);
    }
    for value in [0, BASE, BASE, size, size] {
        machine.long(&mut file, value);
    }
    if !machine.is_64 {
        machine.word(&mut file, read_and_execute);
    }
    machine.long(&mut file, 0x1000);
    file.extend(code);
    file
}

impl Machine {
    fn half(&self, file: &mut Vec<u8>, value: u16) {
        file.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn word(&self, file: &mut Vec<u8>, value: u32) {
        file.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// An address, an offset or a size.
    fn long(&self, file: &mut Vec<u8>, value: u32) {
        match (self.is_64, self.is_big_endian) {
            (false, _) => self.word(file, value),
            (true, true) => file.extend(u64::from(value).to_be_bytes()),
            (true, false) => file.extend(u64::from(value).to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;

    #[test]
    fn the_entry_point_is_where_the_code_begins() {
        let trials = Platform::tried().into_iter().map(|platform| (platform.to_string(), trial(&platform)));
        let pauses = ["amd64", "arm64", "arm", "386"].map(|name| (name.to_owned(), pause(name)));
        for (name, file) in trials.chain(pauses) {
            let file = file.unwrap_or_else(|| panic!("{name}: no program"));
            let is_64 = file[4] == 2;
            let mut bytes = [0; 8];
            let entry = if is_64 { &file[24..32] } else { &file[24..28] };
            let entry: Vec<u8> = if file[5] == 2 { entry.iter().rev().copied().collect() } else { entry.to_vec() };
            bytes[..entry.len()].copy_from_slice(&entry);
            let headers = if is_64 { 64 + 56 } else { 52 + 32 };
            assert_eq!(u64::from_le_bytes(bytes), u64::from(BASE) + headers, "{name}");
            assert!(file.len() < 160 && file.starts_with(b"\x7fELF"), "{name}: {} bytes", file.len());
        }
        assert_eq!(pause("s390x"), None);
    }

    #[test]
    fn only_a_program_that_ran_tells_who_ran_it() {
        let table = [
            ("linux/amd64", 42, Some(Ran::ByKernel)),
            ("linux/arm64", 58, Some(Ran::ByEmulator)),
            ("linux/mips64le", 109, Some(Ran::ByEmulator)),
            ("linux/mips64le", 58, None),
            ("linux/arm/v7", 132, None),
            ("linux/arm64", 0, None),
            ("linux/arm64", 1, None),
            ("linux/arm64", 255, None),
        ];
        for (platform, exit_code, expected) in table {
            assert_eq!(who_ran(&platform.parse().unwrap(), exit_code), expected, "{platform}: {exit_code}");
        }
    }
}
