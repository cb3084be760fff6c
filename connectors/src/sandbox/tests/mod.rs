//! Tests over HTTP, with a client that speaks just enough of it.

mod changes;
mod faults;
mod gcal;
mod gcal_tokens;
mod hubspot;
mod hubspot_lag;
mod hubspot_search;
mod paging;
mod refusals;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Sandbox, SandboxOptions};

/// When the newest generated charge was created. Fixed, so that nothing depends on the day of the test.
const UNTIL: i64 = 1_790_000_000;

/// An answer as it came over the wire.
struct Answer {
    /// 0 when the connection was closed without one.
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A sandbox with 1,000 charges in a day, all in different seconds.
async fn sandbox() -> Sandbox {
    start(SandboxOptions { charges: 1_000, span_days: 1, ..options() }).await
}

/// A sandbox with 500 charges in the same second.
async fn crowded() -> Sandbox {
    start(SandboxOptions { charges: 500, span_days: 0, ..options() }).await
}

fn options() -> SandboxOptions {
    SandboxOptions { seed: 42, until_unix: UNTIL, ..SandboxOptions::default() }
}

async fn start(options: SandboxOptions) -> Sandbox {
    Sandbox::start(options).await.expect("a sandbox")
}

async fn get(sandbox: &Sandbox, target: &str) -> Answer {
    request(sandbox, "GET", target, "Authorization: Bearer sk_test_sandbox\r\n", "").await
}

async fn post(sandbox: &Sandbox, target: &str, body: &str) -> Answer {
    request(sandbox, "POST", target, "", body).await
}

/// Posts to the control interface and expects success.
async fn control(sandbox: &Sandbox, target: &str, body: &str) -> Value {
    let answer = post(sandbox, &format!("/_sandbox/{target}"), body).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

async fn request(sandbox: &Sandbox, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    let url = sandbox.base_url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection");
    let length = body.len();
    let message = format!(
        "{method} {target} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\
         {headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(message.as_bytes()).await.expect("sent");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    // A reset instead of a clean end is one of the ways a connection breaks off.
    drop(stream.read_to_end(&mut bytes).await);
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Answer { status: 0, head: String::new(), body: bytes };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a text head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// The objects of a page.
fn data(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().expect("a list").clone()
}

fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

/// All ids of a listing, newest first, read page by page in one direction.
async fn all_ids(sandbox: &Sandbox, target: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let joint = if target.contains('?') { '&' } else { '?' };
    loop {
        let cursor = ids.last().map(|last| format!("&starting_after={last}")).unwrap_or_default();
        let answer = get(sandbox, &format!("{target}{joint}limit={limit}{cursor}")).await;
        ids.extend(data(&answer).iter().map(id));
        if answer.json()["has_more"] == false {
            return ids;
        }
    }
}

/// The types of all events, sorted: within a second their order says nothing.
async fn event_types(sandbox: &Sandbox) -> Vec<String> {
    let events = data(&get(sandbox, "/v1/events?limit=100").await);
    let mut types: Vec<String> =
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect();
    types.sort();
    types
}
