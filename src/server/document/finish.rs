//! What holds for all schemas of the document.

use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::question::schemas::TimeZone;
use crate::server::error::ErrorBody;

/// Adds what no handler brings along, and marks every field as required: whatever has a field writes it, if only as null.
pub(super) fn finish(document: &mut OpenApi) {
    // Parameters refer to time zones, of which there are too many to list them with each; only bodies bring their schemas.
    let mut schemas = vec![
        (ErrorBody::name().into_owned(), ErrorBody::schema()),
        (TimeZone::name().into_owned(), TimeZone::schema()),
    ];
    ErrorBody::schemas(&mut schemas);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
    for schema in components.schemas.values_mut() {
        require_fields(schema);
    }
}

fn require_fields(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.required = object.properties.keys().cloned().collect(),
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(require_fields),
        _ => {}
    }
}
