//! What processes last saw of the circuit breakers of sources.

use buffalo_model::{Circuit, CircuitState, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// A source's circuit breaker as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitRow {
    /// The source.
    pub source: Source,
    /// Whether it was being asked.
    pub state: CircuitState,
    /// Failures since the last success.
    pub failures_in_a_row: i32,
    /// While it is open: when it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// When this was seen.
    pub noted_at: DateTime<Utc>,
}

impl Store {
    /// Notes how a source's circuit breaker stands.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn note_circuit(
        &self,
        source: &Source,
        circuit: &Circuit,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO source_circuits AS known (source, state, failures_in_a_row, retry_at, noted_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (source) DO UPDATE
                 SET state = excluded.state, failures_in_a_row = excluded.failures_in_a_row,
                     retry_at = excluded.retry_at, noted_at = excluded.noted_at
                 WHERE known.noted_at <= excluded.noted_at",
            source.as_str(),
            circuit.state.as_str(),
            i32::try_from(circuit.failures_in_a_row).unwrap_or(i32::MAX),
            circuit.retry_at,
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("note the state of a source"))?;
        Ok(())
    }

    /// The circuit breakers of all sources that were ever asked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn circuits(&self) -> Result<Vec<CircuitRow>, StoreError> {
        let rows = sqlx::query!(
            "SELECT source, state, failures_in_a_row, retry_at, noted_at FROM source_circuits ORDER BY source"
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read the state of sources"))?;
        let read = |state: &str| {
            state.parse().map_err(|what| StoreError::Unreadable { table: "source_circuits", what })
        };
        rows.into_iter()
            .map(|row| {
                Ok(CircuitRow {
                    state: read(&row.state)?,
                    source: Source::new(row.source),
                    failures_in_a_row: row.failures_in_a_row,
                    retry_at: row.retry_at,
                    noted_at: row.noted_at,
                })
            })
            .collect()
    }
}
