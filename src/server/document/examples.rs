//! Examples of answers: real ones, of a server whose vendors were the sandbox.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;

/// By operation and status. The script test-contract compares them with the schemas.
const EXAMPLES: &str = include_str!("examples.json");

/// Adds to each answer in JSON the example that there is of it.
pub(super) fn add_examples<'a>(operations: impl Iterator<Item = &'a mut Operation>) {
    let mut examples: BTreeMap<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for operation in operations {
        let id = operation.operation_id.clone().unwrap_or_default();
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            let Some(RefOr::T(content)) = response.content.get_mut("application/json") else { continue };
            if let Some(example) = examples.remove(&format!("{id} {status}")) {
                content.example = Some(example);
            }
        }
    }
}
