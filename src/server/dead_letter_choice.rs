//! Which dead letters a body chooses.

use buffalo_store::DeadLetterFilter;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::error::ApiError;
use crate::question::{DeadLetterFilterParams, FieldProblem, ProblemCode, schemas};

/// Which letters to replay. Nothing is ever chosen by leaving everything out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "given")]
    source: Option<String>,
    #[serde(default, deserialize_with = "given")]
    entity: Option<String>,
    #[serde(default, deserialize_with = "given")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "given")]
    since: Option<String>,
    #[serde(default)]
    all: bool,
}

/// What is there must be a text: null is what programs write that wanted to choose something and had nothing.
fn given<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    String::deserialize(text).map(Some)
}

impl Choice {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        // What serde says of a body names fields and places in it, and nothing of the inside.
        serde_json::from_slice(body).map_err(|error| ApiError::unreadable_body(format!("the body: {error}")))
    }

    /// Makes a filter of it, or says everything that is wrong.
    pub(super) fn filter(self) -> Result<DeadLetterFilter, ApiError> {
        let Self { source, entity, reason, since, all } = self;
        let params = DeadLetterFilterParams { source, entity, reason, since };
        if params.is_empty() != all {
            let message = "choose by source, entity, reason and since, or by \"all\": true";
            let problem = FieldProblem {
                field: "all".into(),
                message: message.to_owned(),
                code: ProblemCode::NothingChosen,
            };
            return Err(ApiError::validation_in("body", vec![problem]));
        }
        params.filter().map_err(|problems| ApiError::validation_in("body", problems))
    }
}

impl ToSchema for Choice {}

/// Written by hand, because what can be derived can't say that one of two things must be chosen.
impl PartialSchema for Choice {
    fn schema() -> RefOr<Schema> {
        let nothing_else = || Some(AdditionalProperties::FreeForm(false));
        let flag = |value: bool| ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value]));
        let some = ObjectBuilder::new()
            .description(Some("Those for which everything that is given holds"))
            .property("source", schemas::SourceName::schema())
            .property("entity", schemas::EntityName::schema())
            .property("reason", schemas::MoreThanBlanks::schema())
            .property("since", schemas::DayOrTime::schema())
            .min_properties(Some(1))
            .additional_properties(nothing_else());
        let all = ObjectBuilder::new()
            .description(Some("All of them"))
            .property("all", flag(true))
            .required("all")
            .additional_properties(nothing_else());
        OneOfBuilder::new().item(some).item(all).into()
    }
}
