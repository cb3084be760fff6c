//! Google's push channels, one for each calendar. They last a week at most.
//! <https://developers.google.com/workspace/calendar/api/guides/push>

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use buffalo_model::PushChannel;
use ring::digest::{Context, SHA256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::api::CalendarApi;
use super::config::CalendarConfig;
use crate::connector::SourceError;
use crate::push::{OpenedChannel, PushChannels};

/// How long a channel is asked for, in seconds; Google may grant less, and says so.
const LASTS_S: &str = "604800";

/// Opens and closes channels.
#[derive(Debug)]
pub(super) struct CalendarChannels {
    api: CalendarApi,
    config: Arc<CalendarConfig>,
    token: SecretString,
}

impl CalendarChannels {
    pub(super) fn new(api: CalendarApi, config: Arc<CalendarConfig>, token: SecretString) -> Self {
        Self { api, config, token }
    }
}

#[async_trait]
impl PushChannels for CalendarChannels {
    fn subjects(&self) -> &[String] {
        &self.config.calendars
    }

    fn terms(&self, address: &str) -> String {
        let mut digest = Context::new(&SHA256);
        digest.update(address.as_bytes());
        // In no address, so where the token begins is certain.
        digest.update(b"\0");
        digest.update(self.token.expose_secret().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(digest.finish())
    }

    async fn open(&self, calendar: &str, id: &str, address: &str) -> Result<OpenedChannel, SourceError> {
        let channel = json!({
            "id": id, "type": "web_hook", "address": address, "token": self.token.expose_secret(),
            "params": {"ttl": LASTS_S},
        });
        self.api.watch(calendar, &channel).await
    }

    async fn close(&self, channel: &PushChannel) -> Result<(), SourceError> {
        match self.api.stop(&channel.id, &channel.resource).await {
            Err(SourceError::Refused { status: 404, .. }) => Ok(()),
            answer => answer,
        }
    }
}
