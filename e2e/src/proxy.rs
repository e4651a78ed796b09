//! Standing between a client and its server so that each connection carries one request: then it can be seen what was
//! asked, and changed what was said.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    thread,
};

/// Bytes of the largest head of a request.
const LARGEST_HEAD: usize = 64 << 10;

/// A connection: to a socket of this machine, or over the network.
pub(crate) trait Stream: Read + Write + Sized + Send + 'static {
    /// The same connection, for a second thread.
    fn again(&self) -> io::Result<Self>;
    /// Says that nothing more comes.
    fn finish(&self);
}

impl Stream for UnixStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn finish(&self) {
        // Who has hung up need not be told.
        drop(self.shutdown(Shutdown::Write));
    }
}

impl Stream for TcpStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn finish(&self) {
        drop(self.shutdown(Shutdown::Write));
    }
}

/// Passes on what comes, and its end.
pub(crate) fn copy(mut from: impl Stream, mut to: impl Stream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    to.finish();
}

/// A request (RFC 9112 §2.1) whose head has come.
pub(crate) struct Request {
    head: String,
    /// What of its body has come.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the head of one; `None`: the client hung up without a request.
    pub(crate) fn read(client: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut read, mut piece) = (Vec::new(), [0; 16 * 1024]);
        loop {
            if let Some(end) = find(&read, b"\r\n\r\n") {
                let body = read.split_off(end + 4);
                return Ok(Some(Self { head: String::from_utf8_lossy(&read).into_owned(), body }));
            }
            match client.read(&mut piece)? {
                0 => return Ok(None),
                _ if read.len() > LARGEST_HEAD => return Err(io::Error::other("a head without an end")),
                count => read.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Method and target: `GET /v1.41/info`.
    pub(crate) fn line(&self) -> &str {
        self.head.split_once(" HTTP/").map_or("", |(line, _)| line)
    }

    /// What it says under a name that is given in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Reads the rest of its body, whose length it must tell.
    pub(crate) fn read_body(&mut self, client: &mut impl Read) -> io::Result<()> {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or_else(|| io::Error::other("a body without a length"))?;
        let mut rest = vec![0; length.saturating_sub(self.body.len())];
        client.read_exact(&mut rest)?;
        self.body.append(&mut rest);
        Ok(())
    }

    /// Passes it on to the server, and then everything both ways until both have ended. It is the last one on its
    /// connection, unless that becomes another protocol's.
    pub(crate) fn pass(self, client: impl Stream, mut server: impl Stream) -> io::Result<()> {
        server.write_all(self.last().as_bytes())?;
        server.write_all(&self.body)?;
        let (asking, asked) = (client.again()?, server.again()?);
        thread::spawn(move || copy(asking, asked));
        copy(server, client);
        Ok(())
    }

    fn last(&self) -> String {
        if self.header("upgrade").is_some() {
            return self.head.clone();
        }
        let is_kept = |line: &&str| !line.to_ascii_lowercase().starts_with("connection:");
        let lines: Vec<&str> = self.head.trim_end().split("\r\n").filter(is_kept).collect();
        format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))
    }
}

/// Where `part` begins in `whole`.
pub(crate) fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|bytes| bytes == part)
}
