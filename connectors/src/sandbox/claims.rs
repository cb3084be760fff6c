//! What happens to the money afterwards: refunds and disputes, and the events Stripe writes about them.

use std::borrow::Cow;

use super::changes::ChangeError;
use super::events::Moment;
use super::json::push_string;
use super::model::{Dispute, Key, Refund};
use super::patch::Patch;
use super::query::Kind;
use super::world::World;

/// A refund or a dispute to open.
#[derive(Debug)]
pub(super) struct NewClaim {
    /// All that is left, if not given.
    pub amount: Option<i64>,
    pub status: Option<String>,
    pub patch: Option<Patch>,
}

impl NewClaim {
    fn status(&mut self, default: &'static str) -> Cow<'static, str> {
        self.status.take().map_or(Cow::Borrowed(default), Cow::Owned)
    }
}

impl World {
    /// Refunds a charge; returns the refund's serial.
    pub(super) fn refund_charge(
        &mut self,
        id: &str,
        mut new: NewClaim,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        let charge = self.charge_to_change(id)?;
        // An authorisation can be given up as a whole: Stripe calls that a refund, though no money comes back.
        let release = !charge.captured;
        let held = if release { charge.amount } else { charge.amount_captured };
        let left = held - charge.amount_refunded;
        let amount = new.amount.unwrap_or(left);
        if amount < 1 || amount > left || (release && amount < left) {
            return Err(ChangeError::refused(format!(
                "the refund must be between 1 and what is left, {left}"
            )));
        }
        let serial = self.new_serial();
        let key = Key { created: moment.at, serial };
        let refund = Refund {
            key,
            charge: charge.key.serial,
            amount,
            release,
            currency: charge.currency,
            status: new.status("succeeded"),
            customer: charge.customer,
            patch: new.patch,
        };
        let failed = refund.status == "failed";
        self.refunds.create(key, refund.charge, refund);
        self.write_event(moment, "refund.created", Kind::Refunds, serial, None);
        if failed {
            self.write_event(moment, "refund.failed", Kind::Refunds, serial, None);
        }
        self.settle_refunds(charge.key.serial, moment);
        Ok(serial)
    }

    /// Moves a refund to another status; a succeeded refund can still fail.
    pub(super) fn set_refund_status(
        &mut self,
        id: &str,
        status: String,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        let Some(refund) = self.refund_by_id(id) else {
            return Err(ChangeError::Missing("refund", id.to_owned()));
        };
        let mut refund = refund.into_owned();
        let previous = previous_status(&refund.status);
        let (serial, charge) = (refund.key.serial, refund.charge);
        refund.status = Cow::Owned(status);
        let failed = refund.status == "failed";
        self.refunds.objects.insert(serial, refund);
        for event in ["charge.refund.updated", "refund.updated"] {
            self.write_event(moment, event, Kind::Refunds, serial, Some(&previous));
        }
        if failed {
            self.write_event(moment, "refund.failed", Kind::Refunds, serial, Some(&previous));
        }
        self.settle_refunds(charge, moment);
        Ok(serial)
    }

    /// Opens a dispute over a charge; returns the dispute's serial.
    pub(super) fn dispute_charge(
        &mut self,
        id: &str,
        mut new: NewClaim,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        let mut charge = self.charge_to_change(id)?;
        if !charge.collected() {
            return Err(ChangeError::refused("only a collected charge can be disputed"));
        }
        let amount = new.amount.unwrap_or(charge.amount_captured);
        if amount < 1 {
            return Err(ChangeError::refused("the disputed amount must be at least 1"));
        }
        let serial = self.new_serial();
        let key = Key { created: moment.at, serial };
        let dispute = Dispute {
            key,
            charge: charge.key.serial,
            amount,
            currency: charge.currency,
            status: new.status("needs_response"),
            patch: new.patch,
        };
        let (inquiry, closed) = (dispute.inquiry(), dispute.closed());
        self.disputes.create(key, dispute.charge, dispute);
        charge.disputed = true;
        self.charges.objects.insert(charge.key.serial, charge);
        self.write_event(moment, "charge.dispute.created", Kind::Disputes, serial, None);
        if !inquiry {
            self.write_event(moment, "charge.dispute.funds_withdrawn", Kind::Disputes, serial, None);
        }
        if closed {
            self.write_event(moment, "charge.dispute.closed", Kind::Disputes, serial, None);
        }
        Ok(serial)
    }

    /// Moves a dispute to another status.
    pub(super) fn set_dispute_status(
        &mut self,
        id: &str,
        status: String,
        moment: &Moment,
    ) -> Result<u64, ChangeError> {
        let Some(dispute) = self.dispute_by_id(id) else {
            return Err(ChangeError::Missing("dispute", id.to_owned()));
        };
        let mut dispute = dispute.into_owned();
        let previous = previous_status(&dispute.status);
        let was_inquiry = dispute.inquiry();
        let serial = dispute.key.serial;
        dispute.status = Cow::Owned(status);
        let mut events =
            vec![if dispute.closed() { "charge.dispute.closed" } else { "charge.dispute.updated" }];
        if was_inquiry && !dispute.inquiry() {
            events.push("charge.dispute.funds_withdrawn");
        }
        if dispute.status == "won" {
            events.push("charge.dispute.funds_reinstated");
        }
        self.disputes.objects.insert(serial, dispute);
        for event in events {
            self.write_event(moment, event, Kind::Disputes, serial, Some(&previous));
        }
        Ok(serial)
    }
}

fn previous_status(status: &str) -> String {
    let mut out = b"{\"status\":".to_vec();
    push_string(&mut out, status);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
