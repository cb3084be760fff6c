//! Clients that hold on, send too much, or are in the middle when the program is asked to stop.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{World, kill, terminate};
use crate::http::{KEY, get, serve};

fn address(base: &str) -> &str {
    base.strip_prefix("http://").unwrap()
}

async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(address(base)).await.unwrap()
}

/// All that the server says until it hangs up.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A server that hangs up on a client that still sends resets the connection.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_now_and_then_is_hung_up_on() {
    let mut world = World::with_charges(0).await;
    world.set("REQUEST_TIMEOUT_S", "1");
    let (mut server, base) = serve(&mut world).await;
    let mut slow_head = connect(&base).await;
    slow_head.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    // The body of a request that is let in, of which nothing comes.
    let mut slow_body = connect(&base).await;
    let head = "POST /process HTTP/1.1\r\nHost: x\r\nX-Admin-Api-Key: fedcba9876543210\r\nIdempotency-Key: k\r\nContent-Length: 9\r\n\r\n";
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    slow_body.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 503");
    let left = tokio::time::timeout(Duration::from_secs(60), rest(slow_body)).await;
    let left = left.expect("the connection is closed").to_lowercase();
    assert!(left.contains("connection: close") && left.contains("\"timeout\""), "{left}");
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200, "others are answered meanwhile");
    let left = tokio::time::timeout(Duration::from_secs(60), rest(slow_head)).await;
    let left = left.expect("the connection is closed");
    assert!(left.is_empty() || left.starts_with("HTTP/1.1 408"), "{left}");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_the_answer_is_hung_up_on() {
    let mut world = World::with_charges(0).await;
    world.set("REQUEST_TIMEOUT_S", "1");
    let (mut server, base) = serve(&mut world).await;
    let stream = connect(&base).await;
    // More answers than the buffers on the way hold, until the server takes no more requests.
    let asking = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    world
        .until("the server hangs up", async || {
            matches!(stream.try_write(&asking), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
        })
        .await;
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);
    terminate(&server);
    assert!(server.wait().await.unwrap().success(), "nobody is left to wait for");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_targets_of_any_length_do_no_harm() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    for request in [
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)),
        format!("GET /runs HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n\r\n", "a".repeat(100_000)),
        "\0\0\0\0 nonsense\r\n\r\n".to_owned(),
    ] {
        let mut stream = connect(&base).await;
        // The server may hang up before all of it is sent.
        drop(stream.write_all(request.as_bytes()).await);
        let answer = rest(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_answered_when_the_program_is_asked_to_stop() {
    let mut world = World::with_charges(0).await;
    // Nobody reads its log before it ends.
    world.set("LOG_LEVEL", "warn");
    let (mut server, base) = serve(&mut world).await;
    let mut asking = Vec::new();
    for _ in 0..500 {
        let mut stream = connect(&base).await;
        let head = "POST /dead-letters/replay?dryRun=true HTTP/1.1\r\nHost: x\r\nX-Admin-Api-Key: fedcba9876543210\r\n\
                    Idempotency-Key: k\r\nContent-Length: 12\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        asking.push(stream);
    }
    let all = format!("buffalo_http_requests_in_flight {}", asking.len() + 1);
    world
        .until("all of them are at work", async || {
            let (_, metrics, _) = get(format!("{base}/metrics"), &[]).await;
            metrics.as_str().unwrap().lines().any(|line| line == all)
        })
        .await;
    terminate(&server);
    world.until("nobody else is let in", async || TcpStream::connect(address(&base)).await.is_err()).await;
    for stream in &mut asking {
        stream.write_all(b"{\"all\":true}").await.unwrap();
    }
    for stream in asking {
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"dryRun\":true"), "{answer}");
    }
    assert!(server.wait().await.unwrap().success());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_breaks_no_transaction_off() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let silent_run = "INSERT INTO sync_runs (run_id, source, entity, mode, status, started_at, heartbeat_at)
        VALUES (gen_random_uuid(), 'stripe', 'payments', 'full', 'running', 'epoch', 'epoch')";
    world.database.run(silent_run).await;
    let mut lock = world.database.pool.begin().await.unwrap();
    // Runs can be read meanwhile, and none declared abandoned.
    sqlx::query("LOCK TABLE sync_runs IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let mut caller = connect(&base).await;
    let head = format!("GET /runs HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n\r\n");
    caller.write_all(head.as_bytes()).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE 'UPDATE sync_runs%'";
    world.until("its statement waits", async || world.database.number(waiting).await == 1).await;
    drop(caller);
    world
        .until("the server knows that nobody listens", async || {
            let (_, metrics, _) = get(format!("{base}/metrics"), &[]).await;
            metrics.as_str().unwrap().lines().any(|line| line == "buffalo_http_requests_in_flight 1")
        })
        .await;
    lock.rollback().await.unwrap();
    let abandoned = "SELECT count(*) FROM sync_runs WHERE status = 'abandoned'";
    world.until("the work is done all the same", async || world.database.number(abandoned).await == 1).await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_the_grace_is_cut_off() {
    let mut world = World::with_charges(0).await;
    world.set("SHUTDOWN_GRACE_S", "1");
    let (mut server, base) = serve(&mut world).await;
    let mut lock = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sync_runs IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let asking =
        tokio::spawn(reqwest::Client::new().get(format!("{base}/runs")).header("x-api-key", KEY).send());
    world
        .until("it is being asked", async || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            world.database.number(waiting).await > 0
        })
        .await;
    terminate(&server);
    assert_eq!(server.wait().await.unwrap().code(), Some(1));
    assert!(asking.await.unwrap().is_err());
    lock.rollback().await.unwrap();
    world.end().await;
}
