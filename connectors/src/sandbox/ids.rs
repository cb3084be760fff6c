//! Identifiers that look like Stripe's and lead back to the object's serial number without a table.
//!
//! An id is a prefix, the serial in six base62 digits (so ids grow with time), a part that is the same all
//! over the account, and eight digits that depend on the seed, so that a guessed id is not found.

/// The part of every id that names the account.
const ACCOUNT_PART: &[u8; 10] = b"Sb7Kq2WdxR";
/// The id of the sandbox's only account.
pub(super) const ACCOUNT_ID: &str = "acct_1Q00A0Sb7Kq2WdxR";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SERIAL_DIGITS: usize = 6;
const CHECK_DIGITS: usize = 8;

/// Serials from here on belong to objects made through the control interface; generated ones are below, so
/// the two cannot collide. Half of what six base62 digits can hold.
pub(super) const FIRST_CREATED_SERIAL: u64 = 62u64.pow(6) / 2;

/// What an id identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Charge,
    Refund,
    Dispute,
    PaymentIntent,
    PaymentMethod,
    ChargeTransaction,
    RefundTransaction,
}

impl IdKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Charge => "ch_3",
            Self::Refund => "re_3",
            Self::Dispute => "dp_1",
            Self::PaymentIntent => "pi_3",
            Self::PaymentMethod => "pm_1",
            Self::ChargeTransaction => "txn_3",
            Self::RefundTransaction => "txn_1",
        }
    }
}

/// Writes and reads the ids of one sandbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    pub seed: u64,
}

impl Ids {
    /// Appends the id of the object of `kind` with this serial.
    pub(super) fn write(self, out: &mut Vec<u8>, kind: IdKind, serial: u64) {
        out.extend_from_slice(kind.prefix().as_bytes());
        push_base62(out, serial, SERIAL_DIGITS);
        out.extend_from_slice(ACCOUNT_PART);
        push_base62(out, mix(self.seed, 0x1d00 + kind as u64, serial), CHECK_DIGITS);
    }

    /// The id as text.
    pub(super) fn text(self, kind: IdKind, serial: u64) -> String {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out, kind, serial);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The serial behind an id, when it is one this sandbox would write.
    pub(super) fn parse(self, kind: IdKind, id: &str) -> Option<u64> {
        let digits = id.strip_prefix(kind.prefix())?.as_bytes().get(..SERIAL_DIGITS)?;
        let serial = digits.iter().try_fold(0u64, |serial, digit| {
            let value = DIGITS.iter().position(|known| known == digit)?;
            Some(serial * 62 + value as u64)
        })?;
        (self.text(kind, serial) == id).then_some(serial)
    }
}

/// The lowest `digits` base62 digits of `value`, most significant first.
pub(super) fn push_base62(out: &mut Vec<u8>, mut value: u64, digits: usize) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for slot in out[start..].iter_mut().rev() {
        *slot = DIGITS[(value % 62) as usize];
        value /= 62;
    }
}

/// A pseudo-random number that depends on nothing but its arguments; `stream` keeps the uses apart.
pub(super) fn mix(seed: u64, stream: u64, n: u64) -> u64 {
    splitmix64(splitmix64(seed ^ stream.rotate_left(32)).wrapping_add(n))
}

fn splitmix64(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_the_serial_and_grow_with_it() {
        let ids = Ids { seed: 7 };
        let mut last = String::new();
        for serial in [0, 1, 61, 62, 9_999_999, FIRST_CREATED_SERIAL, FIRST_CREATED_SERIAL + 5] {
            let id = ids.text(IdKind::Charge, serial);
            assert!(id.starts_with("ch_3") && id > last, "{id} after {last}");
            assert_eq!(ids.parse(IdKind::Charge, &id), Some(serial));
            assert_eq!(ids.parse(IdKind::Refund, &id), None);
            assert_eq!(Ids { seed: 8 }.parse(IdKind::Charge, &id), None);
            last = id;
        }
        for wrong in ["", "ch_3", "ch_3é00000", "ch_3zzzzzzSb7Kq2WdxR00000000"] {
            assert_eq!(ids.parse(IdKind::Charge, wrong), None);
        }
    }
}
