//! Rows in PostgreSQL's binary copy format, which stores wide rows about twice as fast as `INSERT`.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT>

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;
use uuid::Uuid;

/// Eleven bytes that exclude damage in transit, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;
const NULL: i32 = -1;
/// Rows are sent when about this much is there, so that no second copy of a whole page is in memory.
const PIECE: usize = 128 * 1024;
/// 2000-01-01T00:00:00Z, where PostgreSQL counts from, in microseconds of Unix time.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows on their way into a table. The fields of each must follow the statement's list of columns, in number and type.
pub(crate) struct CopyRows<'c> {
    copy: PgCopyIn<&'c mut PgConnection>,
    bytes: Vec<u8>,
}

impl<'c> CopyRows<'c> {
    /// Begins a `COPY … FROM STDIN (FORMAT binary)`. Nothing is stored unless [`CopyRows::finish`] is called.
    pub(crate) async fn begin(
        connection: &'c mut PgConnection,
        statement: &'static str,
    ) -> Result<Self, sqlx::Error> {
        let copy = connection.copy_in_raw(statement).await?;
        let mut bytes = Vec::with_capacity(PIECE + PIECE / 4);
        bytes.extend_from_slice(HEADER);
        Ok(Self { copy, bytes })
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

    /// To be called after each row: sends what has come together.
    pub(crate) async fn send(&mut self) -> Result<(), sqlx::Error> {
        if self.bytes.len() >= PIECE {
            self.copy.send(&*self.bytes).await?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// Sends the rest; returns how many rows were stored.
    pub(crate) async fn finish(mut self) -> Result<u64, sqlx::Error> {
        self.bytes.extend(TRAILER.to_be_bytes());
        self.copy.send(&*self.bytes).await?;
        self.copy.finish().await
    }
}
