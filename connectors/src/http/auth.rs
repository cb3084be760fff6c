//! What requests are authorised with: a fixed token, or one that is issued and expires.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

/// A token is renewed this long before it expires, so that none expires on its way.
const RENEWED_BEFORE: TimeDelta = TimeDelta::minutes(5);

/// The bearer token of a source's requests.
#[derive(Debug, Clone)]
pub enum Auth {
    /// One that the operator gave.
    Fixed(SecretString),
    /// One that is asked for and kept until it expires.
    Issued(Arc<IssuedTokens>),
}

/// Asks for tokens.
#[async_trait]
pub trait TokenIssuer: Send + Sync + std::fmt::Debug {
    /// Asks for a new token.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    async fn issue(&self, client: &reqwest::Client, now: DateTime<Utc>) -> Result<Token, IssueError>;
}

/// A token and its end.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub secret: SecretString,
    /// When it is no longer accepted.
    pub expires_at: DateTime<Utc>,
}

/// Why no token was issued. Messages hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueError {
    /// The credentials are wrong: the operator has to act.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The issuer's words.
        message: String,
    },
    /// The issuer could not answer, or not in a way that can be read.
    Unavailable(String),
}

/// Keeps the issued token. However many ask at once, one new token is asked for.
#[derive(Debug)]
pub struct IssuedTokens {
    issuer: Box<dyn TokenIssuer>,
    /// Held while a token is being asked for: whoever comes meanwhile waits for that one.
    current: Mutex<Option<Token>>,
}

impl IssuedTokens {
    /// Keeps the tokens of an issuer.
    pub fn new(issuer: impl TokenIssuer + 'static) -> Self {
        Self { issuer: Box::new(issuer), current: Mutex::new(None) }
    }
}

impl Auth {
    /// A token that is good at `now`.
    pub(super) async fn token(
        &self,
        client: &reqwest::Client,
        now: DateTime<Utc>,
    ) -> Result<SecretString, IssueError> {
        let tokens = match self {
            Self::Fixed(secret) => return Ok(secret.clone()),
            Self::Issued(tokens) => tokens,
        };
        let mut current = tokens.current.lock().await;
        if let Some(token) = &*current
            && now + RENEWED_BEFORE < token.expires_at
        {
            return Ok(token.secret.clone());
        }
        let token = tokens.issuer.issue(client, now).await?;
        Ok(current.insert(token).secret.clone())
    }

    /// Forgets a token that was refused, unless another has taken its place. Returns whether a new one can be had.
    pub(super) async fn forget(&self, refused: &SecretString) -> bool {
        let Self::Issued(tokens) = self else { return false };
        let mut current = tokens.current.lock().await;
        if current.as_ref().is_some_and(|token| token.secret.expose_secret() == refused.expose_secret()) {
            *current = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl TokenIssuer for Counting {
        async fn issue(&self, _: &reqwest::Client, now: DateTime<Utc>) -> Result<Token, IssueError> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(Token { secret: format!("token-{number}").into(), expires_at: now + TimeDelta::hours(1) })
        }
    }

    #[tokio::test]
    async fn one_token_serves_all_until_it_expires_or_is_refused() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let issued = Arc::new(AtomicU32::new(0));
        let auth = Auth::Issued(Arc::new(IssuedTokens::new(Counting(Arc::clone(&issued)))));
        let client = reqwest::Client::new();
        let now = DateTime::UNIX_EPOCH;
        let ask = |at| {
            let (auth, client) = (auth.clone(), client.clone());
            async move { auth.token(&client, at).await.unwrap() }
        };
        let all = futures_util::future::join_all((0..20).map(|_| ask(now))).await;
        assert_eq!(issued.load(Ordering::Relaxed), 1);
        // All of them were refused: one new token takes its place.
        for refused in &all {
            assert!(auth.forget(refused).await);
        }
        futures_util::future::join_all((0..20).map(|_| ask(now + TimeDelta::minutes(54)))).await;
        assert_eq!(issued.load(Ordering::Relaxed), 2);
        assert!(auth.forget(&all[0]).await);
        ask(now + TimeDelta::minutes(54)).await;
        assert_eq!(
            issued.load(Ordering::Relaxed),
            2,
            "a late refusal of the old one says nothing of the new one"
        );
        ask(now + TimeDelta::minutes(54 + 56)).await;
        assert_eq!(issued.load(Ordering::Relaxed), 3);
        assert!(!format!("{auth:?}").contains("token-"));
    }
}
