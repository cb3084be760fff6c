//! Exchange rates: taken in as whole tables, given out for ranges of days.

use buffalo_model::{Currency, EuroRate, MAX_RATE_AGE_DAYS, Rate, Rates};
use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::database::Tx;
use crate::{Store, StoreError};

/// Rates that one statement takes in: a fraction of a second's work.
const RATES_PER_STATEMENT: usize = 20_000;

/// What becomes of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FxImportEffect {
    /// The rates are stored.
    Stored,
    /// It is found out what storing them would change, and left at that.
    OnlyTold,
}

/// What became of the rates of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FxImport {
    /// Rates of a currency and day that had none.
    pub inserted: i64,
    /// Rates that replaced another one.
    pub changed: i64,
    /// Rates that were known.
    pub unchanged: i64,
}

/// The newest rate of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestFxRate {
    /// The rate, and the day for which it was published.
    pub rate: EuroRate,
    /// When it came into the table.
    pub imported_at: DateTime<Utc>,
}

impl Store {
    /// Takes in euro rates, all or none; each currency and day is there at most once. Of a rate that is known already the new
    /// one holds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn import_fx_rates(
        &self,
        rates: &[EuroRate],
        effect: FxImportEffect,
        now: DateTime<Utc>,
    ) -> Result<FxImport, StoreError> {
        let operation = "import exchange rates";
        let mut sorted = rates.to_vec();
        sorted.sort_unstable_by_key(|rate| (rate.currency, rate.date));
        // The same statements tell and store, so that what is told is what would be done.
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let mut import = FxImport::default();
        for rates in sorted.chunks(RATES_PER_STATEMENT) {
            let some = import_in_tx(&mut tx, rates, now).await.map_err(self.fail(operation))?;
            import.inserted += some.inserted;
            import.changed += some.changed;
            import.unchanged += some.unchanged;
        }
        match effect {
            FxImportEffect::Stored => tx.commit().await,
            FxImportEffect::OnlyTold => tx.rollback().await,
        }
        .map_err(self.fail(operation))?;
        Ok(import)
    }

    /// The rates that amounts of these days can be converted with, between these currencies and the euro.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] where the table holds what is no rate; [`StoreError::Unreachable`] and its like.
    pub async fn fx_rates(
        &self,
        currencies: &[Currency],
        from_day: NaiveDate,
        to_day: NaiveDate,
    ) -> Result<Rates, StoreError> {
        let operation = "read exchange rates";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let rates = self.fx_rates_in_tx(&mut tx, currencies, from_day, to_day).await?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(rates)
    }

    /// The same in a transaction of the caller's, for who needs rates and amounts of one snapshot.
    pub(crate) async fn fx_rates_in_tx(
        &self,
        tx: &mut Tx<'_>,
        currencies: &[Currency],
        from_day: NaiveDate,
        to_day: NaiveDate,
    ) -> Result<Rates, StoreError> {
        let codes: Vec<&str> = currencies.iter().map(Currency::as_str).collect();
        let oldest = from_day.checked_sub_days(Days::new(MAX_RATE_AGE_DAYS)).unwrap_or(from_day);
        let rows = sqlx::query_file!(
            "queries/fx_rates.sql",
            Currency::EUR.as_str(),
            &codes as &[&str],
            oldest,
            to_day,
        )
        .fetch_all(tx)
        .await
        .map_err(self.fail("read exchange rates"))?;
        rows.into_iter().map(|row| euro_rate(&row.quote, row.rate_date, &row.rate)).collect()
    }

    /// The newest rate of every currency, up to a day, by currency.
    ///
    /// # Errors
    ///
    /// As [`Store::fx_rates`].
    pub async fn newest_fx_rates(&self, up_to: NaiveDate) -> Result<Vec<NewestFxRate>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (quote) quote, rate_date, rate::text AS "rate!", imported_at
               FROM fx_rates WHERE base = $1 AND rate_date <= $2 ORDER BY quote, rate_date DESC"#,
            Currency::EUR.as_str(),
            up_to,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read the newest exchange rates"))?;
        rows.into_iter()
            .map(|row| {
                let rate = euro_rate(&row.quote, row.rate_date, &row.rate)?;
                Ok(NewestFxRate { rate, imported_at: row.imported_at })
            })
            .collect()
    }
}

async fn import_in_tx(
    tx: &mut Tx<'_>,
    rates: &[EuroRate],
    now: DateTime<Utc>,
) -> Result<FxImport, sqlx::Error> {
    let codes: Vec<&str> = rates.iter().map(|rate| rate.currency.as_str()).collect();
    let dates: Vec<NaiveDate> = rates.iter().map(|rate| rate.date).collect();
    let texts: Vec<String> = rates.iter().map(|rate| rate.rate.to_string()).collect();
    let counts = sqlx::query_file!(
        "queries/import_fx_rates.sql",
        Currency::EUR.as_str(),
        &codes as &[&str],
        &dates,
        &texts,
        now,
    )
    .fetch_one(tx)
    .await?;
    let (inserted, changed) = (counts.inserted, counts.changed);
    let given = i64::try_from(rates.len()).unwrap_or(i64::MAX);
    Ok(FxImport { inserted, changed, unchanged: given - inserted - changed })
}

fn euro_rate(quote: &str, date: NaiveDate, rate: &str) -> Result<EuroRate, StoreError> {
    let unreadable = |what: String| StoreError::Unreadable { table: "fx_rates", what };
    let currency = quote.parse().map_err(|error| unreadable(format!("{error}")))?;
    let rate: Rate = rate.parse().map_err(|error| unreadable(format!("{error}")))?;
    Ok(EuroRate { currency, date, rate })
}
