//! Faults arrive as ordered, and requests are counted.

use super::*;

async fn fault(sandbox: &Sandbox, body: &str) {
    control(sandbox, "faults", body).await;
}

#[tokio::test]
async fn a_status_fault_answers_once() {
    let sandbox = sandbox().await;
    fault(&sandbox, r#"{"path":"/v1/charges","nth":2,"kind":{"status":500}}"#).await;
    assert_eq!(get(&sandbox, "/v1/charges").await.status, 200);
    assert_eq!(get(&sandbox, "/v1/refunds").await.status, 200);
    let answer = get(&sandbox, "/v1/charges").await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (500, Some("api_error")));
    assert_eq!(get(&sandbox, "/v1/charges").await.status, 200);

    fault(&sandbox, r#"{"kind":{"status":429}}"#).await;
    assert_eq!(get(&sandbox, "/v1/events").await.json()["error"]["code"], "lock_timeout");
    let limited =
        r#"{"kind":{"status":429,"headers":{"Retry-After":"3","Stripe-Rate-Limited-Reason":"global-rate"}}}"#;
    fault(&sandbox, limited).await;
    let answer = get(&sandbox, "/v1/events").await;
    assert_eq!(answer.json()["error"]["code"], "rate_limit");
    assert_eq!(answer.header("retry-after"), Some("3"));
    fault(&sandbox, r#"{"kind":{"status":502,"body":"<h1>Bad gateway"}}"#).await;
    assert_eq!(get(&sandbox, "/v1/events").await.text(), "<h1>Bad gateway");
}

#[tokio::test]
async fn connections_break_and_pages_are_not_json() {
    let sandbox = sandbox().await;
    let whole = get(&sandbox, "/v1/charges?limit=50").await;
    fault(&sandbox, r#"{"kind":{"drop":true}}"#).await;
    assert_eq!(get(&sandbox, "/v1/charges?limit=50").await.status, 0);
    fault(&sandbox, r#"{"kind":{"truncate":true}}"#).await;
    let half = get(&sandbox, "/v1/charges?limit=50").await;
    assert_eq!(half.header("content-length"), Some(whole.body.len().to_string().as_str()));
    assert_eq!(half.body, whole.body[..whole.body.len() / 2]);
    fault(&sandbox, r#"{"kind":{"html":true}}"#).await;
    let page = get(&sandbox, "/v1/charges").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));

    fault(&sandbox, r#"{"times":100,"kind":{"drop":true}}"#).await;
    assert_eq!(request(&sandbox, "DELETE", "/_sandbox/faults", "", "").await.status, 200);
    assert_eq!(get(&sandbox, "/v1/charges?limit=50").await.body, whole.body);
}

#[tokio::test]
async fn requests_are_counted() {
    let sandbox = sandbox().await;
    let charge = id(&data(&get(&sandbox, "/v1/charges").await)[0]);
    get(&sandbox, &format!("/v1/charges/{charge}")).await;
    get(&sandbox, "/v1/charges/ch_none").await;
    fault(&sandbox, r#"{"kind":{"drop":true}}"#).await;
    get(&sandbox, "/v1/charges?limit=1").await;
    let log = get(&sandbox, "/_sandbox/requests").await.json();
    assert_eq!(log["total"], 4);
    assert_eq!(log["by_path"], serde_json::json!({ "/v1/charges": 2, "/v1/charges/{id}": 2 }));
    assert_eq!(log["last"][2], "GET /v1/charges/ch_none 404");
    assert_eq!(log["last"][3], "GET /v1/charges?limit=1 dropped");
    request(&sandbox, "DELETE", "/_sandbox/requests", "", "").await;
    assert_eq!(get(&sandbox, "/_sandbox/requests").await.json()["total"], 0);
}

#[tokio::test]
async fn a_stopped_sandbox_is_gone() {
    let sandbox = sandbox().await;
    let address = sandbox.base_url().trim_start_matches("http://").to_owned();
    sandbox.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
