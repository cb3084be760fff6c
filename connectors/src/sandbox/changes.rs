//! What can happen to a charge, and the events Stripe writes about it.

use super::events::Moment;
use super::ids::IdKind;
use super::json::{push_bool, push_int, push_string};
use super::model::{Charge, ChargeStatus, Currency, Customer, Key};
use super::patch::Patch;
use super::query::Kind;
use super::world::World;

/// Why a change is impossible.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ChangeError {
    /// There is no such object.
    #[error("No such {0}: '{1}'")]
    Missing(&'static str, String),
    /// The object's state or the request does not allow it.
    #[error("{0}")]
    Refused(String),
}

impl ChangeError {
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }
}

/// A charge to create.
#[derive(Debug)]
pub(super) struct NewCharge {
    pub amount: i64,
    pub currency: Currency,
    pub status: ChargeStatus,
    pub capture: bool,
    pub customer: Customer,
    pub metadata: Option<String>,
    pub patch: Option<Patch>,
}

impl World {
    /// Adds a charge; returns its serial.
    pub(super) fn create_charge(&mut self, new: NewCharge, moment: &Moment) -> u64 {
        let serial = self.new_serial();
        let captured = new.capture && new.status != ChargeStatus::Failed;
        let charge = Charge {
            key: Key { created: moment.at, serial },
            amount: new.amount,
            currency: new.currency,
            status: new.status,
            captured,
            amount_captured: if captured { new.amount } else { 0 },
            amount_refunded: 0,
            disputed: false,
            expired: false,
            customer: new.customer,
            metadata: new.metadata,
            patch: new.patch,
        };
        let event = match new.status {
            ChargeStatus::Succeeded => "charge.succeeded",
            ChargeStatus::Pending => "charge.pending",
            ChargeStatus::Failed => "charge.failed",
        };
        self.charges.create(charge.key, serial, charge);
        self.write_event(moment, event, Kind::Charges, serial, None);
        serial
    }

    /// Collects an authorised charge, in part or as a whole.
    pub(super) fn capture(
        &mut self,
        id: &str,
        amount: Option<i64>,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        self.change_charge(id, moment, "charge.captured", |charge| {
            if !charge.authorised() {
                return Err(ChangeError::refused("only an authorised, uncaptured charge can be captured"));
            }
            let amount = amount.unwrap_or(charge.amount);
            if !(0..=charge.amount).contains(&amount) {
                return Err(ChangeError::refused(
                    "the amount to capture is not within the amount authorised",
                ));
            }
            charge.captured = true;
            charge.amount_captured = amount;
            Ok(())
        })
    }

    /// Lets a pending charge succeed.
    pub(super) fn succeed(&mut self, id: &str, moment: &Moment) -> Result<u64, ChangeError> {
        self.change_charge(id, moment, "charge.succeeded", |charge| {
            if charge.status != ChargeStatus::Pending {
                return Err(ChangeError::refused("only a pending charge can succeed"));
            }
            charge.status = ChargeStatus::Succeeded;
            Ok(())
        })
    }

    /// Lets a charge fail, be it pending or, as bank debits do, after it succeeded.
    pub(super) fn fail(&mut self, id: &str, moment: &Moment) -> Result<u64, ChangeError> {
        self.change_charge(id, moment, "charge.failed", |charge| {
            if charge.status == ChargeStatus::Failed {
                return Err(ChangeError::refused("the charge has failed already"));
            }
            charge.status = ChargeStatus::Failed;
            Ok(())
        })
    }

    /// Lets an authorisation lapse. Stripe then shows the charge as refunded, though there is no refund.
    pub(super) fn expire(&mut self, id: &str, moment: &Moment) -> Result<u64, ChangeError> {
        self.change_charge(id, moment, "charge.expired", |charge| {
            if !charge.authorised() {
                return Err(ChangeError::refused("only an authorised, uncaptured charge can expire"));
            }
            charge.expired = true;
            charge.amount_refunded = charge.amount;
            Ok(())
        })
    }

    /// Replaces metadata or any member of the rendered charge.
    pub(super) fn update(
        &mut self,
        id: &str,
        metadata: Option<String>,
        patch: Option<Patch>,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        self.change_charge(id, moment, "charge.updated", |charge| {
            if let Some(metadata) = metadata {
                charge.metadata = Some(metadata);
            }
            charge.patch = match (charge.patch.take(), patch) {
                (Some(old), Some(new)) => Some(old.then(new)),
                (old, new) => new.or(old),
            };
            Ok(())
        })
    }

    fn change_charge(
        &mut self,
        id: &str,
        moment: &Moment,
        event: &'static str,
        change: impl FnOnce(&mut Charge) -> Result<(), ChangeError>,
    ) -> Result<u64, ChangeError> {
        let before = self.charge_to_change(id)?;
        let mut after = before.clone();
        change(&mut after)?;
        let serial = after.key.serial;
        let previous = previous_attributes(&before, &after);
        self.charges.objects.insert(serial, after);
        self.write_event(moment, event, Kind::Charges, serial, Some(&previous));
        Ok(serial)
    }

    /// The charge with this id, to be changed and put back.
    pub(super) fn charge_to_change(&self, id: &str) -> Result<Charge, ChangeError> {
        let charge = self.charge_by_id(id).ok_or_else(|| ChangeError::Missing("charge", id.to_owned()))?;
        Ok(charge.into_owned())
    }

    /// Brings a charge's refunded amount up to date with its refunds. Writes `charge.refunded` when it grew;
    /// Stripe says nothing about the charge when a refund falls through.
    pub(super) fn settle_refunds(&mut self, charge: u64, moment: &Moment) {
        let refunded =
            self.refunds_of(charge).filter(|refund| refund.counts()).map(|refund| refund.amount).sum();
        let Some(before) = self.charge(charge).map(|charge| charge.into_owned()) else { return };
        let mut after = before.clone();
        after.amount_refunded = refunded;
        let previous = previous_attributes(&before, &after);
        self.charges.objects.insert(charge, after);
        if refunded > before.amount_refunded {
            self.write_event(moment, "charge.refunded", Kind::Charges, charge, Some(&previous));
        }
    }

    /// Writes an event about an object as it is now.
    pub(super) fn write_event(
        &mut self,
        moment: &Moment,
        event: &'static str,
        kind: Kind,
        serial: u64,
        previous: Option<&str>,
    ) {
        let mut object = Vec::new();
        self.render(kind, serial, &mut object);
        self.events.write(moment, event, &object, previous);
    }

    /// The id of an object of this kind.
    pub(super) fn id_text(&self, kind: Kind, serial: u64) -> String {
        let id_kind = match kind {
            Kind::Refunds => IdKind::Refund,
            Kind::Disputes => IdKind::Dispute,
            Kind::Charges | Kind::Events => IdKind::Charge,
        };
        self.renderer.ids.text(id_kind, serial)
    }
}

/// The old values of the members that differ, as a JSON object.
fn previous_attributes(before: &Charge, after: &Charge) -> String {
    let mut out = vec![b'{'];
    let mut number = |name: &str, old: i64, new: i64| {
        if old != new {
            member(&mut out, name, |out| push_int(out, old));
        }
    };
    number("amount_captured", before.amount_captured, after.amount_captured);
    number("amount_refunded", before.amount_refunded, after.amount_refunded);
    let mut flag = |name: &str, old: bool, new: bool| {
        if old != new {
            member(&mut out, name, |out| push_bool(out, old));
        }
    };
    flag("captured", before.captured, after.captured);
    flag("disputed", before.disputed, after.disputed);
    flag("paid", before.paid(), after.paid());
    flag("refunded", before.refunded(), after.refunded());
    if before.status != after.status {
        member(&mut out, "status", |out| push_string(out, before.status.as_str()));
    }
    if before.metadata != after.metadata {
        let old = before.metadata.as_deref().unwrap_or("{}");
        member(&mut out, "metadata", |out| out.extend_from_slice(old.as_bytes()));
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}

fn member(out: &mut Vec<u8>, name: &str, push_value: impl FnOnce(&mut Vec<u8>)) {
    if out.len() > 1 {
        out.push(b',');
    }
    push_string(out, name);
    out.push(b':');
    push_value(out);
}
