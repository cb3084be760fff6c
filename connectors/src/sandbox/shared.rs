//! What all connections of one sandbox share, and how it is locked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::auth::Settings;
use super::clock::Clock;
use super::faults::Faults;
use super::gcal::GoogleCalendar;
use super::hubspot::HubSpot;
use super::options::SandboxOptions;
use super::rate::RateLimit;
use super::requests::RequestLog;
use super::template::UnknownHole;
use super::world::World;

/// The state behind one listening socket. No lock is held across an await, and none while taking another but
/// `settings`.
#[derive(Debug)]
pub(super) struct Shared {
    pub seed: u64,
    pub clock: Clock,
    pub world: RwLock<World>,
    pub hubspot: HubSpot,
    pub gcal: GoogleCalendar,
    pub settings: RwLock<Settings>,
    pub rate: Mutex<RateLimit>,
    pub faults: Mutex<Faults>,
    pub log: Mutex<RequestLog>,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: SandboxOptions) -> Result<Self, UnknownHole> {
        Ok(Self {
            seed: options.seed,
            clock: Clock::default(),
            world: RwLock::new(World::new(&options)?),
            hubspot: HubSpot::new(&options),
            gcal: GoogleCalendar::new(&options),
            settings: RwLock::new(Settings {
                api_key: options.api_key,
                api_version: options.api_version,
                latency_ms: options.latency_ms,
                restricted_keys: Default::default(),
            }),
            rate: Mutex::new(RateLimit::new(options.rate_limit_per_sec)),
            faults: Mutex::default(),
            log: Mutex::default(),
            requests: AtomicU64::new(0),
        })
    }

    /// A number no other request got.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}

/// Locks, also after a panic elsewhere: a test that broke one request should see the others answered.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading, under the same rule as [`locked`].
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing, under the same rule as [`locked`].
pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
