//! Access control lists ("Access Control Lists", "Security Descriptor String Format" of the Windows documentation).

use std::{
    fs::{self, File},
    io, iter,
    os::windows::ffi::OsStrExt,
    path::Path,
    ptr,
};
use windows_sys::Win32::{
    Foundation::{ERROR_SUCCESS, LocalFree},
    Security::{
        ACL,
        Authorization::{
            ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1, SE_FILE_OBJECT,
            SetNamedSecurityInfoW,
        },
        DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, PROTECTED_DACL_SECURITY_INFORMATION,
        PSECURITY_DESCRIPTOR,
    },
};

/// Nothing is inherited (P); full access (FA), for what is made below as well (OICI), to the owner (OW), the system (SY)
/// and administrators (BA).
const PRIVATE: &str = "D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    close_folder(path)
}

pub(super) fn close_folder(path: &Path) -> io::Result<()> {
    let descriptor = Descriptor::parse(PRIVATE)?;
    let name = wide(path.as_os_str());
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    let list = descriptor.list()?;
    #[allow(unsafe_code, reason = "the name ends with a zero, and the list lives as long as its descriptor")]
    let code = unsafe {
        SetNamedSecurityInfoW(name.as_ptr(), SE_FILE_OBJECT, what, ptr::null_mut(), ptr::null_mut(), list, ptr::null())
    };
    if code == ERROR_SUCCESS { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

pub(super) fn open_to_others(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// A folder cannot be opened for that; NTFS keeps names in its journal.
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A security descriptor that the system has made.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    fn parse(text: &str) -> io::Result<Self> {
        let text = wide(text.as_ref());
        let mut descriptor = ptr::null_mut();
        #[allow(unsafe_code, reason = "the text ends with a zero; what comes back is freed when it is dropped")]
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                ptr::null_mut(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }

    /// Its list of who may do what, which is part of it.
    fn list(&self) -> io::Result<*const ACL> {
        let (mut is_there, mut list, mut is_default) = (0, ptr::null_mut(), 0);
        #[allow(unsafe_code, reason = "the descriptor is one of the system's own making")]
        let done = unsafe { GetSecurityDescriptorDacl(self.0, &mut is_there, &mut list, &mut is_default) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(list) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        #[allow(unsafe_code, reason = "it was allocated by the system for us, and nobody else has it")]
        unsafe {
            LocalFree(self.0);
        }
    }
}

fn wide(text: &std::ffi::OsStr) -> Vec<u16> {
    text.encode_wide().chain(iter::once(0)).collect()
}
