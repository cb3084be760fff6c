//! How often a client may read: a bucket for each, of as many requests as a minute allows.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use super::auth::Caller;
use super::error::ApiError;

/// Addresses that are told apart. Beyond, all that are new share one bucket, so that making up addresses fills no memory.
const MOST_ADDRESSES: usize = 10_000;

/// Who has no key that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stranger {
    Address(Option<IpAddr>),
    /// All that come when there are too many to be told apart.
    Crowd,
}

type Limiter<Client> = RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>;

/// The buckets; none where there is no limit.
pub(super) struct RateLimit(Option<Buckets>);

/// Keys are as many as are configured. They have buckets apart from strangers, whose number nobody decides, so that a
/// crowd of those takes nothing from whoever has a key.
struct Buckets {
    callers: Limiter<Caller>,
    strangers: Limiter<Stranger>,
}

impl RateLimit {
    pub(super) fn per_minute(requests: u32) -> Self {
        Self(NonZeroU32::new(requests).map(|requests| {
            let quota = Quota::per_minute(requests);
            Buckets { callers: RateLimiter::hashmap(quota), strangers: RateLimiter::hashmap(quota) }
        }))
    }

    /// Takes one request out of the bucket of a key.
    pub(super) fn check_caller(&self, caller: &Caller) -> Result<(), ApiError> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        buckets.callers.check_key(caller).map_err(|until| refusal(&until))
    }

    /// Takes one request out of the bucket of an address.
    pub(super) fn check_address(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let Some(Buckets { strangers, .. }) = &self.0 else { return Ok(()) };
        let mut stranger = Stranger::Address(address.map(network));
        if strangers.len() >= MOST_ADDRESSES {
            // Full buckets are as good as none.
            strangers.retain_recent();
            if strangers.len() >= MOST_ADDRESSES {
                stranger = Stranger::Crowd;
            }
        }
        strangers.check_key(&stranger).map_err(|until| refusal(&until))
    }
}

type Until = NotUntil<<DefaultClock as Clock>::Instant>;

fn refusal(until: &Until) -> ApiError {
    ApiError::too_many_requests(until.wait_time_from(DefaultClock::default().now()))
}

/// Whoever has one address of IPv6 has all those of its network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::Role;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_client_has_its_own_bucket() {
        let limit = RateLimit::per_minute(2);
        for client in ["10.0.0.1", "10.0.0.2", "2001:db8::1"] {
            assert!(
                limit.check_address(address(client)).is_ok() && limit.check_address(address(client)).is_ok()
            );
            assert!(limit.check_address(address(client)).is_err(), "{client}");
        }
        assert!(limit.check_address(address("2001:db8::2")).is_err(), "of the same network");
        assert!(limit.check_address(address("2001:db8:0:1::2")).is_ok());
        assert!(RateLimit::per_minute(0).check_address(address("10.0.0.1")).is_ok());
    }

    #[test]
    fn made_up_addresses_fill_no_memory_and_take_nothing_from_keys() {
        let limit = RateLimit::per_minute(2);
        for n in 0..20_000_u32 {
            let refused = limit.check_address(Some(IpAddr::V4(n.into()))).is_err();
            assert!(!refused || n as usize >= MOST_ADDRESSES, "{n}");
        }
        assert!(limit.0.as_ref().unwrap().strangers.len() <= MOST_ADDRESSES + 1);
        for label in ["dash", "grafana"] {
            let caller = Caller { role: Role::Reader, label: label.to_owned() };
            assert!(limit.check_caller(&caller).is_ok() && limit.check_caller(&caller).is_ok());
            assert!(limit.check_caller(&caller).is_err(), "{label}");
        }
    }
}
