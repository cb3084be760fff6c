//! The account as it stands: the generated history with the control interface's changes laid over it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::events::EventLog;
use super::generate::Generator;
use super::ids::{FIRST_CREATED_SERIAL, IdKind};
use super::model::{Charge, Dispute, Key, Refund};
use super::options::SandboxOptions;
use super::render::Renderer;
use super::template::UnknownHole;

/// The objects of one kind that differ from the generated history.
#[derive(Debug)]
pub(super) struct Overlay<T> {
    /// Changed or created, by serial.
    pub objects: HashMap<u64, T>,
    /// Those the generated history does not have, in listing order.
    pub created: BTreeSet<Key>,
    /// Serials of created objects by the serial of the charge they belong to.
    pub by_charge: HashMap<u64, Vec<u64>>,
}

impl<T> Default for Overlay<T> {
    fn default() -> Self {
        Self { objects: HashMap::new(), created: BTreeSet::new(), by_charge: HashMap::new() }
    }
}

impl<T> Overlay<T> {
    /// Adds an object made through the control interface.
    pub(super) fn create(&mut self, key: Key, charge: u64, object: T) {
        self.created.insert(key);
        self.by_charge.entry(charge).or_default().push(key.serial);
        self.objects.insert(key.serial, object);
    }
}

/// Everything the API answers from.
#[derive(Debug)]
pub(super) struct World {
    pub generator: Generator,
    pub renderer: Renderer,
    pub charges: Overlay<Charge>,
    pub refunds: Overlay<Refund>,
    pub disputes: Overlay<Dispute>,
    pub events: EventLog,
    next_serial: u64,
}

impl World {
    pub(super) fn new(options: &SandboxOptions) -> Result<Self, UnknownHole> {
        Ok(Self {
            generator: Generator::new(options),
            renderer: Renderer::new(options.seed)?,
            charges: Overlay::default(),
            refunds: Overlay::default(),
            disputes: Overlay::default(),
            events: EventLog::new(options.seed),
            next_serial: FIRST_CREATED_SERIAL,
        })
    }

    /// A serial no object has.
    pub(super) fn new_serial(&mut self) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        serial
    }

    fn generated(&self, serial: u64) -> bool {
        serial < self.generator.count
    }

    /// The charge with this serial, as it is now.
    pub(super) fn charge(&self, serial: u64) -> Option<Cow<'_, Charge>> {
        match self.charges.objects.get(&serial) {
            Some(charge) => Some(Cow::Borrowed(charge)),
            None => self.generated(serial).then(|| Cow::Owned(self.generator.charge(serial))),
        }
    }

    /// The refund with this serial, as it is now.
    pub(super) fn refund(&self, serial: u64) -> Option<Cow<'_, Refund>> {
        match self.refunds.objects.get(&serial) {
            Some(refund) => Some(Cow::Borrowed(refund)),
            None if self.generated(serial) => self.generator.refund(serial).map(Cow::Owned),
            None => None,
        }
    }

    /// The dispute with this serial, as it is now.
    pub(super) fn dispute(&self, serial: u64) -> Option<Cow<'_, Dispute>> {
        match self.disputes.objects.get(&serial) {
            Some(dispute) => Some(Cow::Borrowed(dispute)),
            None if self.generated(serial) => self.generator.dispute(serial).map(Cow::Owned),
            None => None,
        }
    }

    /// The charge an id belongs to.
    pub(super) fn charge_by_id(&self, id: &str) -> Option<Cow<'_, Charge>> {
        self.charge(self.renderer.ids.parse(IdKind::Charge, id)?)
    }

    /// The refund an id belongs to.
    pub(super) fn refund_by_id(&self, id: &str) -> Option<Cow<'_, Refund>> {
        self.refund(self.renderer.ids.parse(IdKind::Refund, id)?)
    }

    /// The dispute an id belongs to.
    pub(super) fn dispute_by_id(&self, id: &str) -> Option<Cow<'_, Dispute>> {
        self.dispute(self.renderer.ids.parse(IdKind::Dispute, id)?)
    }

    /// All refunds of a charge. A generated one shares the charge's serial; no other object does.
    pub(super) fn refunds_of(&self, charge: u64) -> impl Iterator<Item = Cow<'_, Refund>> {
        let created = self.refunds.by_charge.get(&charge).into_iter().flatten();
        std::iter::once(charge).chain(created.copied()).filter_map(|serial| self.refund(serial))
    }

    /// Every charge in serial order, for sums over the whole account.
    pub(super) fn all_charges(&self) -> impl Iterator<Item = Cow<'_, Charge>> {
        self.serials(&self.charges.created).filter_map(|serial| self.charge(serial))
    }

    /// Every refund in serial order.
    pub(super) fn all_refunds(&self) -> impl Iterator<Item = Cow<'_, Refund>> {
        self.serials(&self.refunds.created).filter_map(|serial| self.refund(serial))
    }

    /// Every dispute in serial order.
    pub(super) fn all_disputes(&self) -> impl Iterator<Item = Cow<'_, Dispute>> {
        self.serials(&self.disputes.created).filter_map(|serial| self.dispute(serial))
    }

    fn serials<'a>(&self, created: &'a BTreeSet<Key>) -> impl Iterator<Item = u64> + use<'a> {
        (0..self.generator.count).chain(created.iter().map(|key| key.serial))
    }
}
