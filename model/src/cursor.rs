//! How far a producer has come with one entity of one source.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A position in a source, written by its connector and opaque to everybody else.
///
/// It is stored in the same transaction as the last record it stands for. Whatever is stored, also what nobody's
/// connector wrote, can be read back: making sense of it is the connector's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Cursor(Value);

impl Cursor {
    /// Wraps a connector's own position document.
    #[must_use]
    pub fn new(position: Value) -> Self {
        Self(position)
    }

    /// The position document.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The position document, for storing it.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}
