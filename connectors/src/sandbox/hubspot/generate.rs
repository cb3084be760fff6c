//! The generated history: every deal and contact is a function of the seed and its serial.
//!
//! Ids and modification times both grow with the serial, so a range of either is a range of serials and nothing needs
//! an index or memory. The smallest ids have ten digits and all others eleven: who compares them as texts goes wrong.

use super::account::PIPELINES;
use super::ids::mix;
use super::record::{Deal, Kind, Record};

const FIRST_ID: u64 = 9_999_999_000;
const ID_STEP: u64 = 13;
/// Ids from here on belong to records made through the control interface.
pub(super) const FIRST_CREATED_ID: u64 = 500_000_000_000;

/// Keeps the pseudo-random draws of the kinds apart from each other and from Stripe's.
fn stream(kind: Kind) -> u64 {
    match kind {
        Kind::Deals => 400,
        Kind::Contacts => 401,
    }
}

/// The parameters of one kind's history.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub kind: Kind,
    /// Serials `0..count` exist.
    pub count: u64,
    seed: u64,
    until_ms: i64,
    span_ms: u64,
}

impl Generator {
    pub(super) fn new(kind: Kind, count: u64, seed: u64, until_unix: i64, span_days: u32) -> Self {
        let count = count.min((FIRST_CREATED_ID - FIRST_ID) / ID_STEP);
        let span_ms = u64::from(span_days) * 86_400_000;
        Self { kind, count, seed, until_ms: until_unix.saturating_mul(1_000), span_ms }
    }

    pub(super) fn id(serial: u64) -> u64 {
        FIRST_ID + serial * ID_STEP
    }

    /// The serial behind an id of the history.
    pub(super) fn serial(&self, id: u64) -> Option<u64> {
        let distance = id.checked_sub(FIRST_ID)?;
        let serial = distance / ID_STEP;
        (distance.is_multiple_of(ID_STEP) && serial < self.count).then_some(serial)
    }

    /// The first serial whose id is `id` or greater; `count` when there is none.
    pub(super) fn first_from_id(&self, id: u64) -> u64 {
        id.saturating_sub(FIRST_ID).div_ceil(ID_STEP).min(self.count)
    }

    /// When a record was last modified. Never falls as the serial grows; many records can share a millisecond.
    pub(super) fn modified_ms(&self, serial: u64) -> i64 {
        let newer = self.count.saturating_sub(serial.saturating_add(1));
        let age = u128::from(newer) * u128::from(self.span_ms) / u128::from(self.count.max(1));
        self.until_ms.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
    }

    /// The first serial modified at `unix_ms` or later; `count` when there is none.
    pub(super) fn first_modified_from(&self, unix_ms: i64) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.modified_ms(middle) < unix_ms { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The record with this serial, which must be below `count`.
    pub(super) fn record(&self, serial: u64) -> Record<'static> {
        let draw = mix(self.seed, stream(self.kind), serial);
        let modified_ms = self.modified_ms(serial);
        let lived_ms = i64::try_from((draw >> 20) % 5_184_000_000).unwrap_or_default();
        let created_ms = modified_ms.saturating_sub(lived_ms);
        let deal = match self.kind {
            Kind::Deals => deal(draw, created_ms, modified_ms),
            Kind::Contacts => Deal::default(),
        };
        let id = Self::id(serial);
        Record {
            kind: self.kind,
            id,
            created_ms,
            modified_ms,
            archived_ms: None,
            draw: Some(draw),
            deal,
            set: None,
            merged: &[],
        }
    }
}

fn deal(draw: u64, created_ms: i64, modified_ms: i64) -> Deal {
    let fate = mix(draw, 1, 0);
    let pipeline = &PIPELINES[usize::from(fate.is_multiple_of(5))];
    let wanted = match (fate >> 8) % 100 {
        0..42 => |won: bool, closed: bool| won && closed,
        42..65 => |won: bool, closed: bool| !won && closed,
        _ => |_: bool, closed: bool| !closed,
    };
    let matching = || pipeline.stages.iter().filter(|stage| wanted(stage.won(), stage.closed));
    let stage = matching().nth(((fate >> 16) as usize) % matching().count().max(1));
    // Two dice multiplied: many small amounts, few large ones.
    let size = (((fate >> 24) & 0xff) + 1) * (((fate >> 32) & 0xff) + 1);
    let (currency, amount_minor) = match (fate >> 40) % 100 {
        0..55 => (None, size * 100),
        55..70 => (Some("USD"), size * 50 + (fate >> 48) % 100),
        70..80 => (Some("EUR"), size * 10 + (fate >> 48) % 100),
        80..88 => (Some("GBP"), size * 25),
        88..95 => (Some("JPY"), size * 20),
        _ => (Some("KWD"), size * 10 + (fate >> 48) % 1_000),
    };
    let closed = stage.is_some_and(|stage| stage.closed);
    Deal {
        amount_minor: (!(fate >> 56).is_multiple_of(20)).then_some(amount_minor),
        currency,
        // Open deals have the date at which somebody hopes to close them, or none.
        close_ms: match closed {
            true => Some(created_ms + (modified_ms - created_ms) / 2),
            false => (fate & 1 == 0).then_some(modified_ms + 2_592_000_000),
        },
        pipeline: Some(pipeline.id),
        stage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(count: u64) -> Generator {
        Generator::new(Kind::Deals, count, 7, 1_790_000_000, 30)
    }

    #[test]
    fn ids_and_times_lead_back_to_serials() {
        let generator = generator(1_000);
        for serial in [0, 1, 77, 999] {
            let id = Generator::id(serial);
            assert_eq!(generator.serial(id), Some(serial));
            assert_eq!(generator.serial(id + 1), None);
            assert_eq!((generator.first_from_id(id), generator.first_from_id(id + 1)), (serial, serial + 1));
            assert_eq!(generator.first_modified_from(generator.modified_ms(serial)), serial);
        }
        assert_eq!(generator.serial(Generator::id(1_000)), None);
        assert_eq!((generator.first_from_id(0), generator.first_from_id(u64::MAX)), (0, 1_000));
        assert_eq!(generator.modified_ms(999), 1_790_000_000_000);
    }

    #[test]
    fn shares_are_plausible() {
        let generator = generator(10_000);
        let deals: Vec<_> = (0..10_000).map(|serial| generator.record(serial)).collect();
        let share = |test: &dyn Fn(&Record<'_>) -> bool| deals.iter().filter(|deal| test(deal)).count();
        assert!((3_800..4_600).contains(&share(&|deal| deal.won())));
        assert!((300..700).contains(&share(&|deal| deal.deal.amount_minor.is_none())));
        assert!((5_000..6_000).contains(&share(&|deal| deal.deal.currency.is_none())));
        assert!(deals.iter().all(|deal| deal.deal.stage.is_some() && deal.created_ms <= deal.modified_ms));
    }
}
