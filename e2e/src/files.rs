//! A server of files over HTTP.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Starts a server of these files, by path, for as long as the test runs; its address as `http://host:port`.
pub fn serve(files: &[(&str, Vec<u8>)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, content)| (format!("/{path}"), content.clone())).collect();
    let files = Arc::new(files);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let files = files.clone();
            // Who hangs up does not get an answer.
            thread::spawn(move || drop(answer(client, &files)));
        }
    });
    format!("http://{address}")
}

fn answer(mut client: TcpStream, files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    let head: Vec<String> =
        BufReader::new(client.try_clone()?).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let (status, content) = files.get(path).map_or(("404 Not Found", &b""[..]), |content| ("200 OK", content));
    write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len())?;
    client.write_all(content)
}
