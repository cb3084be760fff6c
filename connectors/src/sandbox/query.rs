//! Reads the parameters of a list request and refuses what Stripe refuses.

use super::errors::ApiError;

/// The lists the API offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Charges,
    Refunds,
    Disputes,
    Events,
}

impl Kind {
    /// The kind named in a path, as in `/v1/charges`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "charges" => Self::Charges,
            "refunds" => Self::Refunds,
            "disputes" => Self::Disputes,
            "events" => Self::Events,
            _ => return None,
        })
    }

    pub(super) fn url(self) -> &'static str {
        match self {
            Self::Charges => "/v1/charges",
            Self::Refunds => "/v1/refunds",
            Self::Disputes => "/v1/disputes",
            Self::Events => "/v1/events",
        }
    }

    /// One such object, in messages.
    pub(super) fn object(self) -> &'static str {
        match self {
            Self::Charges => "charge",
            Self::Refunds => "refund",
            Self::Disputes => "dispute",
            Self::Events => "event",
        }
    }

    fn allows(self, name: &str) -> bool {
        match name {
            "limit" | "starting_after" | "ending_before" => true,
            "payment_intent" => self != Self::Events,
            "charge" => matches!(self, Self::Refunds | Self::Disputes),
            "customer" => self == Self::Charges,
            "type" | "types" | "delivery_success" => self == Self::Events,
            _ => false,
        }
    }
}

/// Which side of which object the page lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// The page of older objects that follows this id.
    After(String),
    /// The page of newer objects that comes before this id.
    Before(String),
}

/// A list request.
#[derive(Debug, Clone)]
pub(super) struct ListQuery {
    pub limit: usize,
    pub cursor: Option<Cursor>,
    /// Creation times, both included.
    pub created: (i64, i64),
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    pub customer: Option<String>,
    /// Event types; a `*` at the end stands for anything.
    pub types: Option<Vec<String>>,
}

impl ListQuery {
    /// Reads the query string of a request for a list of `kind`.
    pub(super) fn parse(kind: Kind, query: &str) -> Result<Self, ApiError> {
        let mut list = Self {
            limit: 10,
            cursor: None,
            created: (i64::MIN, i64::MAX),
            charge: None,
            payment_intent: None,
            customer: None,
            types: None,
        };
        let mut single_type = false;
        for (name, value) in pairs(query) {
            let (base, bracket) = split_bracket(&name);
            if base == "created" && list.bound_created(bracket, &name, &value)? {
                continue;
            }
            let listed = base == "types" && bracket.is_some_and(is_position);
            if !(kind.allows(base) && (listed || bracket.is_none()) && (listed || base != "types")) {
                let message = format!("Received unknown parameter: {name}");
                return Err(ApiError::invalid(Some("parameter_unknown"), &name, message));
            }
            if value.is_empty() {
                return Err(empty(&name));
            }
            match base {
                "limit" => list.limit = limit(&value)?,
                "starting_after" | "ending_before" => list.set_cursor(base, value)?,
                "charge" => list.charge = Some(value),
                "payment_intent" => list.payment_intent = Some(value),
                "customer" => list.customer = Some(value),
                // Nothing is ever delivered from here, so both values list everything.
                "delivery_success" => {}
                _ => {
                    single_type |= !listed;
                    let types = list.types.get_or_insert_default();
                    types.push(value);
                    if single_type && types.len() > 1 {
                        return Err(exclusive("type", "types"));
                    }
                    if types.len() > 20 {
                        let message = "Array types exceeded maximum 20 allowed elements.";
                        return Err(ApiError::invalid(None, "types", message));
                    }
                }
            }
        }
        Ok(list)
    }

    /// Narrows the creation times; false when the comparison is not one of Stripe's.
    fn bound_created(&mut self, comparison: Option<&str>, name: &str, value: &str) -> Result<bool, ApiError> {
        if !matches!(comparison, None | Some("gt" | "gte" | "lt" | "lte")) {
            return Ok(false);
        }
        if value.is_empty() {
            return Err(empty(name));
        }
        let time: i64 = value.parse().map_err(|_| {
            ApiError::invalid(Some("parameter_invalid_integer"), name, format!("Invalid integer: {value}"))
        })?;
        let (from, to) = match comparison {
            Some("gt") => (time.saturating_add(1), i64::MAX),
            Some("gte") => (time, i64::MAX),
            Some("lt") => (i64::MIN, time.saturating_sub(1)),
            Some("lte") => (i64::MIN, time),
            _ => (time, time),
        };
        self.created = (self.created.0.max(from), self.created.1.min(to));
        Ok(true)
    }

    fn set_cursor(&mut self, name: &str, id: String) -> Result<(), ApiError> {
        let cursor = if name == "starting_after" { Cursor::After(id) } else { Cursor::Before(id) };
        match &self.cursor {
            Some(known) if std::mem::discriminant(known) != std::mem::discriminant(&cursor) => {
                Err(exclusive("ending_before", "starting_after"))
            }
            _ => {
                self.cursor = Some(cursor);
                Ok(())
            }
        }
    }

    /// Whether an event of this type is asked for.
    pub(super) fn wants_type(&self, kind: &str) -> bool {
        self.types.as_ref().is_none_or(|types| {
            types.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == wanted,
            })
        })
    }
}

fn limit(value: &str) -> Result<usize, ApiError> {
    let refuse =
        |message: String| Err(ApiError::invalid(Some("parameter_invalid_integer"), "limit", message));
    match value.parse::<i64>() {
        Ok(limit @ 1..=100) => Ok(usize::try_from(limit).unwrap_or(100)),
        Ok(..1) => refuse("This value must be greater than or equal to 1.".to_owned()),
        Ok(_) => refuse(format!("This value must be less than or equal to 100 (it currently is '{value}').")),
        Err(_) => refuse(format!("Invalid integer: {value}")),
    }
}

fn empty(name: &str) -> ApiError {
    let message = format!(
        "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a \
         parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or supply \
         a non-empty value."
    );
    ApiError::invalid(Some("parameter_invalid_empty"), name, message)
}

fn exclusive(one: &str, other: &str) -> ApiError {
    ApiError::invalid(None, one, format!("You may only specify one of these parameters: {one}, {other}."))
}

fn is_position(bracket: &str) -> bool {
    bracket.bytes().all(|byte| byte.is_ascii_digit())
}

/// `created[gte]` as `("created", Some("gte"))`.
fn split_bracket(name: &str) -> (&str, Option<&str>) {
    match name.split_once('[').and_then(|(base, rest)| Some((base, rest.strip_suffix(']')?))) {
        Some((base, bracket)) => (base, Some(bracket)),
        None => (name, None),
    }
}

/// The decoded parameters of a query string, in order.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Undoes percent-encoding; a `%` that is not followed by two hexadecimal digits stays.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
