//! The generated history: every charge, refund and dispute is a function of the seed and its serial.
//!
//! Nothing is stored, so ten million charges start at once. A generated charge has at most one refund and one
//! dispute, which share its serial and come a fixed time after it: their listings are then ordered like the
//! charges'.

use std::borrow::Cow;

use super::ids::{FIRST_CREATED_SERIAL, mix};
use super::model::{Charge, ChargeStatus, Currency, Customer, Dispute, Key, Refund};
use super::options::SandboxOptions;

/// How long after its charge a generated refund was made.
pub(super) const REFUND_DELAY_S: i64 = 2 * 3600;
/// How long after its charge a generated dispute was opened.
pub(super) const DISPUTE_DELAY_S: i64 = 6 * 3600;

/// Keeps the pseudo-random draws of one serial apart.
mod stream {
    pub(super) const FATE: u64 = 1;
    pub(super) const AMOUNT: u64 = 2;
    pub(super) const FOLLOW_UP: u64 = 3;
    pub(super) const CUSTOMER: u64 = 4;
}

/// What became of a charge, drawn in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Collected,
    Failed,
    Uncaptured,
    Pending,
    PartlyCaptured,
    PartlyRefunded,
    FullyRefunded,
    Disputed,
}

/// The parameters of one history.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub seed: u64,
    /// Serials `0..count` exist.
    pub count: u64,
    until: i64,
    span_s: u64,
    customers: u64,
}

impl Generator {
    pub(super) fn new(options: &SandboxOptions) -> Self {
        let count = options.charges.min(FIRST_CREATED_SERIAL);
        Self {
            seed: options.seed,
            count,
            until: options.until_unix,
            span_s: u64::from(options.span_days) * 86_400,
            customers: count / 8 + 1,
        }
    }

    /// When a charge was created. Never falls as the serial grows; many charges can share a second.
    pub(super) fn created(&self, serial: u64) -> i64 {
        let newer = self.count.saturating_sub(serial.saturating_add(1));
        let age = u128::from(newer) * u128::from(self.span_s) / u128::from(self.count.max(1));
        self.until.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
    }

    /// The first serial created at `unix_s` or later; `count` when there is none.
    pub(super) fn first_since(&self, unix_s: i64) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.created(middle) < unix_s { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The charge with this serial, which must be below `count`.
    pub(super) fn charge(&self, serial: u64) -> Charge {
        let (fate, currency, amount) = self.draw(serial);
        let created = self.created(serial);
        let (status, captured, amount_captured) = match fate {
            Fate::Failed => (ChargeStatus::Failed, false, 0),
            Fate::Uncaptured => (ChargeStatus::Succeeded, false, 0),
            Fate::Pending => (ChargeStatus::Pending, true, amount),
            Fate::PartlyCaptured => (ChargeStatus::Succeeded, true, self.part(serial, currency, amount)),
            _ => (ChargeStatus::Succeeded, true, amount),
        };
        let refund = self.refund(serial).filter(Refund::counts);
        Charge {
            key: Key { created, serial },
            amount,
            currency,
            status,
            captured,
            amount_captured,
            amount_refunded: refund.map_or(0, |refund| refund.amount),
            disputed: fate == Fate::Disputed && created + DISPUTE_DELAY_S <= self.until,
            expired: false,
            customer: self.customer(serial),
            metadata: None,
            patch: None,
        }
    }

    /// The refund of the charge with this serial.
    pub(super) fn refund(&self, serial: u64) -> Option<Refund> {
        let fate = self.fate(serial);
        if !matches!(fate, Fate::PartlyRefunded | Fate::FullyRefunded) {
            return None;
        }
        let created = self.created(serial) + REFUND_DELAY_S;
        if created > self.until {
            return None;
        }
        let (_, currency, amount) = self.draw(serial);
        let amount = if fate == Fate::FullyRefunded { amount } else { self.part(serial, currency, amount) };
        let status = match mix(self.seed, stream::FOLLOW_UP, serial) >> 32 & 0x3f {
            0 => "failed",
            1 => "pending",
            2 => "canceled",
            _ => "succeeded",
        };
        Some(Refund {
            key: Key { created, serial },
            charge: serial,
            amount,
            release: false,
            currency,
            status: Cow::Borrowed(status),
            customer: self.customer(serial),
            patch: None,
        })
    }

    /// The dispute over the charge with this serial.
    pub(super) fn dispute(&self, serial: u64) -> Option<Dispute> {
        if self.fate(serial) != Fate::Disputed {
            return None;
        }
        let created = self.created(serial) + DISPUTE_DELAY_S;
        if created > self.until {
            return None;
        }
        let (_, currency, amount) = self.draw(serial);
        let status = match (mix(self.seed, stream::FOLLOW_UP, serial) >> 32) % 10 {
            0..2 => "needs_response",
            2..4 => "under_review",
            4..6 => "won",
            6..9 => "lost",
            _ => "warning_closed",
        };
        let key = Key { created, serial };
        Some(Dispute { key, charge: serial, amount, currency, status: Cow::Borrowed(status), patch: None })
    }

    /// Who paid the charge with this serial.
    pub(super) fn customer(&self, serial: u64) -> Customer {
        let draw = mix(self.seed, stream::CUSTOMER, serial);
        if draw.is_multiple_of(16) {
            Customer::Guest
        } else {
            Customer::Numbered((draw >> 8) % self.customers + 1)
        }
    }

    fn fate(&self, serial: u64) -> Fate {
        match (mix(self.seed, stream::FATE, serial) >> 32) % 1_000 {
            0..30 => Fate::Failed,
            30..50 => Fate::Uncaptured,
            50..60 => Fate::Pending,
            60..70 => Fate::PartlyCaptured,
            70..110 => Fate::PartlyRefunded,
            110..140 => Fate::FullyRefunded,
            140..150 => Fate::Disputed,
            _ => Fate::Collected,
        }
    }

    fn draw(&self, serial: u64) -> (Fate, Currency, i64) {
        let draw = mix(self.seed, stream::AMOUNT, serial);
        // Two dice multiplied: many small amounts, few large ones, as in a real shop.
        let size = ((draw >> 16 & 0xff) + 1) * ((draw >> 24 & 0xff) + 1);
        let (currency, amount) = match draw % 100 {
            0..70 => (Currency::USD, 50 + size),
            70..82 => (Currency::EUR, 50 + size),
            82..90 => (Currency::GBP, 30 + size),
            90..96 => (Currency::JPY, 50 + size),
            _ => (Currency::KWD, 500 + size / 10 * 10),
        };
        (self.fate(serial), currency, i64::try_from(amount).unwrap_or(i64::MAX))
    }

    /// A quarter to three quarters of an amount, for partial captures and refunds.
    fn part(&self, serial: u64, currency: Currency, amount: i64) -> i64 {
        let eighths = 2 + i64::try_from(mix(self.seed, stream::FOLLOW_UP, serial) % 5).unwrap_or(0);
        let part = amount * eighths / 8;
        if currency == Currency::KWD { part / 10 * 10 } else { part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(charges: u64) -> Generator {
        Generator::new(&SandboxOptions {
            charges,
            until_unix: 1_700_000_000,
            span_days: 30,
            ..Default::default()
        })
    }

    #[test]
    fn the_history_is_ordered_and_searchable() {
        for count in [1, 2, 1_000, 100_000_000] {
            let generator = generator(count);
            assert_eq!(generator.created(count - 1), 1_700_000_000);
            assert!(generator.created(0) > 1_700_000_000 - 30 * 86_400 - 1);
            let middle = generator.created(count / 2);
            let first = generator.first_since(middle);
            assert!(first <= count / 2 && generator.created(first) == middle);
            assert!(first == 0 || generator.created(first - 1) < middle);
            assert_eq!(generator.first_since(1_700_000_001), count);
        }
        assert_eq!(generator(0).first_since(0), 0);
    }

    #[test]
    fn shares_and_amounts_are_plausible() {
        let generator = generator(20_000);
        let charges: Vec<_> = (0..20_000).map(|serial| generator.charge(serial)).collect();
        let share = |test: &dyn Fn(&Charge) -> bool| charges.iter().filter(|charge| test(charge)).count();
        assert!((400..800).contains(&share(&|charge| charge.status == ChargeStatus::Failed)));
        assert!((250..550).contains(&share(&|charge| charge.paid() && !charge.captured)));
        assert!((100..300).contains(&share(&|charge| charge.status == ChargeStatus::Pending)));
        assert!((400..800).contains(&share(&|charge| charge.refunded())));
        assert!((100..300).contains(&share(&|charge| charge.disputed)));
        assert!(share(&|charge| charge.currency == Currency::USD) > 12_000);
        for charge in &charges {
            assert!(charge.amount > 0 && charge.amount_captured <= charge.amount);
            assert!(charge.amount_refunded <= charge.amount_captured);
            assert!(
                charge.currency != Currency::KWD
                    || (charge.amount % 10, charge.amount_refunded % 10) == (0, 0)
            );
        }
    }
}
