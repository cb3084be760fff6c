//! The errors of an operation, as the document has them: one response for each status, one example for each code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AllOfBuilder, OneOfBuilder};
use utoipa::openapi::{Content, Header, ObjectBuilder, Ref, RefOr, Response, Schema};

use super::text;
use crate::server::error_code::ErrorCode;

/// Where handlers list the codes of their own.
const CODES: &str = "x-error-codes";

/// What any request may meet.
const ALWAYS: [ErrorCode; 2] = [ErrorCode::InternalError, ErrorCode::Timeout];

const JSON: &str = "application/json";

/// Adds a response for each error: those that its group has in common, those that the handler lists, and those that any
/// request may meet.
pub(super) fn describe_failures(operation: &mut Operation, common: &[ErrorCode]) {
    let own = operation.extensions.as_mut().and_then(|extensions| extensions.remove(CODES));
    operation.extensions = operation.extensions.take().filter(|extensions| !extensions.is_empty());
    let own: Vec<ErrorCode> = own.and_then(|codes| serde_json::from_value(codes).ok()).unwrap_or_default();
    let mut by_status: BTreeMap<String, Vec<ErrorCode>> = BTreeMap::new();
    for code in [common, &own, &ALWAYS].concat() {
        by_status.entry(code.status().as_str().to_owned()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let known = operation.responses.responses.remove(&status);
        operation.responses.responses.insert(status, failure(&codes, known).into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        response.headers.insert("X-Request-Id".to_owned(), header("The request's id").into());
        match status.as_str() {
            "202" => {
                let replayed =
                    header("`true` where this is the answer to an earlier request with the same key");
                response.headers.insert("Idempotent-Replayed".to_owned(), replayed.into());
            }
            "409" | "429" | "503" => {
                let wait = header("After how many seconds to ask again, where that is known");
                response.headers.insert("Retry-After".to_owned(), wait.into());
            }
            _ => {}
        }
    }
}

fn header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(description)).build()
}

/// The response with one of these codes, or with what the handler documents for the same status.
fn failure(codes: &[ErrorCode], known: Option<RefOr<Response>>) -> Response {
    let names: Vec<Value> = codes.iter().map(|code| json!(code)).collect();
    let code = text().enum_values(Some(names));
    let body: Schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("ErrorBody"))
        .item(ObjectBuilder::new().property("code", code).required("code"))
        .into();
    let (mut response, schema): (Response, Schema) = match known {
        Some(RefOr::T(mut response)) => match response.content.shift_remove(JSON) {
            Some(RefOr::T(Content { schema: Some(own), .. })) => {
                (response, OneOfBuilder::new().item(own).item(body).into())
            }
            _ => (response, body),
        },
        _ => {
            let messages: Vec<_> = codes.iter().map(|code| code.message()).collect();
            (Response::new(messages.join("; or ")), body)
        }
    };
    let examples = codes.iter().map(|code| (name(*code), ExampleBuilder::new().value(Some(example(*code)))));
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    response.content.insert(JSON.to_owned(), content.into());
    response
}

fn name(code: ErrorCode) -> String {
    json!(code).as_str().unwrap_or_default().to_owned()
}

fn example(code: ErrorCode) -> Value {
    let details = match code {
        ErrorCode::ValidationError => json!([{
            "field": "query.startDate",
            "message": "`2026-02-30` is not a date; write a day of the calendar as YYYY-MM-DD",
            "code": "INVALID_DATE",
        }]),
        _ => json!([]),
    };
    json!({
        "code": code,
        "message": code.message(),
        "requestId": "7b0a3a52-5b5c-4bd8-9d0b-0d5f6a6d9f11",
        "details": details,
    })
}
