//! How often a client may read: a bucket for each, of as many requests as a minute allows.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::auth::Caller;
use super::error::ApiError;

/// Clients that are told apart. Beyond, all that are new share one bucket, so that making up addresses fills no memory.
const MOST_CLIENTS: usize = 10_000;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// A key.
    Caller(Caller),
    /// Who has no key that is known.
    Address(Option<IpAddr>),
    /// All that come when there are too many to be told apart.
    Crowd,
}

/// The buckets; none where there is no limit.
pub(super) struct RateLimit(Option<RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>>);

impl RateLimit {
    pub(super) fn per_minute(requests: u32) -> Self {
        let quota = NonZeroU32::new(requests).map(Quota::per_minute);
        Self(quota.map(RateLimiter::hashmap))
    }

    /// Takes one request out of the client's bucket.
    pub(super) fn check(&self, client: Client) -> Result<(), ApiError> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let mut client = client.by_network();
        if buckets.len() >= MOST_CLIENTS {
            // Full buckets are as good as none.
            buckets.retain_recent();
            if buckets.len() >= MOST_CLIENTS {
                client = Client::Crowd;
            }
        }
        buckets
            .check_key(&client)
            .map_err(|until| ApiError::too_many_requests(until.wait_time_from(DefaultClock::default().now())))
    }
}

impl Client {
    /// Whoever has one address of IPv6 has all those of its network.
    fn by_network(self) -> Self {
        match self {
            Self::Address(Some(IpAddr::V6(address))) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Self::Address(Some(IpAddr::V6(network.into())))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Client {
        Client::Address(Some(text.parse().unwrap()))
    }

    #[test]
    fn each_client_has_its_own_bucket() {
        let limit = RateLimit::per_minute(2);
        for client in ["10.0.0.1", "10.0.0.2", "2001:db8::1"] {
            assert!(limit.check(address(client)).is_ok() && limit.check(address(client)).is_ok());
            assert!(limit.check(address(client)).is_err(), "{client}");
        }
        assert!(limit.check(address("2001:db8::2")).is_err(), "of the same network");
        assert!(limit.check(address("2001:db8:0:1::2")).is_ok());
        assert!(RateLimit::per_minute(0).check(address("10.0.0.1")).is_ok());
    }

    #[test]
    fn made_up_addresses_fill_no_memory() {
        let limit = RateLimit::per_minute(2);
        for n in 0..20_000_u32 {
            let refused = limit.check(Client::Address(Some(IpAddr::V4(n.into())))).is_err();
            assert!(!refused || n as usize >= MOST_CLIENTS, "{n}");
        }
        assert!(limit.0.as_ref().unwrap().len() <= MOST_CLIENTS + 1);
    }
}
