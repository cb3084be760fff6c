//! Tests of assertions.

use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::*;
use crate::sandbox::SERVICE_ACCOUNT_KEY;

const EMAIL: &str = "buffalo@project.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

fn account(key: &str, key_id: Option<&str>, subject: Option<&str>) -> Result<ServiceAccount, &'static str> {
    ServiceAccount::new(EMAIL.to_owned(), &key.into(), key_id.map(Into::into), subject.map(Into::into))
}

/// Header and claims of an assertion made at second 1,000, once its signature is found good.
fn asserted(account: &ServiceAccount) -> (Value, Value) {
    let assertion = account.assertion(AUDIENCE, DateTime::from_timestamp(1_000, 0).unwrap()).unwrap();
    assert!(!assertion.contains(['=', '+', '/']), "unpadded, for addresses");
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, account.key.public_key().as_ref())
        .verify(signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(header), read(claims))
}

#[test]
fn an_assertion_says_what_google_asks_for() {
    let (header, claims) = asserted(&account(SERVICE_ACCOUNT_KEY, None, None).unwrap());
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    let expected = json!({"iss": EMAIL, "aud": AUDIENCE, "iat": 1_000, "exp": 4_600,
                          "scope": "https://www.googleapis.com/auth/calendar.readonly"});
    assert_eq!(claims, expected);
    let (header, claims) =
        asserted(&account(SERVICE_ACCOUNT_KEY, Some("key-1"), Some("boss@example.com")).unwrap());
    assert_eq!((&header["kid"], &claims["sub"]), (&json!("key-1"), &json!("boss@example.com")));
}

#[test]
fn a_key_is_read_however_the_environment_delivers_it() {
    let escaped = SERVICE_ACCOUNT_KEY.replace('\n', "\\n");
    for key in [
        SERVICE_ACCOUNT_KEY.to_owned(),
        SERVICE_ACCOUNT_KEY.replace('\n', "\r\n"),
        escaped.clone(),
        format!("\"{escaped}\""),
        format!(" '{escaped}' "),
        escaped.replace("\\n", "\\r\\n"),
    ] {
        asserted(&account(&key, None, None).unwrap_or_else(|what| panic!("{what}: {key}")));
    }
    for key in ["", "secret", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"] {
        let what = account(key, None, None).unwrap_err();
        assert!(!what.contains("secret"), "{what}");
    }
}
