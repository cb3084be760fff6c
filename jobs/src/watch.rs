//! Watching: push channels are opened, renewed before they expire, and closed.

use buffalo_connectors::{PushChannels, SourceError};
use buffalo_model::{Clock, PushChannel, Source, WatchDeed, WatchStep};
use buffalo_store::{Store, StoreError};
use chrono::TimeDelta;

use crate::persist::persist;

/// A channel that has no more than this to last is renewed. Whoever watches once a day never lets one expire.
const RENEW_BEFORE: TimeDelta = TimeDelta::days(1);

/// The channels of a source.
#[derive(Debug)]
pub struct Watch<'a> {
    /// Where they are remembered.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// The source.
    pub source: &'a Source,
    /// How they are opened and closed.
    pub channels: &'a dyn PushChannels,
}

impl Watch<'_> {
    /// Sees to it that each subject has one channel to this address that lasts for another day, and that no other is open.
    /// Those that are well are left alone. None while another process is doing it.
    ///
    /// A new channel is opened before the old one is closed: what comes twice does no harm.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like. What a vendor refuses is told in the steps.
    pub async fn watch(&self, address: &str) -> Result<Option<Vec<WatchStep>>, StoreError> {
        let Some(lock) = self.store.try_lock_push_channels(self.source).await? else { return Ok(None) };
        let steps = self.bring_about(address).await;
        lock.release().await;
        steps.map(Some)
    }

    /// The same for the address that channels were opened for last; nothing where none is open.
    ///
    /// # Errors
    ///
    /// As with [`Watch::watch`].
    pub async fn renew(&self) -> Result<Option<Vec<WatchStep>>, StoreError> {
        let known = self.store.push_channels(self.source).await?;
        match known.iter().max_by_key(|channel| channel.opened_at) {
            Some(newest) => self.watch(&newest.address).await,
            None => Ok(Some(Vec::new())),
        }
    }

    /// Closes all channels. None while another process is opening some.
    ///
    /// # Errors
    ///
    /// As with [`Watch::watch`].
    pub async fn stop(&self) -> Result<Option<Vec<WatchStep>>, StoreError> {
        let Some(lock) = self.store.try_lock_push_channels(self.source).await? else { return Ok(None) };
        let steps = match self.store.push_channels(self.source).await {
            Ok(known) => self.close(&known).await,
            Err(error) => Err(error),
        };
        lock.release().await;
        steps.map(Some)
    }

    async fn bring_about(&self, address: &str) -> Result<Vec<WatchStep>, StoreError> {
        let terms = self.channels.terms(address);
        let lasting = self.clock.now() + RENEW_BEFORE;
        let mut others = self.store.push_channels(self.source).await?;
        let mut steps = Vec::new();
        for subject in self.channels.subjects() {
            // The first is the one that expires last.
            let well = others.iter().position(|channel| {
                channel.subject == *subject && channel.terms == terms && channel.expires_at > lasting
            });
            let did = match well {
                Some(well) => WatchDeed::Kept { expires_at: others.remove(well).expires_at },
                None => match self.open(subject, address, &terms).await? {
                    Ok(channel) => WatchDeed::Opened { expires_at: channel.expires_at },
                    Err(error) => {
                        // What is open of it is better than nothing.
                        others.retain(|channel| channel.subject != *subject);
                        WatchDeed::Failed { error: error.to_string() }
                    }
                },
            };
            steps.push(WatchStep { subject: subject.clone(), did });
        }
        steps.extend(self.close(&others).await?);
        Ok(steps)
    }

    async fn open(
        &self,
        subject: &str,
        address: &str,
        terms: &str,
    ) -> Result<Result<PushChannel, SourceError>, StoreError> {
        let id = PushChannel::new_id();
        let opened = match self.channels.open(subject, &id, address).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let channel = PushChannel {
            id,
            subject: subject.to_owned(),
            resource: opened.resource,
            address: address.to_owned(),
            terms: terms.to_owned(),
            opened_at: self.clock.now(),
            expires_at: opened.expires_at,
        };
        persist(|| self.store.keep_push_channel(self.source, &channel)).await?;
        Ok(Ok(channel))
    }

    async fn close(&self, channels: &[PushChannel]) -> Result<Vec<WatchStep>, StoreError> {
        let mut steps = Vec::with_capacity(channels.len());
        for channel in channels {
            let did = match self.channels.close(channel).await {
                Ok(()) => {
                    persist(|| self.store.forget_push_channel(self.source, &channel.id)).await?;
                    WatchDeed::Closed
                }
                Err(error) => WatchDeed::Failed { error: error.to_string() },
            };
            steps.push(WatchStep { subject: channel.subject.clone(), did });
        }
        Ok(steps)
    }
}
