//! Pages are complete, without duplicates, in both directions, under every filter; and always the same.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// The whole listing, read from its oldest object back to the newest.
async fn all_ids_backwards(sandbox: &Sandbox, target: &str, oldest: &str, limit: usize) -> Vec<String> {
    let joint = if target.contains('?') { '&' } else { '?' };
    let mut ids = vec![oldest.to_owned()];
    loop {
        let before = &ids[0];
        let answer = get(sandbox, &format!("{target}{joint}limit={limit}&ending_before={before}")).await;
        ids.splice(0..0, data(&answer).iter().map(id));
        if answer.json()["has_more"] == false {
            return ids;
        }
    }
}

#[tokio::test]
async fn paging_is_complete_in_both_directions() {
    for sandbox in [sandbox().await, crowded().await] {
        let offset_s = UNTIL - crate::sandbox::clock::system_unix_s();
        control(&sandbox, "clock", &format!(r#"{{"offset_s":{offset_s}}}"#)).await;
        // Objects of the same second, made later, must fit in.
        let body = format!(r#"{{"amount":500,"currency":"usd","at":{UNTIL}}}"#);
        for _ in 0..3 {
            let charge = id(&control(&sandbox, "charges", &body).await);
            let at = format!(r#"{{"amount":5,"at":{}}}"#, UNTIL - 40_000);
            for verb in ["refund", "refund", "refund", "dispute", "dispute", "dispute"] {
                control(&sandbox, &format!("charges/{charge}/{verb}"), &at).await;
            }
        }
        for kind in ["charges", "refunds", "disputes", "events"] {
            let target = format!("/v1/{kind}");
            let objects = get(&sandbox, &format!("/_sandbox/objects?kind={kind}")).await.json();
            let expected: BTreeSet<String> = objects.as_array().expect("a list").iter().map(id).collect();
            assert!(expected.len() >= 9, "{kind}: more than one page");
            let forwards = all_ids(&sandbox, &target, 4).await;
            assert_eq!(forwards.len(), expected.len(), "{kind}: each object once");
            assert_eq!(forwards.iter().cloned().collect::<BTreeSet<_>>(), expected, "{kind}: every object");
            assert_eq!(all_ids(&sandbox, &target, 100).await, forwards, "{kind}: the same in larger pages");
            let oldest = forwards.last().expect("an id");
            assert_eq!(all_ids_backwards(&sandbox, &target, oldest, 4).await, forwards, "{kind}: and back");
            if kind == "events" {
                assert!(
                    !forwards.is_sorted() && !forwards.iter().rev().is_sorted(),
                    "ids say nothing of order"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_busy_history_pages_as_well() {
    // Eleven charges a second, so that refunds and disputes share seconds too.
    let sandbox = start(SandboxOptions { charges: 1_000_000, span_days: 1, ..options() }).await;
    let (from, to) = (UNTIL - 43_200, UNTIL - 43_200 + 600);
    let expected = get(&sandbox, &format!("/_sandbox/expected?from={from}&to={to}")).await.json();
    for kind in ["charges", "refunds", "disputes"] {
        let target = format!("/v1/{kind}?created[gte]={from}&created[lt]={to}");
        let forwards = all_ids(&sandbox, &target, 17).await;
        let distinct: BTreeSet<&String> = forwards.iter().collect();
        assert_eq!((distinct.len(), forwards.len()), (forwards.len(), forwards.len()), "{kind}: each once");
        assert_eq!(expected["objects"][kind], forwards.len(), "{kind}: every object");
        let oldest = forwards.last().expect("an id");
        assert_eq!(all_ids_backwards(&sandbox, &target, oldest, 13).await, forwards, "{kind}: and back");
    }
}

#[tokio::test]
async fn has_more_is_right_at_the_edge() {
    let sandbox = start(SandboxOptions { charges: 5, ..options() }).await;
    let all = all_ids(&sandbox, "/v1/charges", 100).await;
    let (newest, oldest) = (&all[0], &all[4]);
    let cases = [
        ("limit=5".to_owned(), false),
        ("limit=4".to_owned(), true),
        (format!("limit=4&starting_after={newest}"), false),
        (format!("limit=3&starting_after={newest}"), true),
        (format!("limit=4&ending_before={oldest}"), false),
        (format!("limit=3&ending_before={oldest}"), true),
        (format!("limit=3&starting_after={oldest}"), false),
    ];
    for (query, more) in cases {
        assert_eq!(get(&sandbox, &format!("/v1/charges?{query}")).await.json()["has_more"], more, "{query}");
    }
}

#[tokio::test]
async fn events_of_one_second_come_in_no_order() {
    let sandbox = start(SandboxOptions { charges: 0, ..options() }).await;
    let at = crate::sandbox::clock::system_unix_s() - 10;
    for _ in 0..20 {
        control(&sandbox, "charges", &format!(r#"{{"amount":500,"currency":"usd","at":{at}}}"#)).await;
    }
    let events = data(&get(&sandbox, "/v1/events?limit=100").await);
    let charges: Vec<String> = events.iter().map(|event| id(&event["data"]["object"])).collect();
    assert!(!charges.is_sorted() && !charges.iter().rev().is_sorted());
    assert_eq!(events, data(&get(&sandbox, "/v1/events?limit=100").await), "but always the same");
}

#[tokio::test]
async fn listings_are_newest_first() {
    let sandbox = sandbox().await;
    for kind in ["charges", "refunds", "disputes"] {
        let page = data(&get(&sandbox, &format!("/v1/{kind}?limit=100")).await);
        assert!(page.len() > 5, "{kind}");
        assert!(page.is_sorted_by_key(|object| -object["created"].as_i64().expect("a time")), "{kind}");
    }
    let page = get(&sandbox, "/v1/charges").await.json();
    assert_eq!(
        (&page["object"], &page["url"], &page["has_more"]),
        (&"list".into(), &"/v1/charges".into(), &true.into())
    );
    assert_eq!(page["data"].as_array().map(Vec::len), Some(10), "the default limit");
}

#[tokio::test]
async fn creation_times_bound_a_listing() {
    let sandbox = sandbox().await;
    let all = get(&sandbox, "/_sandbox/objects?kind=refunds").await.json();
    let mut times: Vec<i64> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|refund| refund["created"].as_i64().expect("a time"))
        .collect();
    times.sort_unstable();
    let (low, high) = (times[5], times[12]);
    type Test = fn(i64, i64, i64) -> bool;
    let cases: [(&str, Test); 5] = [
        ("created[gte]={low}&created[lt]={high}", |t, low, high| t >= low && t < high),
        ("created%5Bgt%5D={low}&created%5Blte%5D={high}", |t, low, high| t > low && t <= high),
        ("created={low}", |t, low, _| t == low),
        ("created[lt]={low}", |t, low, _| t < low),
        ("created[gt]={high}&created[lt]={low}", |_, _, _| false),
    ];
    for (query, test) in cases {
        let query = query.replace("{low}", &low.to_string()).replace("{high}", &high.to_string());
        let found = all_ids(&sandbox, &format!("/v1/refunds?{query}"), 3).await;
        assert_eq!(found.len(), times.iter().filter(|time| test(**time, low, high)).count(), "{query}");
    }
}

#[tokio::test]
async fn objects_are_found_by_what_they_belong_to() {
    let sandbox = sandbox().await;
    for kind in ["refunds", "disputes"] {
        let object = &data(&get(&sandbox, &format!("/v1/{kind}")).await)[3];
        for filter in ["charge", "payment_intent"] {
            let value = object[filter].as_str().expect("an id");
            let found = data(&get(&sandbox, &format!("/v1/{kind}?{filter}={value}")).await);
            assert_eq!(found, std::slice::from_ref(object), "{kind} by {filter}");
        }
        let intent = object["payment_intent"].as_str().expect("an id");
        let charges = data(&get(&sandbox, &format!("/v1/charges?payment_intent={intent}")).await);
        assert_eq!(charges[0]["id"], object["charge"]);
    }
    let body = r#"{"amount":1000,"currency":"usd","customer":"cus_mine"}"#;
    let charge = id(&control(&sandbox, "charges", body).await);
    let refund = id(&control(&sandbox, &format!("charges/{charge}/refund"), r#"{"amount":10}"#).await);
    assert_eq!(all_ids(&sandbox, &format!("/v1/refunds?charge={charge}"), 10).await, [refund]);
    assert_eq!(all_ids(&sandbox, "/v1/charges?customer=cus_mine", 10).await, [charge]);

    let customers: Vec<Value> = data(&get(&sandbox, "/v1/charges?limit=100").await);
    let customer =
        customers.iter().find_map(|charge| charge["customer"].as_str().filter(|id| *id != "cus_mine"));
    let customer = customer.expect("a customer");
    let theirs = data(&get(&sandbox, &format!("/v1/charges?limit=100&customer={customer}")).await);
    assert!(!theirs.is_empty() && theirs.iter().all(|charge| charge["customer"] == customer));
}

#[tokio::test]
async fn every_listed_object_can_be_fetched() {
    let sandbox = sandbox().await;
    let charge = id(&control(&sandbox, "charges", r#"{"amount":1000,"currency":"usd"}"#).await);
    control(&sandbox, &format!("charges/{charge}/refund"), "").await;
    for kind in ["charges", "refunds", "disputes", "events"] {
        for object in data(&get(&sandbox, &format!("/v1/{kind}")).await) {
            let fetched = get(&sandbox, &format!("/v1/{kind}/{}", id(&object))).await;
            assert_eq!((fetched.status, fetched.json()), (200, object));
        }
    }
}

#[tokio::test]
async fn the_same_options_give_the_same_bytes() {
    let (one, two) = (sandbox().await, sandbox().await);
    let other = start(SandboxOptions { seed: 43, charges: 1_000, span_days: 1, ..options() }).await;
    for kind in ["charges", "refunds", "disputes"] {
        let target = format!("/v1/{kind}?limit=100");
        let body = get(&one, &target).await.body;
        assert_eq!(body, get(&two, &target).await.body);
        assert_ne!(body, get(&other, &target).await.body);
    }
    let size = get(&one, "/v1/charges?limit=100").await.body.len() / 100;
    assert!((2_000..4_000).contains(&size), "{size} bytes a charge");
}
