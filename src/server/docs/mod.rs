//! GET /openapi.json and GET /docs: the document for programs, and for people.

use std::sync::{Arc, LazyLock};

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use utoipa_swagger_ui::Config;

use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::InPath;

/// The page loads what this program serves, and nothing else; it asks nobody but this program.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Made once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    super::document::document().to_json().unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
});

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    tag = "Documentation",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json")),
)]
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// Read this document
///
/// A page for people, from which requests can be sent.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "readDocs",
    tag = "Documentation",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
pub(super) async fn page() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("page.html"))).into_response()
}

/// Get a part of that page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "getDocsFile",
    tag = "Documentation",
    params(("file" = String, Path, description = "Its name", example = "page.js")),
    responses((status = 200, description = "The file", content(
        (String = "text/javascript"), (String = "text/css"), (String = "image/png"),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::NotFound]))),
)]
pub(super) async fn asset(InPath(name): InPath<String>) -> Result<Response, ApiError> {
    let kept = (CACHE_CONTROL, "max-age=3600");
    match name.as_str() {
        "page.js" => {
            let script = include_str!("page.js");
            return Ok(([(CONTENT_TYPE, "text/javascript; charset=utf-8"), kept], script).into_response());
        }
        "swagger-ui-bundle.js" | "swagger-ui.css" | "favicon-32x32.png" => {}
        _ => return Err(ApiError::not_found()),
    }
    let file = utoipa_swagger_ui::serve(&name, Arc::new(Config::from("")));
    let file = file.ok().flatten().ok_or_else(ApiError::not_found)?;
    let headers = [(CONTENT_TYPE, file.content_type), (kept.0, kept.1.to_owned())];
    // Kept packed in the binary; every browser unpacks it.
    let packed = file.gzpipped.then_some([(CONTENT_ENCODING, "gzip")]);
    Ok((headers, packed, file.bytes.into_owned()).into_response())
}
