//! A way to the test server that can be shut, as when a database is out.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::{AbortHandle, JoinHandle};

/// A port of loopback that leads to the server's socket while it is open, and hangs up while it is shut.
pub struct Gate {
    /// The database, by way of the gate.
    pub url: String,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    shut: bool,
    passing: Vec<AbortHandle>,
}

impl Gate {
    pub async fn before(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).unwrap();
        let directory = options.get_socket().expect("the test server listens on a socket").clone();
        let socket = directory.join(format!(".s.PGSQL.{}", options.get_port()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let database = options.get_database().unwrap_or("postgres");
        let url =
            format!("postgres://{}@127.0.0.1:{port}/{database}?sslmode=disable", options.get_username());
        let state = Arc::<Mutex<State>>::default();
        let accepting = tokio::spawn(accept(listener, socket, Arc::clone(&state)));
        Self { url, state, accepting }
    }

    /// Hangs up on everybody, and on all who come.
    pub fn shut(&self) {
        let mut state = self.state.lock().unwrap();
        state.shut = true;
        state.passing.drain(..).for_each(|passing| passing.abort());
    }

    /// Lets through who comes from now on.
    pub fn open(&self) {
        self.state.lock().unwrap().shut = false;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shut();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut state = state.lock().unwrap();
        if !state.shut {
            state.passing.push(tokio::spawn(pass(stream, socket.clone())).abort_handle());
        }
    }
}

async fn pass(mut stream: TcpStream, socket: PathBuf) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    // Whoever hangs up ends it.
    drop(tokio::io::copy_bidirectional(&mut stream, &mut server).await);
}
