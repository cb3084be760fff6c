//! Pages: finds the objects a list request asks for and renders them.

use std::collections::BTreeSet;
use std::iter::Peekable;

use super::errors::ApiError;
use super::events::EventKey;
use super::generate::{DISPUTE_DELAY_S, REFUND_DELAY_S};
use super::ids::IdKind;
use super::model::{Customer, Key};
use super::query::{Cursor, Kind, ListQuery};
use super::render::parse_customer;
use super::world::World;

/// What a page is cut from: keys between two bounds, both exclusive, and which end it starts at.
struct Window<K> {
    after: Option<K>,
    before: Option<K>,
}

impl World {
    /// The answer to a list request at time `now`.
    pub(super) fn list(&self, kind: Kind, query: &ListQuery, now: i64) -> Result<Vec<u8>, ApiError> {
        if kind == Kind::Events {
            return self.list_events(query, now);
        }
        let window = window(query, |id| self.key_of(kind, id), kind)?;
        let Some(charge) = self.wanted_charge(query)? else {
            return Ok(answer(kind, false, &[], |_, _: &Key| {}));
        };
        let wanted = self.wanted_keys(kind, query, &window, charge);
        let page = Page::cut(wanted, query.limit, window.before.is_some());
        Ok(answer(kind, page.has_more, &page.keys, |out, key| self.render(kind, key.serial, out)))
    }

    fn list_events(&self, query: &ListQuery, now: i64) -> Result<Vec<u8>, ApiError> {
        let window = window(query, |id| Some(self.events.find(id, now)?.0), Kind::Events)?;
        let wanted = self.events.between(query.created.0, query.created.1, now).filter(|(key, event)| {
            let inside = window.after.is_none_or(|after| *key < after)
                && window.before.is_none_or(|before| *key > before);
            inside && query.wants_type(event.kind)
        });
        let backwards = window.before.is_some();
        let wanted: Box<dyn Iterator<Item = (EventKey, _)>> =
            if backwards { Box::new(wanted) } else { Box::new(wanted.rev()) };
        let page = Page::cut(wanted, query.limit, backwards);
        Ok(answer(Kind::Events, page.has_more, &page.keys, |out, (_, event)| {
            out.extend_from_slice(&event.json);
        }))
    }

    /// Appends the object with this serial, if there is one.
    pub(super) fn render(&self, kind: Kind, serial: u64, out: &mut Vec<u8>) {
        match kind {
            Kind::Charges => self.charge(serial).map(|charge| self.renderer.charge(out, &charge)),
            Kind::Refunds => self.refund(serial).map(|refund| self.renderer.refund(out, &refund)),
            Kind::Disputes => self.dispute(serial).map(|dispute| self.renderer.dispute(out, &dispute)),
            Kind::Events => None,
        };
    }

    /// Where the object with this id stands in the listing of its kind.
    pub(super) fn key_of(&self, kind: Kind, id: &str) -> Option<Key> {
        match kind {
            Kind::Charges => self.charge_by_id(id).map(|charge| charge.key),
            Kind::Refunds => self.refund_by_id(id).map(|refund| refund.key),
            Kind::Disputes => self.dispute_by_id(id).map(|dispute| dispute.key),
            Kind::Events => None,
        }
    }

    /// The only charge the filters allow: `Some(None)` for any, `None` when two filters contradict each
    /// other.
    fn wanted_charge(&self, query: &ListQuery) -> Result<Option<Option<u64>>, ApiError> {
        let find = |kind, id: &Option<String>, object, param| match id {
            None => Ok(None),
            Some(id) => {
                match self.renderer.ids.parse(kind, id).filter(|serial| self.charge(*serial).is_some()) {
                    Some(serial) => Ok(Some(serial)),
                    None => Err(ApiError::missing(400, object, id, param)),
                }
            }
        };
        let charge = find(IdKind::Charge, &query.charge, "charge", "charge")?;
        let intent = find(IdKind::PaymentIntent, &query.payment_intent, "payment_intent", "payment_intent")?;
        Ok(match (charge, intent) {
            (Some(charge), Some(intent)) if charge != intent => None,
            (charge, intent) => Some(charge.or(intent)),
        })
    }

    /// The keys inside the window that pass the filters, starting at the end the page is cut from.
    fn wanted_keys<'a>(
        &'a self,
        kind: Kind,
        query: &ListQuery,
        window: &Window<Key>,
        charge: Option<u64>,
    ) -> Box<dyn Iterator<Item = Key> + 'a> {
        let low = Key { created: query.created.0, serial: 0 };
        let low = window.before.map_or(low, |before| low.max(Key { serial: before.serial + 1, ..before }));
        // The bound above is exclusive. No serial reaches the maximum.
        let high = Key { created: query.created.1, serial: u64::MAX };
        let high = window.after.map_or(high, |after| high.min(after));

        let customer = query.customer.as_deref().map(parse_customer);
        let generated = self.generated_keys(kind, low, high, charge, customer.clone());
        let passes = move |key: &Key| match kind {
            Kind::Charges => {
                charge.is_none_or(|charge| key.serial == charge)
                    && customer.as_ref().is_none_or(|customer| {
                        self.charge(key.serial).is_some_and(|charge| charge.customer == *customer)
                    })
            }
            Kind::Refunds => charge
                .is_none_or(|charge| self.refund(key.serial).is_some_and(|refund| refund.charge == charge)),
            Kind::Disputes => charge.is_none_or(|charge| {
                self.dispute(key.serial).is_some_and(|dispute| dispute.charge == charge)
            }),
            Kind::Events => false,
        };
        let created: &BTreeSet<Key> = match kind {
            Kind::Charges => &self.charges.created,
            Kind::Refunds => &self.refunds.created,
            _ => &self.disputes.created,
        };
        let created =
            (low < high).then(|| created.range(low..high)).into_iter().flatten().copied().filter(passes);
        if window.before.is_some() {
            Box::new(Merge { left: generated.peekable(), right: created.peekable(), newest_first: false })
        } else {
            Box::new(Merge {
                left: generated.rev().peekable(),
                right: created.rev().peekable(),
                newest_first: true,
            })
        }
    }

    /// The keys of the generated history from `low` up to, but without, `high`.
    fn generated_keys<'a>(
        &'a self,
        kind: Kind,
        low: Key,
        high: Key,
        charge: Option<u64>,
        customer: Option<Customer>,
    ) -> impl DoubleEndedIterator<Item = Key> + 'a {
        let generator = &self.generator;
        let delay = match kind {
            Kind::Refunds => REFUND_DELAY_S,
            Kind::Disputes => DISPUTE_DELAY_S,
            _ => 0,
        };
        // Creation times never fall as serials grow, so each bound on keys is one on serials: within the
        // bound's second the serials decide, and a bound made through the control interface lies above all
        // generated serials there.
        let position = |key: Key| {
            let from = generator.first_since(key.created.saturating_sub(delay));
            let to = generator.first_since(key.created.saturating_sub(delay).saturating_add(1));
            key.serial.clamp(from, to)
        };
        let (mut from, mut to) = (position(low), position(high));
        if let Some(charge) = charge {
            (from, to) = (from.max(charge), to.min(charge + 1));
        }
        (from..to.max(from)).filter_map(move |serial| {
            let created = match kind {
                Kind::Charges => {
                    let right =
                        customer.as_ref().is_none_or(|customer| generator.customer(serial) == *customer);
                    right.then(|| generator.created(serial))
                }
                Kind::Refunds => generator.refund(serial).map(|refund| refund.key.created),
                _ => generator.dispute(serial).map(|dispute| dispute.key.created),
            };
            created.map(|created| Key { created, serial })
        })
    }
}

/// The bounds a request's cursor sets.
fn window<K>(query: &ListQuery, find: impl Fn(&str) -> Option<K>, kind: Kind) -> Result<Window<K>, ApiError> {
    let found = |id: &str, param| find(id).ok_or_else(|| ApiError::missing(400, kind.object(), id, param));
    Ok(match &query.cursor {
        None => Window { after: None, before: None },
        Some(Cursor::After(id)) => Window { after: Some(found(id, "starting_after")?), before: None },
        Some(Cursor::Before(id)) => Window { after: None, before: Some(found(id, "ending_before")?) },
    })
}

/// A page, newest first.
struct Page<K> {
    keys: Vec<K>,
    has_more: bool,
}

impl<K> Page<K> {
    /// Takes one object more than asked for, to know whether there are more.
    fn cut(wanted: impl Iterator<Item = K>, limit: usize, oldest_first: bool) -> Self {
        let mut keys: Vec<K> = wanted.take(limit + 1).collect();
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        if oldest_first {
            keys.reverse();
        }
        Self { keys, has_more }
    }
}

/// Two ordered sequences as one.
struct Merge<L: Iterator, R: Iterator> {
    left: Peekable<L>,
    right: Peekable<R>,
    newest_first: bool,
}

impl<L: Iterator<Item = Key>, R: Iterator<Item = Key>> Iterator for Merge<L, R> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        match (self.left.peek(), self.right.peek()) {
            (Some(left), Some(right)) if (left > right) == self.newest_first => self.left.next(),
            (_, Some(_)) => self.right.next(),
            _ => self.left.next(),
        }
    }
}

fn answer<K>(kind: Kind, has_more: bool, keys: &[K], render: impl Fn(&mut Vec<u8>, &K)) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + keys.len() * 3_072);
    out.extend_from_slice(b"{\"object\":\"list\",\"url\":\"");
    out.extend_from_slice(kind.url().as_bytes());
    out.extend_from_slice(if has_more { b"\",\"has_more\":true" } else { b"\",\"has_more\":false" });
    out.extend_from_slice(b",\"data\":[");
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        render(&mut out, key);
    }
    out.extend_from_slice(b"]}");
    out
}
