//! Exchange rates: taken in whole, counted, and given out for the days that are asked for.

use std::sync::Arc;

use buffalo_model::{Currency, EuroRate, RateSheet, Rates};
use buffalo_store::{FxImport, FxImportEffect};
use chrono::{Days, NaiveDate, TimeDelta};
use tokio::sync::Barrier;

use crate::fixture::{Fixture, T0};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> Currency {
    text.parse().unwrap()
}

fn rate(currency: &str, date: &str, rate: &str) -> EuroRate {
    EuroRate { currency: code(currency), date: day(date), rate: rate.parse().unwrap() }
}

#[tokio::test]
async fn an_import_says_what_it_changed_and_changes_no_more() {
    let it = Fixture::new().await;
    let first = [rate("USD", "2026-01-02", "1.1757"), rate("JPY", "2026-01-02", "184.2")];
    let import =
        async |rates: &[EuroRate], effect, now| it.store.import_fx_rates(rates, effect, now).await.unwrap();
    let told = import(&first, FxImportEffect::OnlyTold, T0).await;
    assert_eq!(told, FxImport { inserted: 2, changed: 0, unchanged: 0 });
    assert_eq!(it.database.number("SELECT count(*) FROM fx_rates").await, 0);
    assert_eq!(import(&first, FxImportEffect::Stored, T0).await, told);

    let later = T0 + TimeDelta::hours(1);
    let second = [
        rate("USD", "2026-01-02", "1.17570"),
        rate("JPY", "2026-01-02", "184.25"),
        rate("JPY", "2026-01-05", "183"),
    ];
    for effect in [FxImportEffect::OnlyTold, FxImportEffect::Stored] {
        assert_eq!(import(&second, effect, later).await, FxImport { inserted: 1, changed: 1, unchanged: 1 });
    }
    let stored =
        "SELECT string_agg(concat_ws(' ', quote, rate_date, rate, imported_at = '2027-01-15T08:00:00Z'), '; '
                                    ORDER BY quote, rate_date) FROM fx_rates WHERE base = 'EUR'";
    assert_eq!(
        it.database.text(stored).await,
        "JPY 2026-01-02 184.250000 f; JPY 2026-01-05 183.000000 f; USD 2026-01-02 1.175700 t"
    );
    it.database.drop_it().await;
}

#[tokio::test]
async fn a_range_has_the_rates_that_hold_on_its_first_day() {
    let it = Fixture::new().await;
    let all = [
        rate("USD", "2026-04-09", "1.13"),
        rate("USD", "2026-04-07", "1.12"),
        rate("USD", "2026-04-02", "1.11"),
        rate("USD", "2026-03-20", "1.10"),
        rate("JPY", "2026-04-01", "160"),
        rate("BGN", "2025-12-31", "1.9558"),
        rate("BGN", "2025-12-30", "1.9558"),
        rate("SEK", "2026-04-07", "11"),
    ];
    it.store.import_fx_rates(&all, FxImportEffect::Stored, T0).await.unwrap();
    let wanted = ["USD", "JPY", "BGN", "EUR", "AED"].map(code);
    let rates = it.store.fx_rates(&wanted, day("2026-04-06"), day("2026-04-08")).await.unwrap();
    assert_eq!(rates, Rates::from_iter([all[1], all[2], all[3], all[4], all[5]]));
    let refused = rates.on(code("BGN"), Currency::EUR, day("2026-04-06")).unwrap_err();
    assert_eq!(refused.newest, Some(day("2025-12-31")));
    let newest = it.store.newest_fx_rates(day("2026-04-08")).await.unwrap();
    let newest: Vec<_> = newest.iter().map(|newest| newest.rate).collect();
    assert_eq!(newest, [all[5], all[4], all[7], all[1]]);
    it.database.drop_it().await;
}

#[tokio::test]
async fn what_is_no_rate_can_not_be_stored() {
    let it = Fixture::new().await;
    for bad in ["0", "-1", "'NaN'", "'Infinity'", "100000000"] {
        let insert = format!("INSERT INTO fx_rates VALUES ('EUR', 'USD', '2026-01-02', {bad}, now())");
        assert!(sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&it.database.pool).await.is_err(), "{bad}");
    }
    it.database.drop_it().await;
}

/// Two imports of the whole history at once, as two hosts with one cron table begin them.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_history_is_taken_in_at_once_and_once() {
    let it = Fixture::new().await;
    let codes = "USD JPY BGN CZK DKK GBP HUF PLN RON SEK CHF ISK NOK HRK TRY AUD BRL CAD CNY HKD IDR ILS INR KRW MXN MYR \
                 NZD PHP SGD THB ZAR RUB LTL LVL AED";
    let codes: Vec<&str> = codes.split(' ').collect();
    let days = 7_100;
    let mut table = format!("Date,{},\n", codes.join(","));
    for back in 0..days {
        let line: String = (0..codes.len()).map(|n| format!(",{}.{:04}", n + 1, back + 1)).collect();
        table.push_str(&format!("{}{line},\n", day("2026-11-20") - Days::new(back)));
    }
    let sheet = Arc::new(RateSheet::parse(&table, day("2026-11-20")).unwrap());
    assert_eq!(sheet.days.len() as u64, days);
    let barrier = Arc::new(Barrier::new(2));
    let importing: Vec<_> = (0..2)
        .map(|_| {
            let (store, sheet, barrier) = (it.store.clone(), Arc::clone(&sheet), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                store.import_fx_rates(&sheet.rates, FxImportEffect::Stored, T0).await.unwrap()
            })
        })
        .collect();
    let (mut inserted, mut unchanged) = (0, 0);
    for import in importing {
        let import = import.await.unwrap();
        inserted += import.inserted;
        unchanged += import.unchanged;
    }
    let all = i64::try_from(sheet.rates.len()).unwrap();
    assert_eq!((inserted, unchanged), (all, all));
    it.database.drop_it().await;
}
