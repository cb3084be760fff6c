//! A local HTTP server that behaves as the vendors' APIs do: for tests, for demos, and for measuring a backfill.
//!
//! This folder's own files are Stripe and what all share; `hubspot` is HubSpot.
//!
//! The account has a generated history that costs no memory ([`SandboxOptions`]) and changes only when told
//! to through the control interface under `/_sandbox/`; `control` lists what can be asked for.
//! How the parts fit:
//!
//! - `generate` makes the history, `world` lays changes over it;
//! - `changes` and `claims` make the changes and write `events`;
//! - `list` and `render*` answer, `query` and `auth` refuse, `faults` and `rate` get in the way;
//! - `expected` says what a correct consumer must have found.

mod auth;
mod bodies;
mod changes;
mod claims;
mod clock;
mod control;
mod errors;
mod events;
mod expected;
mod faults;
mod gcal;
mod generate;
mod hubspot;
mod ids;
mod json;
mod list;
mod model;
mod options;
mod patch;
mod query;
mod rate;
mod render;
mod render_charge;
mod reply;
mod requests;
mod routes;
mod shared;
mod template;
mod world;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub use gcal::SERVICE_ACCOUNT_KEY;
pub use options::SandboxOptions;
use shared::Shared;

/// A running sandbox. Dropping it closes its socket and all connections.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Sandbox {
    /// Starts to listen. Must be called inside a Tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options).map_err(io::Error::other)?);
        Ok(Self { address, accepting: tokio::spawn(accept(listener, shared)) })
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the socket and all connections, and returns when they are closed.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The only error possible is the cancellation just asked for.
        drop((&mut self.accepting).await);
    }

    /// Serves until the caller drops this future.
    pub async fn wait(mut self) {
        drop((&mut self.accepting).await);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Owned by this task, so that the connections end with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
                Err(error) => tracing::warn!(%error, "the sandbox could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the sandbox could not disable Nagle's algorithm");
    }
    let service = service_fn(|request| routes::serve(&shared, request));
    // The sandbox sets `Date` itself, from its own clock.
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a sandbox connection ended early");
    }
}
