//! The document about the HTTP face, against the server that it describes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, kill};
use crate::http::{ADMIN_KEY, KEY, get, post, serve};

/// The path with values in place of its parameters, and the query of all examples.
fn example_of(path: &str, operation: &Value, run_id: &str, letter_id: &str) -> String {
    let mut address = path.to_owned();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let example = parameter["example"].as_str().map(ToOwned::to_owned);
        let example =
            example.or_else(|| Some(parameter["example"].to_string()).filter(|text| text != "null"));
        match (parameter["in"].as_str().unwrap(), name) {
            ("path", "runId") => address = address.replace("{runId}", run_id),
            ("path", "id") => address = address.replace("{id}", letter_id),
            ("path", name) => address = address.replace(&format!("{{{name}}}"), &example.unwrap()),
            ("query", name) => {
                if let Some(example) = example {
                    query.append_pair(name, &example);
                }
            }
            _ => {}
        }
    }
    format!("{address}?{}", query.finish())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_document_gives_as_an_example_is_answered_as_it_says() {
    let mut world = World::with_charges(5).await;
    world.set("SUPPORTED_CURRENCIES", "USD");
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.set("HTTP_RATE_LIMIT_PER_MIN", "0");
    world.charge(json!({"amount": 100, "currency": "eur"})).await;
    let run_id = world.fetch().await.expect(0).run()["runId"].as_str().unwrap().to_owned();
    world.process().await;
    let (mut server, base) = serve(&mut world).await;
    let (_, letters, _) = get(format!("{base}/dead-letters"), &[("x-api-key", KEY)]).await;
    let letter_id = letters["deadLetters"][0]["id"].as_str().unwrap();

    let (status, document, headers) = get(format!("{base}/openapi.json"), &[]).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(document, world.buffalo(&["openapi"]).await.expect(0).json(), "what `buffalo openapi` prints");

    for (path, item) in document["paths"].as_object().unwrap() {
        // Posts of vendors are signed; they have tests of their own.
        let operations = item.as_object().unwrap().iter();
        for (method, operation) in
            operations.filter(|(_, operation)| operation["operationId"] != "receiveWebhook")
        {
            let url = format!("{base}{}", example_of(path, operation, &run_id, letter_id));
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            let request = reqwest::Client::new()
                .request(method.clone(), &url)
                .header("x-admin-api-key", ADMIN_KEY)
                .header("idempotency-key", operation["operationId"].as_str().unwrap())
                .body(if body.is_null() { String::new() } else { body.to_string() });
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16().to_string();
            assert!(status.starts_with('2'), "{method} {url}: {status} {}", answer.text().await.unwrap());
            let described = operation["responses"][&status]["content"].as_object().unwrap();
            let kind = answer.headers()["content-type"].to_str().unwrap().split(';').next().unwrap();
            assert!(described.contains_key(kind), "{method} {url}: {kind}");

            // An address that there is refuses another method; one that there is not would be answered with 404.
            let other = if method == Method::GET { Method::DELETE } else { Method::GET };
            let answer = reqwest::Client::new().request(other, &url).send().await.unwrap();
            let status = answer.status().as_u16();
            assert_eq!(status, 405, "{url}");
        }
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_from_elsewhere() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let (status, page, headers) = get(format!("{base}/docs"), &[]).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    let page = page.as_str().unwrap();
    assert!(!page.contains("//"), "an address of another host in {page}");
    let mut files = 0;
    for address in page.split('"').filter(|text| text.starts_with("docs/")) {
        let answer = reqwest::get(format!("{base}/{address}")).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{address}");
        assert!(!answer.bytes().await.unwrap().is_empty(), "{address}");
        files += 1;
    }
    assert_eq!(files, 4);
    assert_eq!(get(format!("{base}/docs/index.html"), &[]).await.0, 404);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_text_can_hold_is_refused_and_breaks_nothing() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let key = [("x-api-key", KEY)];
    for (path, code) in [
        ("/runs?entity=%00", "VALIDATION_ERROR"),
        ("/dead-letters?reason=a%00", "VALIDATION_ERROR"),
        ("/runs?entity=%ff", "VALIDATION_ERROR"),
        ("/runs/%00", "RUN_NOT_FOUND"),
        ("/runs/%ff", "NOT_FOUND"),
        ("/dead-letters/%ff", "NOT_FOUND"),
    ] {
        let (status, answer, _) = get(format!("{base}{path}"), &key).await;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
        assert_eq!(answer["code"], code, "{path}");
    }
    let headers = [("x-admin-api-key", ADMIN_KEY), ("idempotency-key", "k")];
    for body in ["{\"reason\":\"a\\u0000\"}", "{\"reason\":null,\"source\":\"stripe\"}", "[]", "\u{feff}{}"] {
        let (status, answer, _) = post(format!("{base}/dead-letters/replay"), &headers, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("VALIDATION_ERROR")), "{body} {answer}");
    }
    kill(&mut server).await;
    world.end().await;
}
