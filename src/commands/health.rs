//! `buffalo health`: asks the server of this host whether it is alive, for images that have no other HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::exit::Exit;

/// The longest that the answer may take. Being alive takes no work, so it comes at once or not at all.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(config: &Config) -> anyhow::Result<Exit> {
    // Whoever listens everywhere also listens here.
    let host = match config.http.host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    let server = std::net::SocketAddr::new(host, config.http.port);
    let status_line = tokio::time::timeout(PATIENCE, ask(server))
        .await
        .map_err(anyhow::Error::from)
        .flatten()
        .with_context(|| format!("the server at {server} does not answer"))?;
    anyhow::ensure!(status_line.starts_with(b"HTTP/1.1 200 "), "the server at {server} is not well");
    Ok(Exit::Done)
}

/// As much of the answer as tells its status.
async fn ask(server: std::net::SocketAddr) -> anyhow::Result<[u8; 13]> {
    let mut connection = TcpStream::connect(server).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut status_line = [0; 13];
    connection.read_exact(&mut status_line).await?;
    Ok(status_line)
}
