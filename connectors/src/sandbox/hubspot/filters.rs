//! What a search asks for, and the refusals HubSpot has for what it cannot be asked.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use super::errors::ApiError;
use super::record::{Kind, Record};
use super::values::parse_time;

/// The most records on a page.
const MOST: usize = 200;
/// The first offset that cannot be asked for.
const CAP: usize = 10_000;

/// The body of a search.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<SortBody>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    /// A string in the documentation, a number from many clients.
    after: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<String>,
    high_value: Option<String>,
    values: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SortBody {
    property_name: String,
    #[serde(default)]
    direction: Option<String>,
}

/// A property that is a number: an id, or a time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Id,
    Created,
    Modified,
    Closed,
}

impl Number {
    fn named(kind: Kind, name: &str) -> Option<Self> {
        match name {
            "hs_object_id" => Some(Self::Id),
            "createdate" => Some(Self::Created),
            "closedate" if kind == Kind::Deals => Some(Self::Closed),
            name if name == kind.modified_property() => Some(Self::Modified),
            _ => None,
        }
    }

    pub(super) fn of(self, record: &Record<'_>) -> Option<i64> {
        match self {
            Self::Id => i64::try_from(record.id).ok(),
            Self::Created => Some(record.created_ms),
            Self::Modified => Some(record.modified_ms),
            Self::Closed => record.deal.close_ms,
        }
    }

    fn parse(self, text: &str) -> Option<i64> {
        if self == Self::Id { text.parse().ok() } else { parse_time(text) }
    }
}

/// A filter, understood.
#[derive(Debug)]
pub(super) enum Test {
    Within(Number, RangeInclusive<i64>),
    OneOf(Number, Vec<i64>),
    Stage(Vec<String>),
}

impl Test {
    fn passes(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Within(number, range) => number.of(record).is_some_and(|value| range.contains(&value)),
            Self::OneOf(number, values) => number.of(record).is_some_and(|value| values.contains(&value)),
            Self::Stage(stages) => {
                record.stage_text().is_some_and(|stage| stages.iter().any(|wanted| wanted == stage))
            }
        }
    }
}

/// A search.
#[derive(Debug)]
pub(super) struct Search {
    /// A record that passes all tests of any group is found; without groups, all are.
    pub groups: Vec<Vec<Test>>,
    pub sort: Number,
    pub descending: bool,
    pub properties: Vec<String>,
    pub limit: usize,
    pub offset: usize,
    /// Ids of records that are not found, whatever is asked for.
    pub unindexed: Vec<u64>,
    pub shown: Shown,
}

/// What a page shows of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Page,
    Nothing,
    /// Nothing, but that it goes on in the same place.
    Later,
}

impl Search {
    pub(super) fn parse(kind: Kind, body: &[u8]) -> Result<Self, ApiError> {
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid(format!("Invalid input JSON: {error}")))?;
        let limit = body.limit.unwrap_or(10);
        if !(1..=MOST).contains(&limit) {
            return Err(ApiError::invalid(format!("limit must be from 1 to {MOST}; it is {limit}")));
        }
        let offset = match &body.after {
            None | Some(Value::Null) => 0,
            Some(Value::String(text)) => text.parse().map_err(|_| bad_after(text))?,
            Some(other) => other
                .as_u64()
                .and_then(|after| usize::try_from(after).ok())
                .ok_or_else(|| bad_after(other))?,
        };
        if offset >= CAP {
            return Err(ApiError::invalid(format!(
                "The search results are limited to {CAP}; after must be less than that and is {offset}"
            )));
        }
        if body.filter_groups.len() > 5 || body.filter_groups.iter().any(|group| group.filters.len() > 6) {
            return Err(ApiError::invalid("at most 5 filterGroups with 6 filters each are supported"));
        }
        let (sort, descending) = match &body.sorts[..] {
            [] => (Number::Created, false),
            [sort] => {
                let number =
                    Number::named(kind, &sort.property_name).ok_or_else(|| unknown(&sort.property_name))?;
                (number, sort.direction.as_deref() == Some("DESCENDING"))
            }
            _ => return Err(ApiError::invalid("only one sort is supported")),
        };
        let groups = body.filter_groups.iter().map(|group| {
            group.filters.iter().map(|filter| test(kind, filter)).collect::<Result<Vec<_>, _>>()
        });
        let groups = groups.collect::<Result<_, _>>()?;
        let (properties, unindexed, shown) = (body.properties, Vec::new(), Shown::Page);
        Ok(Self { groups, sort, descending, properties, limit, offset, unindexed, shown })
    }

    pub(super) fn finds(&self, record: &Record<'_>) -> bool {
        let passes = |tests: &Vec<Test>| tests.iter().all(|test| test.passes(record));
        !self.unindexed.contains(&record.id) && (self.groups.is_empty() || self.groups.iter().any(passes))
    }

    /// The narrowest range of a number that no found record lies outside of.
    pub(super) fn hull(&self, number: Number) -> RangeInclusive<i64> {
        let within = |tests: &Vec<Test>| {
            tests.iter().fold(i64::MIN..=i64::MAX, |hull, test| match test {
                Test::Within(tested, range) if *tested == number => {
                    *hull.start().max(range.start())..=*hull.end().min(range.end())
                }
                _ => hull,
            })
        };
        let hulls = self.groups.iter().map(within);
        hulls
            .reduce(|one, other| *one.start().min(other.start())..=*one.end().max(other.end()))
            .unwrap_or(i64::MIN..=i64::MAX)
    }

    /// Whether the hulls of id and modification time say all that the filters say.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |test: &Test| matches!(test, Test::Within(Number::Id | Number::Modified, _));
        self.unindexed.is_empty() && self.groups.len() <= 1 && self.groups.iter().flatten().all(plain)
    }
}

fn bad_after(after: &impl std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("after must be a number, as in the answer before: {after}"))
}

fn unknown(property: &str) -> ApiError {
    ApiError::invalid(format!("There was a problem with the request: property {property} is not searchable"))
}

fn test(kind: Kind, filter: &Filter) -> Result<Test, ApiError> {
    let name = filter.property_name.as_str();
    let refused =
        || ApiError::invalid(format!("invalid filter on {name}: {} takes other values", filter.operator));
    if kind == Kind::Deals && name == "dealstage" {
        return match (filter.operator.as_str(), &filter.value, &filter.values) {
            ("EQ", Some(value), _) => Ok(Test::Stage(vec![value.clone()])),
            ("IN", _, Some(values)) => Ok(Test::Stage(values.clone())),
            _ => Err(refused()),
        };
    }
    let number = Number::named(kind, name).ok_or_else(|| unknown(name))?;
    let parse =
        |text: &Option<String>| text.as_deref().and_then(|text| number.parse(text)).ok_or_else(refused);
    let range = match filter.operator.as_str() {
        "EQ" => parse(&filter.value)?..=parse(&filter.value)?,
        "GTE" => parse(&filter.value)?..=i64::MAX,
        "GT" => parse(&filter.value)?.saturating_add(1)..=i64::MAX,
        "LTE" => i64::MIN..=parse(&filter.value)?,
        "LT" => i64::MIN..=parse(&filter.value)?.saturating_sub(1),
        "BETWEEN" => parse(&filter.value)?..=parse(&filter.high_value)?,
        "IN" => {
            let values = filter.values.as_ref().ok_or_else(refused)?;
            let values = values.iter().map(|value| number.parse(value).ok_or_else(refused));
            return Ok(Test::OneOf(number, values.collect::<Result<_, _>>()?));
        }
        _ => return Err(refused()),
    };
    Ok(Test::Within(number, range))
}
