//! A program that does nothing for ever, for each processor an engine may have: a static ELF file of a few bytes that
//! sleeps until it is killed. Pure.

/// Where it is loaded.
const BASE: u32 = 0x40_0000;

/// Words of the ELF file that differ between processors (System V ABI and its supplements).
struct Machine {
    number: u16,
    flags: u32,
    is_64: bool,
    code: Vec<u8>,
}

/// The program for an architecture as Go names it; `None` if there is none.
pub(super) fn program(architecture: &str) -> Option<Vec<u8>> {
    let machine = match architecture {
        // mov eax, 34 (pause); syscall; jmp back
        "amd64" => Machine { number: 62, flags: 0, is_64: true, code: b"\xb8\x22\0\0\0\x0f\x05\xeb\xf7".to_vec() },
        // mov eax, 29 (pause); int 0x80; jmp back
        "386" => Machine { number: 3, flags: 0, is_64: false, code: b"\xb8\x1d\0\0\0\xcd\x80\xeb\xf7".to_vec() },
        // ppoll(0, 0, 0, 0, 0), number 73: there is no pause.
        "arm64" => Machine {
            number: 183,
            flags: 0,
            is_64: true,
            code: words(&[
                0xd280_0000,
                0xd280_0001,
                0xd280_0002,
                0xd280_0003,
                0xd280_0004,
                0xd280_0928,
                0xd400_0001,
                0x17ff_fff9,
            ]),
        },
        // mov r7, #29 (pause); svc 0; b back. Flags: EABI version 5.
        "arm" => Machine {
            number: 40,
            flags: 0x0500_0000,
            is_64: false,
            code: words(&[0xe3a0_701d, 0xef00_0000, 0xeaff_fffc]),
        },
        _ => return None,
    };
    Some(file(&machine))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A header, one segment that is read and executed, and the code.
fn file(machine: &Machine) -> Vec<u8> {
    let (header, segment): (u16, u16) = if machine.is_64 { (64, 56) } else { (52, 32) };
    let code_at = u32::from(header + segment);
    let size = code_at + machine.code.len() as u32;
    let mut file = b"\x7fELF".to_vec();
    file.extend([if machine.is_64 { 2 } else { 1 }, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An address, an offset or a size.
    let word = |file: &mut Vec<u8>, value: u32| match machine.is_64 {
        true => file.extend(u64::from(value).to_le_bytes()),
        false => file.extend(value.to_le_bytes()),
    };
    file.extend([2, 0]);
    file.extend(machine.number.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    word(&mut file, BASE + code_at);
    word(&mut file, u32::from(header));
    word(&mut file, 0);
    file.extend(machine.flags.to_le_bytes());
    for half in [header, segment, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let read_and_execute = 5u32.to_le_bytes();
    file.extend(1u32.to_le_bytes());
    if machine.is_64 {
        file.extend(read_and_execute);
    }
    for value in [0, BASE, BASE, size, size] {
        word(&mut file, value);
    }
    if !machine.is_64 {
        file.extend(read_and_execute);
    }
    word(&mut file, 0x1000);
    file.extend(&machine.code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_point_is_where_the_code_begins() {
        for (architecture, entry, header) in
            [("amd64", 24..32, 64), ("arm64", 24..32, 64), ("arm", 24..28, 52), ("386", 24..28, 52)]
        {
            let file = program(architecture).unwrap();
            let mut bytes = [0; 8];
            bytes[..entry.len()].copy_from_slice(&file[entry]);
            let segment = if header == 64 { 56 } else { 32 };
            assert_eq!(u64::from_le_bytes(bytes), u64::from(BASE) + header + segment, "{architecture}");
            assert!(file.len() < 160 && file.starts_with(b"\x7fELF"), "{architecture}: {} bytes", file.len());
        }
        assert_eq!(program("s390x"), None);
    }
}
