//! What a dispute took: the money that its balance transactions moved.

use std::borrow::Cow;

use buffalo_model::PaymentStatus;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::normalise::whole_number;
use crate::connector::NormaliseError;

/// What a dispute did to the account: withdrawn funds are negative, reinstated funds positive. Fees are not among them.
#[derive(Deserialize)]
pub(super) struct BalanceTransaction<'a> {
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
}

/// The amounts of a dispute, all in one currency.
pub(super) struct Disputed<'a> {
    /// Of a lost dispute what it took, of any other what is disputed.
    pub(super) amount: i64,
    pub(super) currency: Cow<'a, str>,
    /// Of a dispute that is not lost: what was withdrawn and not reinstated.
    pub(super) withdrawn: i64,
}

impl<'a> Disputed<'a> {
    /// Money that moved counts in the currency of the balance, which may be another one than the charge's. Without any
    /// balance transaction the amount in dispute stands.
    ///
    /// # Errors
    ///
    /// Where an amount can't be read, or something is left in two currencies, which no one amount can say.
    pub(super) fn of(
        status: PaymentStatus,
        amount: i64,
        currency: Cow<'a, str>,
        transactions: &[BalanceTransaction<'a>],
    ) -> Result<Self, NormaliseError> {
        let undecided = Self { amount, currency, withdrawn: 0 };
        if transactions.is_empty() || status == PaymentStatus::Unknown {
            return Ok(undecided);
        }
        let (moved, balance) = moved(transactions, &undecided.currency)?;
        Ok(match status {
            PaymentStatus::Disputed => Self { amount: moved, currency: balance, withdrawn: 0 },
            _ if moved == 0 => undecided,
            _ if balance.eq_ignore_ascii_case(&undecided.currency) => {
                Self { amount: amount.max(moved), withdrawn: moved, ..undecided }
            }
            // What else may go is in another currency, so it can't be told.
            _ => Self { amount: moved, currency: balance, withdrawn: moved },
        })
    }
}

/// What was withdrawn and not reinstated, and its currency.
fn moved<'a>(
    transactions: &[BalanceTransaction<'a>],
    own: &Cow<'a, str>,
) -> Result<(i64, Cow<'a, str>), NormaliseError> {
    let mut balances: Vec<(&Cow<'a, str>, i64)> = Vec::new();
    for transaction in transactions {
        let amount = whole_number("balance_transactions.amount", transaction.amount)?;
        let currency = transaction.currency.as_ref().unwrap_or(own);
        match balances.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(currency)) {
            Some((_, balance)) => *balance = balance.saturating_add(amount),
            None => balances.push((currency, amount)),
        }
    }
    // Where nothing is left, the currency in which it came and went is that of nothing.
    balances.retain(|(_, balance)| *balance != 0);
    match *balances {
        [] => Ok((0, own.clone())),
        [(currency, balance)] => Ok((balance.saturating_neg().max(0), currency.clone())),
        _ => Err(NormaliseError::Unusable {
            field: "balance_transactions",
            what: "money that moved in several currencies has no one amount".to_owned(),
        }),
    }
}
