//! Renders refunds and disputes, and gathers what every renderer needs.

use super::ids::{IdKind, Ids};
use super::json::{push_bool, push_int, push_string, push_uint};
use super::model::{Customer, Dispute, Key, Refund};
use super::patch::Patch;
use super::render_charge::ChargeHole;
use super::template::{Template, UnknownHole};

/// The three templates and the account's ids.
#[derive(Debug)]
pub(super) struct Renderer {
    pub ids: Ids,
    pub(super) charge_template: Template<ChargeHole>,
    refund_template: Template<Hole>,
    dispute_template: Template<Hole>,
}

/// A place to fill in a refund or a dispute.
#[derive(Debug, Clone, Copy)]
enum Hole {
    Id,
    Amount,
    BalanceTransaction,
    CaseType,
    Charge,
    Created,
    Currency,
    Customer,
    DueBy,
    Failure,
    PaymentIntent,
    PaymentMethod,
    Refundable,
    Status,
}

impl Hole {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "amount" => Self::Amount,
            "balance_transaction" => Self::BalanceTransaction,
            "case_type" => Self::CaseType,
            "charge" => Self::Charge,
            "created" => Self::Created,
            "currency" => Self::Currency,
            "customer" => Self::Customer,
            "due_by" => Self::DueBy,
            "failure" => Self::Failure,
            "payment_intent" => Self::PaymentIntent,
            "payment_method" => Self::PaymentMethod,
            "refundable" => Self::Refundable,
            "status" => Self::Status,
            _ => return None,
        })
    }
}

impl Renderer {
    pub(super) fn new(seed: u64) -> Result<Self, UnknownHole> {
        Ok(Self {
            ids: Ids { seed },
            charge_template: Template::compile(include_str!("templates/charge.json"), ChargeHole::named)?,
            refund_template: Template::compile(include_str!("templates/refund.json"), Hole::named)?,
            dispute_template: Template::compile(include_str!("templates/dispute.json"), Hole::named)?,
        })
    }

    /// Appends a refund.
    pub(super) fn refund(&self, out: &mut Vec<u8>, refund: &Refund) {
        let start = out.len();
        let serial = refund.key.serial;
        self.refund_template.render(out, |out, hole| match hole {
            Hole::Id => self.ids.write(out, IdKind::Refund, serial),
            Hole::Amount => push_int(out, refund.amount),
            Hole::BalanceTransaction => {
                let moved = refund.counts() && !refund.release;
                self.push_id(out, IdKind::RefundTransaction, serial, moved);
            }
            Hole::Currency => out.extend_from_slice(refund.currency.as_str().as_bytes()),
            Hole::Customer => push_customer(out, &refund.customer),
            // These two members exist on refunds that failed only.
            Hole::Failure if refund.status == "failed" => out.extend_from_slice(
                br#""failure_balance_transaction":null,"failure_reason":"expired_or_canceled_card","#,
            ),
            Hole::Status => push_string(out, &refund.status),
            _ => self.fill_shared(out, hole, refund.key, refund.charge),
        });
        apply(out, start, refund.patch.as_ref());
    }

    /// Appends a dispute.
    pub(super) fn dispute(&self, out: &mut Vec<u8>, dispute: &Dispute) {
        let start = out.len();
        let inquiry = dispute.inquiry();
        self.dispute_template.render(out, |out, hole| match hole {
            Hole::Id => self.ids.write(out, IdKind::Dispute, dispute.key.serial),
            Hole::Amount => push_int(out, dispute.amount),
            Hole::CaseType => out.extend_from_slice(if inquiry { b"inquiry" } else { b"chargeback" }),
            Hole::Currency => out.extend_from_slice(dispute.currency.as_str().as_bytes()),
            Hole::DueBy => push_int(out, dispute.key.created.saturating_add(9 * 86_400)),
            Hole::Refundable => push_bool(out, inquiry),
            Hole::Status => push_string(out, &dispute.status),
            _ => self.fill_shared(out, hole, dispute.key, dispute.charge),
        });
        apply(out, start, dispute.patch.as_ref());
    }

    fn fill_shared(&self, out: &mut Vec<u8>, hole: Hole, key: Key, charge: u64) {
        match hole {
            Hole::Created => push_int(out, key.created),
            Hole::Charge => self.ids.write(out, IdKind::Charge, charge),
            Hole::PaymentIntent => self.ids.write(out, IdKind::PaymentIntent, charge),
            Hole::PaymentMethod => self.ids.write(out, IdKind::PaymentMethod, charge),
            _ => {}
        }
    }

    /// Appends a quoted id, or `null` when the object does not exist.
    pub(super) fn push_id(&self, out: &mut Vec<u8>, kind: IdKind, serial: u64, exists: bool) {
        if exists {
            out.push(b'"');
            self.ids.write(out, kind, serial);
            out.push(b'"');
        } else {
            out.extend_from_slice(b"null");
        }
    }
}

/// Appends a customer's id or `null`.
pub(super) fn push_customer(out: &mut Vec<u8>, customer: &Customer) {
    match customer {
        Customer::Guest => out.extend_from_slice(b"null"),
        Customer::Numbered(number) => {
            out.extend_from_slice(b"\"cus_Sb7Kq");
            push_uint(out, 100_000_000 + number);
            out.push(b'"');
        }
        Customer::Named(id) => push_string(out, id),
    }
}

/// The customer an id stands for, when it is one of the generated form.
pub(super) fn parse_customer(id: &str) -> Customer {
    let number = id.strip_prefix("cus_Sb7Kq").and_then(|digits| digits.parse::<u64>().ok());
    match number.and_then(|number| number.checked_sub(100_000_000)) {
        Some(number) if number > 0 => Customer::Numbered(number),
        _ => Customer::Named(id.to_owned()),
    }
}

/// Applies an object's patch to what has just been rendered.
pub(super) fn apply(out: &mut Vec<u8>, start: usize, patch: Option<&Patch>) {
    if let Some(patch) = patch {
        patch.apply(out, start);
    }
}
