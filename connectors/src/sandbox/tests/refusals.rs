//! What Stripe refuses, the sandbox refuses in the same words.

use super::*;

const KEY: &str = "Authorization: Bearer sk_test_sandbox\r\n";

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let sandbox = sandbox().await;
    let too_many: String = (0..21).map(|n| format!("types[]=charge.{n}&")).collect();
    let integer = "parameter_invalid_integer";
    let cases = [
        ("charges?limit=0", integer, "limit", "greater than or equal to 1"),
        ("charges?limit=101", integer, "limit", "less than or equal to 100"),
        ("charges?limit=abc", integer, "limit", "Invalid integer: abc"),
        ("charges?limit=", "parameter_invalid_empty", "limit", "empty string"),
        ("charges?created[gte]=x", integer, "created[gte]", "Invalid integer: x"),
        (
            "charges?created[ge]=1",
            "parameter_unknown",
            "created[ge]",
            "Received unknown parameter: created[ge]",
        ),
        ("charges?updated[gte]=1", "parameter_unknown", "updated[gte]", "Received unknown parameter"),
        ("charges?charge=ch_1", "parameter_unknown", "charge", "Received unknown parameter: charge"),
        ("events?customer=cus_1", "parameter_unknown", "customer", "Received unknown parameter"),
        ("charges?starting_after=ch_1", "resource_missing", "starting_after", "No such charge: 'ch_1'"),
        ("events?ending_before=evt_1", "resource_missing", "ending_before", "No such event: 'evt_1'"),
        ("refunds?charge=ch_1", "resource_missing", "charge", "No such charge: 'ch_1'"),
        ("charges?starting_after=a&ending_before=b", "", "ending_before", "only specify one of these"),
        ("events?type=a&types[]=b", "", "type", "only specify one of these"),
        (&format!("events?{too_many}"), "", "types", "exceeded maximum 20"),
    ];
    for (target, code, param, message) in cases {
        let answer = get(&sandbox, &format!("/v1/{target}")).await;
        let error = &answer.json()["error"];
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(error["type"], "invalid_request_error", "{target}");
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{target}");
        assert_eq!(error["param"], param, "{target}");
        assert!(error["message"].as_str().expect("a message").contains(message), "{target}: {error}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let sandbox = sandbox().await;
    let answer = get(&sandbox, "/v1/refunds/re_1").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], "resource_missing");
    assert_eq!(answer.json()["error"]["message"], "No such refund: 're_1'");
    for (method, path) in
        [("GET", "/v1/foo"), ("GET", "/v1/charges/a/b"), ("POST", "/v1/charges"), ("GET", "/")]
    {
        let answer = request(&sandbox, method, path, KEY, "").await;
        assert_eq!(answer.status, 404, "{path}");
        let message = answer.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(message.starts_with(&format!("Unrecognized request URL ({method}: {path}).")), "{message}");
    }
}

#[tokio::test]
async fn keys_are_checked() {
    let sandbox = sandbox().await;
    let answer = request(&sandbox, "GET", "/v1/charges", "", "").await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("You did not provide an API key"));
    let answer =
        request(&sandbox, "GET", "/v1/charges", "Authorization: Bearer sk_test_wrong1234\r\n", "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"]["message"], "Invalid API Key provided: sk_test_*****1234");
    // sk_test_sandbox as the user name of basic auth.
    let basic = "Authorization: Basic c2tfdGVzdF9zYW5kYm94Og==\r\n";
    assert_eq!(request(&sandbox, "GET", "/v1/account", basic, "").await.json()["object"], "account");

    control(&sandbox, "settings", r#"{"restricted_keys":{"rk_test_x":["/v1/events"]}}"#).await;
    let restricted = "Authorization: Bearer rk_test_x\r\n";
    assert_eq!(request(&sandbox, "GET", "/v1/charges", restricted, "").await.status, 200);
    let answer = request(&sandbox, "GET", "/v1/events", restricted, "").await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    assert!(answer.text().contains("'rk_test_*********'") && answer.text().contains("'rak_event_read'"));
}

#[tokio::test]
async fn answers_carry_stripes_headers() {
    let sandbox = sandbox().await;
    control(&sandbox, "clock", r#"{"offset_s":-1000000000}"#).await;
    let answer = get(&sandbox, "/v1/charges?limit=1").await;
    assert!(answer.header("request-id").is_some_and(|id| id.starts_with("req_")));
    assert_eq!(answer.header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.head.to_lowercase().matches("\r\ndate: ").count(), 1);
    let date = answer.header("date").expect("a date");
    let date = chrono::DateTime::parse_from_rfc2822(date).expect("an HTTP date").timestamp();
    let now = crate::sandbox::clock::system_unix_s();
    assert!((now - 1_000_000_100..=now - 1_000_000_000).contains(&date), "the sandbox's clock");

    let version = |version: &str| format!("{KEY}Stripe-Version: {version}\r\n");
    let answer = request(&sandbox, "GET", "/v1/charges?limit=1", &version("2020-08-27"), "").await;
    assert_eq!((answer.status, answer.header("stripe-version")), (200, Some("2020-08-27")));
    let answer = request(&sandbox, "GET", "/v1/charges?limit=1", &version("2026-21-27"), "").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "Invalid Stripe API version: 2026-21-27");
}

#[tokio::test]
async fn too_many_requests_are_refused() {
    // All eight would pass only if each came a whole second after the one before.
    let sandbox = start(SandboxOptions { rate_limit_per_sec: Some(1), ..options() }).await;
    let mut refused = None;
    for _ in 0..8 {
        let answer = get(&sandbox, "/v1/charges?limit=1").await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.json()["error"]["code"], "rate_limit");
    assert_eq!(refused.header("stripe-rate-limited-reason"), Some("global-rate"));
    assert_eq!(refused.header("retry-after"), None);
}
