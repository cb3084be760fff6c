//! Renders charges: the hot path of a backfill, so bytes are appended to the page and nothing is allocated.

use super::ids::{IdKind, mix, push_base62};
use super::json::{push_bool, push_int, push_uint};
use super::model::{Charge, ChargeStatus, Currency, Customer};
use super::render::{Renderer, apply, push_customer};

/// A place to fill in a charge.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChargeHole {
    Id,
    Amount,
    AmountCaptured,
    AmountRefunded,
    AuthorizationCode,
    BalanceTransaction,
    Brand,
    Captured,
    City,
    Country,
    Created,
    Currency,
    Customer,
    Disputed,
    Email,
    ExpMonth,
    ExpYear,
    FailureCode,
    FailureMessage,
    Fingerprint,
    Funding,
    Last4,
    Metadata,
    Name,
    NetworkTransactionId,
    Number,
    Outcome,
    Paid,
    PaymentIntent,
    PaymentMethod,
    PostalCode,
    Receipt,
    Refunded,
    State,
    Status,
}

impl ChargeHole {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "amount" => Self::Amount,
            "amount_captured" => Self::AmountCaptured,
            "amount_refunded" => Self::AmountRefunded,
            "authorization_code" => Self::AuthorizationCode,
            "balance_transaction" => Self::BalanceTransaction,
            "brand" => Self::Brand,
            "captured" => Self::Captured,
            "city" => Self::City,
            "country" => Self::Country,
            "created" => Self::Created,
            "currency" => Self::Currency,
            "customer" => Self::Customer,
            "disputed" => Self::Disputed,
            "email" => Self::Email,
            "exp_month" => Self::ExpMonth,
            "exp_year" => Self::ExpYear,
            "failure_code" => Self::FailureCode,
            "failure_message" => Self::FailureMessage,
            "fingerprint" => Self::Fingerprint,
            "funding" => Self::Funding,
            "last4" => Self::Last4,
            "metadata" => Self::Metadata,
            "name" => Self::Name,
            "network_transaction_id" => Self::NetworkTransactionId,
            "number" => Self::Number,
            "outcome" => Self::Outcome,
            "paid" => Self::Paid,
            "payment_intent" => Self::PaymentIntent,
            "payment_method" => Self::PaymentMethod,
            "postal_code" => Self::PostalCode,
            "receipt" => Self::Receipt,
            "refunded" => Self::Refunded,
            "state" => Self::State,
            "status" => Self::Status,
            _ => return None,
        })
    }
}

/// Where a payer lives.
struct Place {
    city: &'static str,
    country: &'static str,
    postal_code: &'static str,
    /// JSON.
    state: &'static str,
}

const fn place(
    city: &'static str,
    country: &'static str,
    postal_code: &'static str,
    state: &'static str,
) -> Place {
    Place { city, country, postal_code, state }
}

static US: [Place; 4] = [
    place("Portland", "US", "97205", "\"OR\""),
    place("Austin", "US", "78701", "\"TX\""),
    place("Chicago", "US", "60601", "\"IL\""),
    place("San Francisco", "US", "94103", "\"CA\""),
];
static EURO: [Place; 4] = [
    place("Berlin", "DE", "10115", "null"),
    place("Lyon", "FR", "69002", "null"),
    place("Köln", "DE", "50667", "null"),
    place("Dublin", "IE", "D02 AF30", "null"),
];
static UK: [Place; 1] = [place("Manchester", "GB", "M1 1AE", "null")];
static JAPAN: [Place; 2] =
    [place("大阪市", "JP", "530-0001", "\"大阪府\""), place("Sapporo", "JP", "060-0001", "\"Hokkaido\"")];
static KUWAIT: [Place; 1] = [place("Kuwait City", "KW", "13001", "null")];

static CARDS: [(&str, &str, &str); 4] = [
    ("visa", "4242", "credit"),
    ("visa", "5556", "debit"),
    ("mastercard", "4444", "credit"),
    ("amex", "0005", "credit"),
];

const APPROVED: &[u8] = br#"{"advice_code":null,"network_advice_code":null,"network_decline_code":null,"network_status":"approved_by_network","reason":null,"risk_level":"normal","risk_score":22,"seller_message":"Payment complete.","type":"authorized"}"#;
const DECLINED: &[u8] = br#"{"advice_code":"try_again_later","network_advice_code":null,"network_decline_code":"05","network_status":"declined_by_network","reason":"generic_decline","risk_level":"normal","risk_score":31,"seller_message":"The bank did not return any further details with this decline.","type":"issuer_declined"}"#;

impl Renderer {
    /// Appends a charge.
    pub(super) fn charge(&self, out: &mut Vec<u8>, charge: &Charge) {
        let start = out.len();
        let serial = charge.key.serial;
        let draw = mix(self.ids.seed, 100, serial);
        let place = place_of(charge.currency, draw);
        let (brand, last4, funding) = CARDS[(draw >> 8 & 3) as usize];
        let failed = charge.status == ChargeStatus::Failed;
        let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        self.charge_template.render(out, |out, hole| match hole {
            ChargeHole::Id => self.ids.write(out, IdKind::Charge, serial),
            ChargeHole::Amount => push_int(out, charge.amount),
            ChargeHole::AmountCaptured => push_int(out, charge.amount_captured),
            ChargeHole::AmountRefunded => push_int(out, charge.amount_refunded),
            ChargeHole::AuthorizationCode => push_uint(out, 100_000 + (draw >> 16) % 900_000),
            ChargeHole::BalanceTransaction => {
                self.push_id(out, IdKind::ChargeTransaction, serial, charge.collected());
            }
            ChargeHole::Brand => text(out, brand),
            ChargeHole::Captured => push_bool(out, charge.captured),
            ChargeHole::City => text(out, place.city),
            ChargeHole::Country => text(out, place.country),
            ChargeHole::Created => push_int(out, charge.key.created),
            ChargeHole::Currency => text(out, charge.currency.as_str()),
            ChargeHole::Customer => push_customer(out, &charge.customer),
            ChargeHole::Disputed => push_bool(out, charge.disputed),
            ChargeHole::Email => {
                text(out, "customer-");
                push_uint(out, payer(charge));
                text(out, "@example.com");
            }
            ChargeHole::ExpMonth => push_uint(out, draw % 12 + 1),
            ChargeHole::ExpYear => push_uint(out, 2030 + draw % 5),
            ChargeHole::FailureCode => text(out, if failed { "\"card_declined\"" } else { "null" }),
            ChargeHole::FailureMessage => {
                text(out, if failed { "\"Your card was declined.\"" } else { "null" });
            }
            ChargeHole::Fingerprint => {
                push_base62(out, draw.rotate_left(17), 8);
                push_base62(out, draw.rotate_left(41), 8);
            }
            ChargeHole::Funding => text(out, funding),
            ChargeHole::Last4 => text(out, last4),
            ChargeHole::Metadata => self.push_metadata(out, charge, draw),
            ChargeHole::Name => {
                text(out, "Customer ");
                push_uint(out, payer(charge));
            }
            ChargeHole::NetworkTransactionId => push_uint(out, 100_000_000_000_000 + (draw >> 20)),
            ChargeHole::Number => push_uint(out, serial),
            ChargeHole::Outcome => out.extend_from_slice(if failed { DECLINED } else { APPROVED }),
            ChargeHole::Paid => push_bool(out, charge.paid()),
            ChargeHole::PaymentIntent => self.ids.write(out, IdKind::PaymentIntent, serial),
            ChargeHole::PaymentMethod => self.ids.write(out, IdKind::PaymentMethod, serial),
            ChargeHole::PostalCode => text(out, place.postal_code),
            ChargeHole::Receipt => {
                for word in 0..8 {
                    push_base62(out, draw.rotate_left(word * 7), 10);
                }
            }
            ChargeHole::Refunded => push_bool(out, charge.refunded()),
            ChargeHole::State => text(out, place.state),
            ChargeHole::Status => text(out, charge.status.as_str()),
        });
        apply(out, start, charge.patch.as_ref());
    }

    fn push_metadata(&self, out: &mut Vec<u8>, charge: &Charge, draw: u64) {
        if let Some(metadata) = &charge.metadata {
            out.extend_from_slice(metadata.as_bytes());
            return;
        }
        out.extend_from_slice(b"{\"order_id\":\"");
        push_uint(out, charge.key.serial);
        out.extend_from_slice(match draw >> 40 & 3 {
            0 => b"\",\"channel\":\"mobile\",\"cart_id\":\"" as &[u8],
            1 => b"\",\"channel\":\"phone\",\"cart_id\":\"",
            _ => b"\",\"channel\":\"web\",\"cart_id\":\"",
        });
        push_base62(out, draw, 8);
        out.extend_from_slice(b"\"}");
    }
}

fn place_of(currency: Currency, draw: u64) -> &'static Place {
    let places: &[Place] = match currency {
        Currency::EUR => &EURO,
        Currency::GBP => &UK,
        Currency::JPY => &JAPAN,
        Currency::KWD => &KUWAIT,
        _ => &US,
    };
    &places[(draw >> 12) as usize % places.len()]
}

/// The number in the payer's name and address; guests go by their order.
fn payer(charge: &Charge) -> u64 {
    match charge.customer {
        Customer::Numbered(number) => number,
        Customer::Guest | Customer::Named(_) => charge.key.serial,
    }
}
