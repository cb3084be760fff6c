//! The HTTP face, over real HTTP.

use serde_json::Value;
use tokio::process::Child;

use crate::harness::{World, kill, terminate};

pub const KEY: &str = "0123456789abcdef";
pub const ADMIN_KEY: &str = "fedcba9876543210";

pub async fn serve(world: &mut World) -> (Child, String) {
    serve_by(world, "serve").await
}

/// Starts a command that serves among other things.
pub async fn serve_by(world: &mut World, command: &str) -> (Child, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.set("HOST", "127.0.0.1");
    world.set("PORT", port.to_string());
    world.set_if_unset("HTTP_RATE_LIMIT_PER_MIN", "0");
    world.set_if_unset("API_KEY", KEY);
    world.set_if_unset("ADMIN_API_KEY", ADMIN_KEY);
    let child = world.start_server(command);
    let base = format!("http://127.0.0.1:{port}");
    let alive = format!("{base}/healthz");
    world.until("it serves", async || reqwest::get(&alive).await.is_ok()).await;
    (child, base)
}

/// The status, the body (a text where it is not JSON) and the headers of an answer.
pub type Answer = (u16, Value, reqwest::header::HeaderMap);

pub async fn get(url: String, headers: &[(&str, &str)]) -> Answer {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request).await
}

pub async fn post(url: String, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = reqwest::Client::new().post(url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request).await
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)), headers)
}

/// The pages of a list, asked for one after the other with the reader's key; `url` has parameters already.
pub async fn pages(url: &str) -> Vec<Value> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page, _) = get(format!("{url}{cursor}"), &[("x-api-key", KEY)]).await;
        assert_eq!(status, 200, "{page}");
        let next = page["nextCursor"].as_str().map(|next| format!("&cursor={next}"));
        pages.push(page);
        let Some(next) = next else { return pages };
        cursor = next;
    }
}

/// Asks with parameters that are wrong, each of them, and without a key.
pub async fn assert_refused(url: &str, wrong: &[&str]) {
    for wrong in wrong {
        let (status, answer, _) = get(format!("{url}{wrong}"), &[("x-api-key", KEY)]).await;
        assert_eq!((status, answer["code"].as_str()), (400, Some("VALIDATION_ERROR")), "{wrong}: {answer}");
    }
    assert_eq!(get(url.to_owned(), &[]).await.0, 401);
}

/// An answer about revenue without when and how it was checked, which differs from one answer to the next.
pub(crate) fn checked_whenever(mut answer: Value) -> Value {
    assert!(answer["drift"].as_object_mut().unwrap().remove("checkedAt").is_some());
    answer["drift"].as_object_mut().unwrap().remove("bucketsRecomputed");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_runs_are_those_of_the_command_line() {
    let mut world = World::with_charges(100).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let key = [("x-api-key", KEY)];
    for path in ["summary", "daily", "weekly", "monthly", "quarterly", "yearly"] {
        let (status, answer, _) = get(format!("{base}/metrics/revenue/{path}"), &key).await;
        let printed = world.buffalo(&["revenue", path, "--format", "json"]).await.expect(0).json();
        assert_eq!((status, checked_whenever(answer)), (200, checked_whenever(printed)));
    }
    let (_, csv, _) = get(format!("{base}/metrics/revenue/monthly"), &[key[0], ("accept", "text/csv")]).await;
    assert!(csv.as_str().unwrap().starts_with("month,amountCents"), "{csv}");
    let (_, runs, _) = get(format!("{base}/runs?limit=1"), &key).await;
    assert_eq!(runs, world.buffalo(&["runs", "--limit", "1", "--format", "json"]).await.expect(0).json());
    let id = runs["runs"][0]["runId"].as_str().unwrap();
    assert_eq!(get(format!("{base}/runs/{id}"), &key).await.1["runId"], id);
    let (status, ready, _) = get(format!("{base}/readyz"), &[]).await;
    assert_eq!((status, &ready["syncStatus"]), (200, &Value::from("healthy")));
    terminate(&server);
    assert!(server.wait().await.unwrap().success());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_one_shape_and_an_id() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let given = [("x-api-key", KEY), ("x-request-id", "mine-1")];
    let (status, answer, headers) = get(format!("{base}/runs"), &[("x-request-id", "mine-1")]).await;
    assert_eq!((status, &answer["code"]), (401, &Value::from("INVALID_API_KEY")));
    assert_eq!(
        (&answer["requestId"], headers["x-request-id"].to_str().unwrap()),
        (&Value::from("mine-1"), "mine-1")
    );
    assert_eq!(get(format!("{base}/runs"), &[("x-api-key", "wrong")]).await.0, 401);
    assert_eq!(get(format!("{base}/runs"), &[("x-admin-api-key", ADMIN_KEY)]).await.0, 200);
    let question = format!("{base}/metrics/revenue/daily?startDate=2026-02-30&timezone=Nowhere&currency=x");
    let (status, answer, _) = get(question, &given).await;
    assert_eq!((status, &answer["code"]), (400, &Value::from("VALIDATION_ERROR")));
    let codes: Vec<_> = answer["details"].as_array().unwrap().iter().map(|detail| &detail["code"]).collect();
    assert_eq!(codes, ["INVALID_DATE", "UNKNOWN_CURRENCY", "UNKNOWN_TIMEZONE"]);
    assert_eq!(answer["details"][0]["field"], "query.startDate");
    let (status, answer, _) = get(format!("{base}/runs/nonsense"), &given).await;
    assert_eq!((status, &answer["code"]), (404, &Value::from("RUN_NOT_FOUND")));
    assert_eq!(get(format!("{base}/nowhere"), &given).await.1["code"], "NOT_FOUND");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_named() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let key = [("x-api-key", KEY)];
    for (path, field, code) in [
        ("/runs?limitt=3", "query.limitt", "UNKNOWN_PARAMETER"),
        ("/runs?limit=1&limit=2", "query.limit", "REPEATED_PARAMETER"),
        ("/metrics/revenue/daily?fill=perhaps", "query.fill", "INVALID_VALUE"),
        ("/metrics/unmapped-statuses?limit=201", "query.limit", "INVALID_LIMIT"),
        ("/outbox?source=stripe", "query.source", "UNKNOWN_PARAMETER"),
    ] {
        let (status, answer, _) = get(format!("{base}{path}"), &key).await;
        let detail = &answer["details"][0];
        assert_eq!(
            (status, &detail["field"], &detail["code"]),
            (400, &field.into(), &code.into()),
            "{answer}"
        );
    }
    let (_, unmapped, _) = get(format!("{base}/metrics/unmapped-statuses"), &key).await;
    assert_eq!(unmapped, serde_json::json!({"count": 0, "statuses": []}));
    let posted = reqwest::Client::new().post(format!("{base}/runs")).send().await.unwrap();
    assert_eq!((posted.status().as_u16(), posted.headers()["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    let answer: Value = serde_json::from_str(&posted.text().await.unwrap()).unwrap();
    assert_eq!(answer["code"], "METHOD_NOT_ALLOWED");
    kill(&mut server).await;
    world.end().await;
}
