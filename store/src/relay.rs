//! The way to a server by TCP: the driver connects to a socket of this process, and a task carries the bytes to the server
//! and back.
//!
//! The driver opens its TCP connections itself and sets nothing on them. With Nagle's algorithm each large write waits 40 ms
//! for an acknowledgement, and without keepalive a connection that a NAT has forgotten lasts for ever. Here both are set.
//! `docs/decisions/0004-connection-path.md` has the alternatives.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// How often a server that refuses connections, because it is being restarted, is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// A connection on which nothing happens is probed after this time, and given up after three probes that go unanswered.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// How long sent bytes may go unacknowledged before the connection is given up.
const UNACKNOWLEDGED_FOR: Duration = Duration::from_secs(30);

/// Bytes under way in each direction: pages that are written, and payloads that are claimed.
const TO_SERVER: usize = 64 * 1024;
const FROM_SERVER: usize = 64 * 1024;

/// Carries connections of this process to a server, for as long as it exists.
#[derive(Debug)]
pub(crate) struct Relay {
    socket_dir: PathBuf,
    target: Arc<Target>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Target {
    host: String,
    port: u16,
    /// Why the newest attempt to connect failed; none after one that did not.
    failure: Mutex<Option<io::Error>>,
}

impl Relay {
    /// Begins to listen. The socket has a name without a file, and only this process is served by it.
    ///
    /// # Errors
    ///
    /// The system's, which has no more sockets.
    pub(crate) fn begin(host: &str, port: u16) -> io::Result<Self> {
        use std::os::linux::net::SocketAddrExt;
        let directory = format!("buffalo-{}", Uuid::new_v4().simple());
        // The driver makes the name of a socket like PostgreSQL: of a directory and the port.
        let name = format!("{directory}/.s.PGSQL.{port}");
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        // An address in a URL stands in brackets where it is one of IPv6.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let target = Arc::new(Target { host, port, failure: Mutex::new(None) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&target))).abort_handle();
        Ok(Self { socket_dir: PathBuf::from(format!("\0{directory}")), target, accepting })
    }

    /// The directory that the driver is to be given.
    pub(crate) fn socket_dir(&self) -> &PathBuf {
        &self.socket_dir
    }

    /// Makes sure that the server accepts connections, with one attempt.
    ///
    /// # Errors
    ///
    /// The system's account of why it does not.
    pub(crate) async fn probe(&self) -> io::Result<()> {
        self.target.connect().await.map(drop)
    }

    /// The error as it would be without this relay: the driver only sees that its connection ends.
    pub(crate) fn explained(&self, error: sqlx::Error) -> sqlx::Error {
        let sqlx::Error::Io(_) = error else { return error };
        let failure = self.target.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map_or(error, |failure| sqlx::Error::Io(copy_of(failure)))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Target {
    async fn connect(&self) -> io::Result<TcpStream> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let connected = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.and_then(prepared),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = connected.as_ref().err().map(copy_of);
        connected
    }

    /// Tries again for a while where the server refuses: it may be starting.
    async fn connect_patiently(&self) -> io::Result<TcpStream> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        loop {
            match self.connect().await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && Instant::now() < until => {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                connected => return connected,
            }
        }
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_FOR))?;
    Ok(stream)
}

async fn accept(listener: UnixListener, target: Arc<Target>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) if is_ours(&client) => {
                tokio::spawn(carry(client, Arc::clone(&target)));
            }
            Ok(_) => tracing::warn!("another process connected to the way to the database and was refused"),
            Err(error) => {
                tracing::warn!(%error, "no connection to the database can be accepted; trying again");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

/// A name without a file has no permissions, so the other end is asked who it is.
fn is_ours(client: &UnixStream) -> bool {
    let process = client.peer_cred().ok().and_then(|peer| peer.pid());
    process.and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id())
}

async fn carry(mut client: UnixStream, target: Arc<Target>) {
    let Ok(mut server) = target.connect_patiently().await else { return };
    // How it ends is seen by the driver, whose connection ends with it.
    let _ = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, TO_SERVER, FROM_SERVER).await;
}

fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn server() -> (TcpListener, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    async fn driver(relay: &Relay, port: u16) -> io::Result<UnixStream> {
        UnixStream::connect(format!("{}/.s.PGSQL.{port}", relay.socket_dir().display())).await
    }

    #[tokio::test]
    async fn a_connection_sends_at_once_and_notices_a_server_that_is_gone() {
        let (_listener, port) = server().await;
        let relay = Relay::begin("127.0.0.1", port).unwrap();
        let connection = relay.target.connect().await.unwrap();
        let socket = SockRef::from(&connection);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), PROBE_AFTER);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED_FOR));
    }

    #[tokio::test]
    async fn bytes_go_both_ways_until_either_end_closes() {
        let (listener, port) = server().await;
        let relay = Relay::begin("[127.0.0.1]", port).unwrap();
        let mut driver = driver(&relay, port).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (question, mut heard) = (vec![7; 1_000_000], vec![0; 1_000_000]);
        let (sent, received) = tokio::join!(driver.write_all(&question), server.read_exact(&mut heard));
        sent.unwrap();
        received.unwrap();
        assert!(heard == question);
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        driver.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    }

    #[tokio::test]
    async fn an_error_is_the_one_of_the_server_and_a_success_ends_it() {
        let (listener, port) = server().await;
        drop(listener);
        let relay = Relay::begin("127.0.0.1", port).unwrap();
        assert_eq!(relay.probe().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let seen = || sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into());
        let kind = |error| match error {
            sqlx::Error::Io(error) => error.kind(),
            other => panic!("{other}"),
        };
        assert_eq!(kind(relay.explained(seen())), io::ErrorKind::ConnectionRefused);
        assert!(matches!(relay.explained(sqlx::Error::PoolTimedOut), sqlx::Error::PoolTimedOut));
        let _listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        relay.probe().await.unwrap();
        assert_eq!(kind(relay.explained(seen())), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_server_that_is_being_restarted_is_waited_for() {
        let (listener, port) = server().await;
        drop(listener);
        let relay = Relay::begin("127.0.0.1", port).unwrap();
        let mut driver = driver(&relay, port).await.unwrap();
        while relay.target.failure.lock().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"!").await.unwrap();
        assert_eq!(driver.read_u8().await.unwrap(), b'!');
    }

    #[tokio::test]
    async fn nothing_listens_for_a_store_that_is_gone() {
        let relay = Relay::begin("127.0.0.1", 1).unwrap();
        let path = relay.socket_dir().display().to_string();
        drop(relay);
        while UnixStream::connect(format!("{path}/.s.PGSQL.1")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
