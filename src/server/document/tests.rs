//! Tests that the document is whole: every route, every code, and nothing that leads nowhere.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::document;
use crate::question::{
    ChangesParams, DeadLetterFilterParams, DeadLetterListParams, DryRunParams, ExplanationParams,
    OverlapListParams, RevenueParams, RunsParams,
};
use crate::server::error_code::ErrorCode;
use crate::server::params::Parameters;

/// Calls `see` with every object in a document.
fn walk<'a>(value: &'a Value, see: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|value| walk(value, see));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

/// Each operation with its address and method.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, _)| {
        let item: &Value = item;
        let path = path.clone();
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    };
    paths.iter().flat_map(methods).collect()
}

fn texts(values: &Value) -> BTreeSet<&str> {
    values.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_code_is_an_error_of_some_operation() {
    let document = json!(document());
    let mut listed = BTreeSet::new();
    walk(&document["paths"], &mut |object| {
        let codes = object.get("properties").and_then(|properties| properties.get("code"));
        listed.extend(codes.and_then(|code| code.get("enum")).into_iter().flat_map(texts));
    });
    // Of no operation, but of addresses and methods that there are not.
    listed.extend(["NOT_FOUND", "METHOD_NOT_ALLOWED"]);
    let codes = json!(ErrorCode::schema());
    assert_eq!(listed, texts(&codes["enum"]));
    let about = document["info"]["description"].as_str().unwrap();
    assert!(about.contains("404 `NOT_FOUND`") && about.contains("405 `METHOD_NOT_ALLOWED`"));
}

#[test]
fn every_operation_says_what_it_does_and_how_it_fails() {
    let document = json!(document());
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for text in ["summary", "operationId"] {
            assert!(operation[text].as_str().is_some_and(|text| text.len() > 3), "{name} has no {text}");
        }
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name} has an id that is taken");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("500"), "{name}");
        for (status, response) in responses {
            assert!(response["headers"]["X-Request-Id"].is_object(), "{name} {status}");
            let content = response["content"].as_object().expect("a body");
            for (kind, content) in content {
                // A page and its parts are not to be read here, nor is the document itself within itself.
                let needed = !name.contains("/docs") && !name.contains("/openapi.json");
                let has = content["example"].is_null() != content["examples"].is_null();
                assert!(has || !needed, "{name} {status} has no example of {kind}");
            }
        }
        for parameter in operation["parameters"].as_array().unwrap() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
    }
}

#[test]
fn nothing_leads_nowhere() {
    let document = json!(document());
    let ids: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(_, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    walk(&document, &mut |object| {
        if let Some(place) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
        }
        for link in
            object.get("links").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values)
        {
            assert!(ids.contains(link["operationId"].as_str().unwrap()), "{link}");
        }
    });
}

#[test]
fn the_parameters_of_the_document_are_those_that_are_read() {
    let document = json!(document());
    let of = |path: &str, method: &str| -> BTreeSet<String> {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap().iter();
        let of_query = parameters.filter(|parameter| parameter["in"] == "query");
        of_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let read = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(of("/runs", "get"), read(RunsParams::NAMES));
    assert_eq!(of("/metrics/revenue/daily", "get"), read(RevenueParams::NAMES));
    assert_eq!(of("/metrics/revenue/overlaps", "get"), read(OverlapListParams::NAMES));
    assert_eq!(of("/metrics/revenue/explain", "get"), read(ExplanationParams::NAMES));
    assert_eq!(of("/metrics/revenue/changes", "get"), read(ChangesParams::NAMES));
    assert_eq!(of("/dead-letters", "get"), read(DeadLetterListParams::NAMES));
    assert_eq!(of("/dead-letters/{id}/replay", "post"), read(DryRunParams::NAMES));
    let schema = json!(crate::server::dead_letter_choice::Choice::schema());
    let chosen: BTreeSet<String> =
        schema["oneOf"][0]["properties"].as_object().unwrap().keys().cloned().collect();
    let filter = <DeadLetterFilterParams as utoipa::IntoParams>::into_params(|| None);
    assert_eq!(chosen, filter.into_iter().map(|parameter| parameter.name).collect());
}

#[test]
fn the_postman_collection_has_the_same_operations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/postman/buffalo.postman_collection.json");
    let collection: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut requests = BTreeSet::new();
    walk(&collection, &mut |object| {
        let Some(request) = object.get("request") else { return };
        let segments = request["url"]["path"].as_array().unwrap().iter().map(|segment| {
            let segment = segment.as_str().unwrap();
            segment.strip_prefix(':').map_or(segment.to_owned(), |name| format!("{{{name}}}"))
        });
        let path = segments.collect::<Vec<_>>().join("/");
        requests.insert(format!("{} /{path}", request["method"].as_str().unwrap().to_lowercase()));
    });
    let document = json!(document());
    let documented = operations(&document).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    assert_eq!(requests, documented, "see tests/contract/collection.mjs");
}

/// Routes that are registered past the document would be in none of its tests: nothing in this directory may do that.
#[test]
fn no_route_is_registered_without_being_documented() {
    let mut directories = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/server")];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                for way in [".route(", ".route_service(", ".nest(", ".nest_service("] {
                    assert!(!text.contains(way), "{} has {way}…)", path.display());
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
