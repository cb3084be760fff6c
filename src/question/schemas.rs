//! What parameters may be, for the document about the HTTP face: taken from the lists that the program itself checks by.

use buffalo_connectors::SOURCES;
use buffalo_model::{Entity, Measure};
use utoipa::openapi::schema::{KnownFormat, OneOfBuilder, SchemaFormat};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Gives a name that is used for documentation alone its schema.
macro_rules! documented {
    ($($(#[$what:meta])* $name:ident: $schema:expr;)*) => {$(
        $(#[$what])*
        pub(crate) struct $name;

        impl ToSchema for $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }
    )*};
}

documented! {
    /// A text that PostgreSQL can keep: anything but NUL.
    Text: matching(r"^[^\u0000]*$");
    /// The same, and not only blanks.
    MoreThanBlanks: matching(r"^[^\u0000]*[^\s\u0000][^\u0000]*$");
    /// A currency, by its three letters.
    CurrencyCode: matching("^[A-Za-z]{3}$");
    /// A place in the list of dead letters: microseconds and an id.
    Position: matching(r"^\d{1,16}\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");
    /// A source that this program knows, enabled or not.
    SourceName: one_of(SOURCES.iter().map(|source| source.name));
    /// A source, or `all` for runs that process.
    SourceOrAll: one_of(SOURCES.iter().map(|source| source.name).chain(["all"]));
    /// An entity.
    EntityName: one_of(Entity::ALL.into_iter().map(Entity::as_str));
    /// How a source may be fetched.
    FetchMode: one_of(["incremental", "full"]);
    /// On which day refunds and disputes count.
    RevenueBasis: one_of(["event", "payment"]);
    /// What a payment counts for.
    RevenueMeasure: one_of(Measure::ALL.into_iter().map(Measure::as_str));
    /// A place in an explanation: microseconds, what is counted, source, entity and id.
    ContributionPlace: matching(&format!(
        r"^\d{{1,16}}\.({})\.[a-z]+\.[a-z]+\.[^\u0000]+$",
        Measure::ALL.map(Measure::as_str).join("|")
    ));
    /// A place in the list of what restated days: where it ends, the day, when it was known, what is counted, and whose.
    RestatementPlace: matching(&format!(
        r"^\d{{1,16}}\.\d{{4}}-\d{{2}}-\d{{2}}\.\d{{1,16}}\.({})\.[A-Z]{{3}}\.[a-z]+\.[a-z]+\.[^\u0000]+$",
        Measure::ALL.map(Measure::as_str).join("|")
    ));
    /// A time zone that this program knows.
    TimeZone: one_of(chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
    /// A day or a time.
    DayOrTime: OneOfBuilder::new().item(formatted(KnownFormat::Date)).item(formatted(KnownFormat::DateTime));
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn matching(pattern: &str) -> ObjectBuilder {
    text().pattern(Some(pattern))
}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(format)))
}

fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    text().enum_values(Some(names))
}
