//! Access tokens from Google: for a service account by a signed assertion, for a person by a refresh token.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::http::{IssueError, Token, TokenIssuer};

/// Reading is all that is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/calendar.readonly";
/// The longest validity of an assertion that Google accepts.
const ASSERTION_VALID_S: i64 = 3_600;

/// What a token is asked for with.
#[derive(Debug)]
pub(super) enum Grant {
    ServiceAccount(Box<ServiceAccount>),
    Refresh { token: SecretString, client_id: String, client_secret: SecretString },
}

/// A service account and its key.
pub(super) struct ServiceAccount {
    email: String,
    key: RsaKeyPair,
    key_id: Option<String>,
    /// The person in whose name the account acts, where the domain has delegated that to it.
    subject: Option<String>,
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

impl ServiceAccount {
    /// Reads the private key, PEM of PKCS #8 as Google gives it out. Environments deliver it in quotes and with `\n` or
    /// `\r\n` in place of line ends.
    pub(super) fn new(
        email: String,
        private_key: &SecretString,
        key_id: Option<String>,
        subject: Option<String>,
    ) -> Result<Self, &'static str> {
        let pem = private_key
            .expose_secret()
            .trim()
            .trim_matches(['"', '\''])
            .replace("\\r", "")
            .replace("\\n", "\n");
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "is no PEM of a private key (-----BEGIN PRIVATE KEY-----)")?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der())
            .map_err(|_| "is no RSA key of 2048 bits or more")?;
        Ok(Self { email, key, key_id, subject })
    }

    /// A JWT that asserts that the account asks for a token at `now`.
    fn assertion(&self, audience: &str, now: DateTime<Utc>) -> Result<String, IssueError> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let issued_at = now.timestamp();
        let mut claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": audience, "iat": issued_at,
            "exp": issued_at + ASSERTION_VALID_S,
        });
        if let Some(subject) = &self.subject {
            claims["sub"] = json!(subject);
        }
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| IssueError::Unavailable("the assertion could not be signed".to_owned()))?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Asks Google's token endpoint.
#[derive(Debug)]
pub(super) struct GoogleTokens {
    pub(super) token_url: String,
    pub(super) grant: Grant,
}

#[async_trait]
impl TokenIssuer for GoogleTokens {
    async fn issue(&self, client: &reqwest::Client, now: DateTime<Utc>) -> Result<Token, IssueError> {
        #[derive(Deserialize)]
        struct Issued {
            access_token: String,
            expires_in: i64,
        }
        #[derive(Deserialize, Default)]
        struct Refusal {
            #[serde(default)]
            error: String,
            #[serde(default)]
            error_description: String,
        }
        let form: Vec<(&str, String)> = match &self.grant {
            Grant::ServiceAccount(account) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
                ("assertion", account.assertion(&self.token_url, now)?),
            ],
            Grant::Refresh { token, client_id, client_secret } => vec![
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", token.expose_secret().to_owned()),
                ("client_id", client_id.clone()),
                ("client_secret", client_secret.expose_secret().to_owned()),
            ],
        };
        let unavailable = |error: reqwest::Error| {
            tracing::debug!(error = ?error.without_url(), "no answer to the request for a token");
            IssueError::Unavailable("no whole answer".to_owned())
        };
        let response = client.post(&self.token_url).form(&form).send().await.map_err(unavailable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            let issued: Issued = serde_json::from_slice(&body)
                .map_err(|_| IssueError::Unavailable("an answer without a token".to_owned()))?;
            let expires_at = now + TimeDelta::seconds(issued.expires_in.clamp(0, 86_400));
            return Ok(Token { secret: issued.access_token.into(), expires_at });
        }
        let Refusal { error, error_description } = serde_json::from_slice(&body).unwrap_or_default();
        let message: String = format!("{error} {error_description}").trim().chars().take(200).collect();
        if status.is_client_error() && status.as_u16() != 429 {
            return Err(IssueError::Refused { status: status.as_u16(), message });
        }
        Err(IssueError::Unavailable(format!("it was answered {status}")))
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
