//! Rows in PostgreSQL's binary copy format, which stores wide rows about twice as fast as `INSERT`.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT>

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Eleven bytes that exclude damage in transit, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;
const NULL: i32 = -1;
/// The connection keeps a copy of what it is sending, so it is not given everything at once.
const PIECE: usize = 128 * 1024;
/// 2000-01-01T00:00:00Z, where PostgreSQL counts from, in microseconds of Unix time.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows on their way into a table. The fields of each must follow the statement's list of columns, in number and type.
#[derive(Debug)]
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
}

impl CopyRows {
    /// No rows yet; `bytes` is about what they will take.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut rows = Self { bytes: Vec::with_capacity(HEADER.len() + bytes) };
        rows.bytes.extend_from_slice(HEADER);
        rows
    }

    pub(crate) fn row(&mut self, columns: i16) -> &mut Self {
        self.bytes.extend(columns.to_be_bytes());
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    pub(crate) fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => {
                self.bytes.extend(NULL.to_be_bytes());
                self
            }
        }
    }

    pub(crate) fn integer(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(crate) fn bigint(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(crate) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    pub(crate) fn timestamp(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.bigint(value.timestamp_micros() - EPOCH_MICROS)
    }

    fn field(&mut self, value: &[u8]) -> &mut Self {
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    /// Runs a `COPY … FROM STDIN (FORMAT binary)`; returns how many rows it stored.
    pub(crate) async fn copy_into(
        mut self,
        connection: &mut PgConnection,
        statement: &'static str,
    ) -> Result<u64, sqlx::Error> {
        self.bytes.extend(TRAILER.to_be_bytes());
        let mut copy = connection.copy_in_raw(statement).await?;
        for piece in self.bytes.chunks(PIECE) {
            copy.send(piece).await?;
        }
        copy.finish().await
    }
}
