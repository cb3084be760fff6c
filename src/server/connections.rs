//! Connections: taking them, knowing whose they are, and letting them end when the program is asked to stop.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use buffalo_jobs::Stop;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::stalled::Stalling;
use crate::config::TrustedProxies;

/// How long a client may take to send the head of a request, the first or the next of a connection. Who sends a byte now
/// and then holds a connection for no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;

/// Connections at once; others wait to be taken.
const MOST_CONNECTIONS: usize = 2_048;

/// How long a connection that was just taken has to bring its first request when the program is asked to stop.
const JUST_TAKEN: Duration = Duration::from_millis(100);

/// How long to wait after a connection that could not be taken, for want of file descriptors mostly.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// That a client takes nothing of what it is to be sent.
    pub(super) stalled: Duration,
    /// That requests are answered after the program was asked to stop.
    pub(super) grace: Duration,
}

/// Serves until stopped, and then until every request is answered, for as long as the grace. Returns whether all were.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: Stop, patience: Patience) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(LONGEST_HEAD);
    let graceful = GracefulShutdown::new();
    let room = std::sync::Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let taken = async {
            // The semaphore is never closed.
            let place = std::sync::Arc::clone(&room).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = stop.requested() => break,
            taken = taken => taken,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(AFTER_TROUBLE).await;
                continue;
            }
        };
        // Answers are short and written whole: waiting for more to send would only delay them.
        drop(stream.set_nodelay(true));
        let router = router.clone();
        let service = hyper::service::service_fn(move |request| {
            let mut request = Request::map(request, Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let connection = graceful
            .watch(http.serve_connection(TokioIo::new(Stalling::new(stream, patience.stalled)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    // Nobody else can connect from here on; a load balancer sees that and goes elsewhere.
    drop(listener);
    let ended = async {
        // A connection that has brought no request yet is closed. Most that were just taken are about to bring one.
        tokio::time::sleep(JUST_TAKEN).await;
        graceful.shutdown().await;
    };
    tokio::time::timeout(patience.grace, ended).await.is_ok()
}

/// The address that a request comes from: the peer's, or what the nearest trusted proxy says of its own.
pub(super) fn client_address(request: &Request, proxies: TrustedProxies) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let distance = usize::from(proxies.0);
    if distance == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let said = forwarded.len().checked_sub(distance).and_then(|at| forwarded.get(at));
    said.and_then(|address| address.trim().parse().ok()).or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let request = || {
            let mut request = Request::builder()
                .header("x-forwarded-for", "6.6.6.6, 203.0.113.9")
                .header("x-forwarded-for", "198.51.100.7")
                .body(Body::empty())
                .unwrap();
            request.extensions_mut().insert(Peer("127.0.0.1:1".parse().unwrap()));
            request
        };
        for (proxies, address) in
            [(0, "127.0.0.1"), (1, "198.51.100.7"), (2, "203.0.113.9"), (3, "6.6.6.6"), (4, "127.0.0.1")]
        {
            let found = client_address(&request(), TrustedProxies(proxies));
            assert_eq!(found, Some(address.parse().unwrap()), "{proxies} proxies");
        }
    }
}
