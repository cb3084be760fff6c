//! The document about the HTTP face, in OpenAPI 3.1. Handlers say what is their own; what a whole group of routes has in
//! common, because the same middleware stands before it, is added here.

mod examples;
mod failures;
mod finish;
#[cfg(test)]
mod tests;

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, Required, Type,
};
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::error_code::ErrorCode;
use failures::describe_failures;

/// What the document says first.
const ABOUT: &str = include_str!("about.md");

/// The groups of operations.
const TAGS: [(&str, &str); 7] = [
    ("Revenue", "How much was collected"),
    ("Runs", "What was done, and how it ended"),
    ("Work", "What is to be done"),
    ("Dead letters", "What could not be processed"),
    ("Webhooks", "What vendors post"),
    ("Health", "How the program does"),
    ("Documentation", "This document"),
];

/// Routes for whoever has a key.
pub(super) fn for_readers(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let failures = [
        ErrorCode::ValidationError,
        ErrorCode::InvalidApiKey,
        ErrorCode::RateLimited,
        ErrorCode::DatabaseUnavailable,
    ];
    describe(router, &failures, |operation| {
        operation.security = Some(vec![requirement("ApiKey"), requirement("AdminApiKey")]);
    })
}

/// Routes for whoever has an admin's key, which all change something.
pub(super) fn for_admins(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let failures = [
        ErrorCode::IdempotencyKeyRequired,
        ErrorCode::ValidationError,
        ErrorCode::InvalidAdminKey,
        ErrorCode::IdempotencyKeyMismatch,
        ErrorCode::IdempotencyInProgress,
        ErrorCode::PayloadTooLarge,
        ErrorCode::RateLimited,
        ErrorCode::DatabaseUnavailable,
    ];
    describe(router, &failures, |operation| {
        operation.security = Some(vec![requirement("AdminApiKey")]);
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(
                "Chosen for each request, and sent again when it is repeated: the work is then done once, and the answer \
                 is that of the first. Kept for 24 hours.",
            ))
            .schema(Some(text().pattern(Some("^[A-Za-z0-9._:-]{1,255}$"))));
        operation.parameters.get_or_insert_default().push(key.build().into());
    })
}

/// Routes for vendors, whose signature takes the place of a key.
pub(super) fn for_vendors(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    describe(router, &[ErrorCode::DatabaseUnavailable], |_| {})
}

/// Routes for probes.
pub(super) fn for_probes(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    describe(router, &[], |_| {})
}

/// Routes for anybody.
pub(super) fn for_anybody(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    describe(router, &[ErrorCode::RateLimited], |_| {})
}

/// Adds to each operation what all of a group have.
fn describe(
    mut router: OpenApiRouter<App>,
    failures: &[ErrorCode],
    add: impl Fn(&mut Operation),
) -> OpenApiRouter<App> {
    let paths = router.get_openapi_mut().paths.paths.values_mut();
    for operation in paths.flat_map(operations) {
        add(operation);
        let id = ParameterBuilder::new()
            .name("X-Request-Id")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "Names the request in the answer and in the log. Without control characters and up to 128 characters; \
                 otherwise one is made up.",
            ))
            .schema(Some(text()));
        operation.parameters.get_or_insert_default().push(id.build().into());
        describe_failures(operation, failures);
    }
    router
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, [""; 0])
}

/// The whole document.
pub(crate) fn document() -> OpenApi {
    let header = |name, description| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)))
    };
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A key of METRICS_API_KEY, where that is set"))
        .build();
    let schemes = ComponentsBuilder::new()
        .security_scheme("ApiKey", header("X-Api-Key", "A key of API_KEY: everything that only reads"))
        .security_scheme("AdminApiKey", header("X-Admin-Api-Key", "A key of ADMIN_API_KEY: everything"))
        .security_scheme("MetricsApiKey", SecurityScheme::Http(bearer))
        .build();
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    let info = InfoBuilder::new()
        .title("Buffalo")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    let tags =
        TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let mut document = OpenApiBuilder::new().info(info).components(Some(schemes)).tags(Some(tags)).build();
    for routes in super::routes() {
        document.merge(routes.into_openapi());
    }
    examples::add_examples(document.paths.paths.values_mut().flat_map(operations));
    finish::finish(&mut document);
    document
}
