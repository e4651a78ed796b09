//! What a service manager is told: systemd waits for it where a unit says Type=notify (sd_notify(3)).

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Says that the program is ready, if a service manager waits to hear it.
pub(crate) fn ready() {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(why) = notify(&socket, b"READY=1") {
        tracing::warn!(%why, "the service manager waits to hear that this is ready, and cannot be told");
    }
}

/// An address that begins with @ is an abstract one.
fn notify(socket: &OsStr, state: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(listener: &UnixDatagram) -> Vec<u8> {
        let mut heard = [0; 64];
        let length = listener.recv(&mut heard).unwrap();
        heard[..length].to_vec()
    }

    #[test]
    fn it_is_told_at_a_path_and_at_an_abstract_name() {
        let folder = std::env::temp_dir().join(format!("acre-service-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("socket");
        let listener = UnixDatagram::bind(&path).unwrap();
        notify(path.as_os_str(), b"READY=1").unwrap();
        assert_eq!(heard(&listener), b"READY=1");
        std::fs::remove_dir_all(&folder).unwrap();

        let name = format!("acre-service-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        notify(format!("@{name}").as_ref(), b"READY=1").unwrap();
        assert_eq!(heard(&listener), b"READY=1");
    }

    #[test]
    fn nobody_at_the_socket_is_a_fault() {
        assert!(notify("/nowhere/socket".as_ref(), b"READY=1").is_err());
    }
}
