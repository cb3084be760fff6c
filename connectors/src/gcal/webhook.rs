//! Google's push notifications: headers that say that a calendar has changed, and no body.
//!
//! Google drops some of them, so they only hasten what polling finds in any case. What shows that one is Google's is the
//! token that we gave with the channel (`channels`).
//! <https://developers.google.com/workspace/calendar/api/guides/push>

use buffalo_model::{Entity, Identity};
use chrono::{DateTime, TimeDelta, Utc};

use crate::webhook::{Hint, News, Post, PostError, Receipt, Tokens, Webhook};

const TOKEN: &str = "x-goog-channel-token";
const STATE: &str = "x-goog-resource-state";

/// What is asked for by a sync token shows every change at once.
const HINT: Hint = Hint { entity: Entity::Events, lag: TimeDelta::zero(), objects: Vec::new() };

/// Reads what Google posts.
#[derive(Debug)]
pub(super) struct CalendarWebhook {
    tokens: Tokens,
}

impl CalendarWebhook {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens }
    }
}

impl Webhook for CalendarWebhook {
    fn read(&self, post: &Post<'_>, _now: DateTime<Utc>) -> Result<Receipt, PostError> {
        if !self.tokens.contain(post.header(TOKEN)?) {
            let what = "the header X-Goog-Channel-Token does not hold GCAL_WEBHOOK_TOKEN";
            return Err(PostError::InvalidSignature(what));
        }
        let state = post.headers.get(STATE).and_then(|state| state.to_str().ok());
        let state = state.ok_or_else(|| PostError::Unreadable("no X-Goog-Resource-State".to_owned()))?;
        // `sync` says that a channel was opened.
        let news = if state == "sync" { News::Nothing } else { News::Hints(vec![HINT]) };
        Ok(Receipt { kind: state.to_owned(), news, identity: Identity::unknown() })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::settings::Settings;

    fn post(token: Option<&'static str>, state: Option<&'static str>) -> Result<Receipt, PostError> {
        let mut settings = Settings::new([("T".to_owned(), "new-token,old-token".to_owned())]);
        let webhook = CalendarWebhook::new(Tokens::from_settings(&mut settings, "T").unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in [(TOKEN, token), (STATE, state)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        let post = Post { method: "POST", target: "/webhooks/gcal", headers: &headers, body: b"" };
        webhook.read(&post, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_push_with_our_token_is_a_hint() {
        for token in ["new-token", "old-token"] {
            let receipt = post(Some(token), Some("exists")).unwrap();
            assert_eq!(
                receipt,
                Receipt {
                    kind: "exists".to_owned(),
                    news: News::Hints(vec![HINT]),
                    identity: Identity::unknown()
                }
            );
        }
        assert_eq!(post(Some("new-token"), Some("sync")).unwrap().news, News::Nothing);
    }

    #[test]
    fn any_other_is_refused() {
        assert!(matches!(post(None, Some("exists")), Err(PostError::MissingSignature(TOKEN))));
        for token in ["", "new", "new-token,old-token"] {
            assert!(
                matches!(post(Some(token), Some("exists")), Err(PostError::InvalidSignature(_))),
                "{token}"
            );
        }
        assert!(matches!(post(Some("new-token"), None), Err(PostError::Unreadable(_))));
    }
}
