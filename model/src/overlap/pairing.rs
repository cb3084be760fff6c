//! Which of many payments of the same amount belong together: each in one pair at most, the best pairs first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Overlap, PaymentKey, Sale};
use crate::Source;

/// Makes pairs of payments.
#[derive(Debug, Clone)]
pub struct Pairing {
    most_apart: TimeDelta,
    distinct: HashSet<[PaymentKey; 2]>,
}

/// Payments that have no partner yet, by source and in the order of time.
type Free<'a> = BTreeMap<&'a Source, BTreeSet<usize>>;

impl Pairing {
    /// Pairs are at most that far apart, and none of these, each in the order of its keys.
    #[must_use]
    pub fn new(most_apart: TimeDelta, distinct: HashSet<[PaymentKey; 2]>) -> Self {
        Self { most_apart, distinct }
    }

    /// The pairs among payments that all have the same currency and amount. Those with the same e-mail address come first,
    /// then those with the same customer, then what is nearest in time: so five equal sales of a day are five pairs and
    /// not twenty-five. The result depends on nothing but the payments.
    #[must_use]
    pub fn pairs(&self, mut sales: Vec<Sale>) -> Vec<Overlap> {
        sales.sort_unstable_by(|a, b| (a.occurred_at, &a.key).cmp(&(b.occurred_at, &b.key)));
        let mut single: BTreeSet<usize> = (0..sales.len()).collect();
        let mut pairs = Vec::new();
        let known: [fn(&Sale) -> Option<&String>; 2] =
            [|sale| sale.customer_email.as_ref(), |sale| sale.customer_external_id.as_ref()];
        for feature in known {
            let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for &at in &single {
                if let Some(value) = feature(&sales[at]) {
                    groups.entry(value).or_default().push(at);
                }
            }
            for group in groups.into_values() {
                self.pair_nearest(&sales, &group, &mut single, &mut pairs);
            }
        }
        let left: Vec<usize> = single.iter().copied().collect();
        self.pair_nearest(&sales, &left, &mut single, &mut pairs);
        self.overlaps(&sales, &pairs)
    }

    /// Makes pairs of `group` alone, which is in the order of time, from the nearest on.
    ///
    /// Each payment waits in the queue with the nearest free one after it. Where that is taken meanwhile, it looks again; the
    /// one that it finds is farther away, so it comes up later.
    fn pair_nearest(
        &self,
        sales: &[Sale],
        group: &[usize],
        single: &mut BTreeSet<usize>,
        pairs: &mut Vec<(usize, usize)>,
    ) {
        let mut free = Free::new();
        for &at in group {
            free.entry(&sales[at].key.source).or_default().insert(at);
        }
        let mut queue: BinaryHeap<_> =
            group.iter().filter_map(|&at| self.nearest_after(sales, at, &free)).map(Reverse).collect();
        while let Some(Reverse((_, first, second))) = queue.pop() {
            let is_free = |at: usize| free[&sales[at].key.source].contains(&at);
            match (is_free(first), is_free(second)) {
                (false, _) => {}
                (true, false) => queue.extend(self.nearest_after(sales, first, &free).map(Reverse)),
                (true, true) => {
                    pairs.push((first, second));
                    for taken in [first, second] {
                        single.remove(&taken);
                        if let Some(of_source) = free.get_mut(&sales[taken].key.source) {
                            of_source.remove(&taken);
                        }
                    }
                }
            }
        }
    }

    /// The free payment of another source that follows the one at `first` next, with the time between them.
    fn nearest_after(
        &self,
        sales: &[Sale],
        first: usize,
        free: &Free<'_>,
    ) -> Option<(TimeDelta, usize, usize)> {
        let sale = &sales[first];
        let apart = |at: usize| sales[at].occurred_at - sale.occurred_at;
        let others = free.iter().filter(|(source, _)| **source != &sale.key.source);
        let nearest = others.filter_map(|(_, of_source)| {
            of_source
                .range(first + 1..)
                .copied()
                .take_while(|at| apart(*at) <= self.most_apart)
                .find(|at| !self.distinct.contains(&in_order(&sale.key, &sales[*at].key)))
        });
        nearest.min().map(|second| (apart(second), first, second))
    }

    fn overlaps(&self, sales: &[Sale], pairs: &[(usize, usize)]) -> Vec<Overlap> {
        let mut times: BTreeMap<&Source, Vec<DateTime<Utc>>> = BTreeMap::new();
        for sale in sales {
            times.entry(&sale.key.source).or_default().push(sale.occurred_at);
        }
        let near = |sale: &Sale, source: &Source| {
            let times = &times[source];
            let ends = times.partition_point(|at| *at <= sale.occurred_at + self.most_apart);
            ends - times.partition_point(|at| *at < sale.occurred_at - self.most_apart)
        };
        let overlap = |&(first, second): &(usize, usize)| {
            let (first, second) = (&sales[first], &sales[second]);
            let fitting = near(first, &second.key.source).max(near(second, &first.key.source));
            let mut payments = [first.clone(), second.clone()];
            payments.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            Overlap { payments, fitting }
        };
        pairs.iter().map(overlap).collect()
    }
}

fn in_order(one: &PaymentKey, other: &PaymentKey) -> [PaymentKey; 2] {
    let mut keys = [one.clone(), other.clone()];
    keys.sort_unstable();
    keys
}

#[cfg(test)]
#[path = "pairing_tests.rs"]
mod tests;
