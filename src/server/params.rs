//! Query parameters, strictly: one that there is not is an error that names it, and not a filter that silently does nothing.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::question::{
    ChangesParams, DeadLetterListParams, DryRunParams, ExplanationParams, FieldProblem, OverlapListParams,
    ProblemCode, RevenueParams, RunsParams, UnmappedParams,
};

/// The parameters of a route.
pub(super) struct Params<T>(pub(super) T);

/// What the path says. What can't be read as UTF-8 is nothing that there is.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| Self(path)).map_err(|_| ApiError::not_found())
    }
}

/// Parameters that a route knows.
pub(super) trait Parameters: DeserializeOwned {
    /// Their names, in camelCase.
    const NAMES: &'static [&'static str];
}

impl Parameters for RevenueParams {
    const NAMES: &'static [&'static str] = &[
        "startDate",
        "endDate",
        "source",
        "currency",
        "reportingCurrency",
        "timezone",
        "basis",
        "asOf",
        "fill",
    ];
}

impl Parameters for ExplanationParams {
    const NAMES: &'static [&'static str] = &[
        "date",
        "startDate",
        "endDate",
        "source",
        "currency",
        "timezone",
        "basis",
        "asOf",
        "measure",
        "limit",
        "cursor",
    ];
}

impl Parameters for ChangesParams {
    const NAMES: &'static [&'static str] =
        &["since", "until", "source", "currency", "timezone", "limit", "cursor"];
}

impl Parameters for RunsParams {
    const NAMES: &'static [&'static str] = &["source", "entity", "status", "limit", "cursor"];
}

impl Parameters for DeadLetterListParams {
    const NAMES: &'static [&'static str] = &["source", "entity", "reason", "since", "limit", "cursor"];
}

impl Parameters for OverlapListParams {
    const NAMES: &'static [&'static str] = &["startDate", "endDate", "timezone", "days", "limit"];
}

impl Parameters for UnmappedParams {
    const NAMES: &'static [&'static str] = &["limit"];
}

impl Parameters for DryRunParams {
    const NAMES: &'static [&'static str] = &["dryRun"];
}

/// The parameters of a route that has none.
#[derive(Debug, Deserialize)]
pub(super) struct NoParams {}

impl Parameters for NoParams {
    const NAMES: &'static [&'static str] = &[];
}

impl<T: Parameters, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(parts.uri.query().unwrap_or_default()).map(Self).map_err(ApiError::validation)
    }
}

fn read<T: Parameters>(query: &str) -> Result<T, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    // Otherwise what is no UTF-8 would be read as a character that stands for it, and nothing would be found.
    for pair in query.split('&').filter(|pair| percent_decode_str(pair).decode_utf8().is_err()) {
        let name = percent_decode_str(pair.split('=').next().unwrap_or(pair)).decode_utf8_lossy();
        problems.push(problem(&name, ProblemCode::InvalidValue, "is not UTF-8".to_owned()));
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let found = if !T::NAMES.contains(&name.as_ref()) {
            let known = if T::NAMES.is_empty() { "there are none".to_owned() } else { T::NAMES.join(", ") };
            Some((ProblemCode::UnknownParameter, format!("is no parameter here; known: {known}")))
        } else if !seen.insert(name.clone()) {
            Some((ProblemCode::RepeatedParameter, "is given more than once".to_owned()))
        } else if value.contains('\0') {
            Some((ProblemCode::InvalidValue, "has a character NUL, which nothing here has".to_owned()))
        } else if parsed::<T>(
            &form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish(),
        )
        .is_none()
        {
            Some((ProblemCode::InvalidValue, "can't be read".to_owned()))
        } else {
            None
        };
        if let Some((code, message)) = found {
            problems.push(problem(&name, code, message));
        }
    }
    match parsed(query) {
        Some(params) if problems.is_empty() => Ok(params),
        _ => Err(problems),
    }
}

fn problem(name: &str, code: ProblemCode, message: String) -> FieldProblem {
    // What strangers make up is repeated, but not at any length.
    FieldProblem { field: name.chars().take(60).collect::<String>().into(), message, code }
}

fn parsed<T: Parameters>(query: &str) -> Option<T> {
    let uri: Uri = format!("/?{query}").parse().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(params)| params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<T: Parameters>(query: &str) -> Vec<String> {
        let problems = read::<T>(query).err().unwrap_or_default();
        problems.into_iter().map(|problem| format!("{} {:?}", problem.field, problem.code)).collect()
    }

    #[test]
    fn every_name_that_is_listed_is_read_and_no_other() {
        fn all<T: Parameters>() {
            let value = |name: &&str| format!("{name}={}", if *name == "fill" { "true" } else { "x" });
            let query = T::NAMES.iter().map(value).collect::<Vec<_>>().join("&");
            assert!(read::<T>(&query).is_ok(), "{query}");
        }
        all::<RevenueParams>();
        all::<ExplanationParams>();
        all::<ChangesParams>();
        all::<RunsParams>();
        all::<DeadLetterListParams>();
        all::<OverlapListParams>();
        all::<UnmappedParams>();
        all::<DryRunParams>();
        all::<NoParams>();
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(codes::<RunsParams>("limit=1&status=x"), [""; 0]);
        assert_eq!(
            codes::<RevenueParams>("start_date=2026-01-01&fill=maybe&source=a&source=b"),
            ["start_date UnknownParameter", "fill InvalidValue", "source RepeatedParameter"]
        );
        assert_eq!(codes::<NoParams>("a%20b"), ["a b UnknownParameter"]);
        assert_eq!(codes::<RunsParams>("entity=a%00b"), ["entity InvalidValue"]);
        assert_eq!(codes::<RunsParams>("entity=%ff&limit=1"), ["entity InvalidValue"]);
    }
}
