//! Access tokens: one that is always good, and those that the token endpoint issues.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::pairs;
use super::reply::Reply;

/// The key of the sandbox's service account, which opens nothing else.
pub const SERVICE_ACCOUNT_KEY: &str = include_str!("service_account.pem");

/// The address of that account; any other is accepted as well.
pub(super) const SERVICE_ACCOUNT_EMAIL: &str = "buffalo@sandbox.iam.gserviceaccount.com";

/// The refresh token that is accepted.
const REFRESH_TOKEN: &str = "1//sandbox-refresh-token";
const VALID_S: i64 = 3_600;

/// The tokens of the account.
#[derive(Debug)]
pub(super) struct Tokens {
    fixed: String,
    /// Issued tokens and when they expire.
    issued: BTreeMap<String, i64>,
    count: u64,
}

impl Tokens {
    pub(super) fn new(fixed: &str) -> Self {
        Self { fixed: fixed.to_owned(), issued: BTreeMap::new(), count: 0 }
    }

    pub(super) fn accepts(&self, token: &str, now: i64) -> bool {
        token == self.fixed || self.issued.get(token).is_some_and(|expires| now < *expires)
    }

    /// How many tokens were issued.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Makes all issued tokens worthless.
    pub(super) fn revoke(&mut self) {
        self.issued.clear();
    }

    /// Answers `POST /token`.
    pub(super) fn issue(&mut self, body: &[u8], now: i64) -> Reply {
        let form: BTreeMap<String, String> = pairs(&String::from_utf8_lossy(body)).collect();
        let value = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let granted = match value("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => check_assertion(value("assertion"), now),
            "refresh_token" if value("refresh_token") == REFRESH_TOKEN => Ok(()),
            "refresh_token" => Err("Token has been expired or revoked."),
            _ => Err("Invalid grant_type"),
        };
        if let Err(what) = granted {
            let error = json!({"error": "invalid_grant", "error_description": what});
            return Reply::json(400, error.to_string());
        }
        self.count += 1;
        let token = format!("ya29.issued-{}", self.count);
        self.issued.insert(token.clone(), now + VALID_S);
        let answer = json!({"access_token": token, "expires_in": VALID_S, "token_type": "Bearer"});
        Reply::json(200, answer.to_string())
    }
}

/// Checks what Google checks: the algorithm, the signature, the audience's path, the scope and the times.
fn check_assertion(assertion: &str, now: i64) -> Result<(), &'static str> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or("Invalid JWT")?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| "Invalid JWT Signature.")?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(SERVICE_ACCOUNT_KEY.as_bytes()).map_err(|_| "no key")?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| "no key")?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| "Invalid JWT Signature.")?;
    let (header, claims) = signed.split_once('.').ok_or("Invalid JWT")?;
    if part(header)?["alg"] != "RS256" {
        return Err("Invalid JWT: only RS256 is accepted.");
    }
    let claims = part(claims)?;
    let (issued, expires) = (claims["iat"].as_i64().unwrap_or(0), claims["exp"].as_i64().unwrap_or(0));
    if issued > now + 300 || expires <= now || expires - issued > 3_600 {
        return Err(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        );
    }
    if !claims["aud"].as_str().is_some_and(|audience| audience.ends_with("/token")) {
        return Err("Invalid JWT: Failed audience check.");
    }
    if !claims["scope"].as_str().is_some_and(|scope| scope.contains("calendar")) {
        return Err("Invalid OAuth scope.");
    }
    if claims["iss"].as_str().is_none_or(str::is_empty) { Err("Invalid issuer") } else { Ok(()) }
}

fn part(encoded: &str) -> Result<Value, &'static str> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| "Invalid JWT")?;
    serde_json::from_slice(&json).map_err(|_| "Invalid JWT")
}
