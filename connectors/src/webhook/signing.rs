//! Comparing signatures and tokens in constant time: what can be measured of an answer tells nothing of the secret.

use chrono::{DateTime, TimeDelta, Utc};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::PostError;
use crate::settings::Settings;

/// The secrets that a vendor may sign with: during a rotation there are two.
#[derive(Clone)]
pub(crate) struct Keys(Vec<hmac::Key>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}

impl Keys {
    /// Reads a comma-separated list; none where it is not set.
    pub(crate) fn from_settings(settings: &mut Settings, name: &'static str) -> Option<Self> {
        let keys = list(settings, name)?;
        let key =
            |secret: &SecretString| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Some(Self(keys.iter().map(key).collect()))
    }

    /// Whether one of the signatures was made of these parts, one after the other, with one of the keys. Each key costs one
    /// pass over the parts, however many signatures somebody sends.
    pub(crate) fn signed(&self, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
        let mut matches = subtle::Choice::from(0);
        for key in &self.0 {
            let mut context = hmac::Context::with_key(key);
            parts.iter().for_each(|part| context.update(part));
            let expected = context.sign();
            for signature in signatures {
                matches |= expected.as_ref().ct_eq(signature);
            }
        }
        matches.into()
    }
}

/// Words that a vendor repeats to us, to show that we have told it them.
#[derive(Clone)]
pub(crate) struct Tokens(Vec<SecretString>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.len()).finish()
    }
}

impl Tokens {
    /// Reads a comma-separated list; none where it is not set.
    pub(crate) fn from_settings(settings: &mut Settings, name: &'static str) -> Option<Self> {
        list(settings, name).map(Self)
    }

    /// The one that is told today.
    pub(crate) fn newest(&self) -> Option<&SecretString> {
        self.0.first()
    }

    /// Whether it is one of them. Digests are compared, so that not even a length can be measured.
    pub(crate) fn contain(&self, token: &str) -> bool {
        let digest = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        let sent = digest(token);
        let mut matches = subtle::Choice::from(0);
        for known in &self.0 {
            matches |= digest(known.expose_secret()).as_ref().ct_eq(sent.as_ref());
        }
        matches.into()
    }
}

fn list(settings: &mut Settings, name: &'static str) -> Option<Vec<SecretString>> {
    let text = settings.text(name)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let secrets: Vec<SecretString> = parts.map(|part| SecretString::from(part.to_owned())).collect();
    if secrets.is_empty() {
        settings.complain(name, "holds nothing but commas");
        return None;
    }
    Some(secrets)
}

/// How far the time of a signature may be from ours, either way: whoever has overheard a post can't repeat it later.
pub(crate) struct Freshness(TimeDelta);

impl Freshness {
    /// Five minutes, which all vendors recommend.
    pub(crate) const USUAL: Self = Self(TimeDelta::seconds(300));

    /// Refuses a time that is too far away.
    pub(crate) fn check(
        &self,
        signed_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), PostError> {
        let signed_at = signed_at.ok_or(PostError::InvalidSignature("the signature's time can't be read"))?;
        if now.signed_duration_since(signed_at).abs() > self.0 {
            let what = "the signature is more than 300 s old, or from the future: check the clock";
            return Err(PostError::InvalidSignature(what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: &str) -> Settings {
        Settings::new([("SECRET".to_owned(), value.to_owned())])
    }

    #[test]
    fn any_secret_and_any_signature_may_match_and_no_other() {
        let keys = Keys::from_settings(&mut settings("old, new"), "SECRET").unwrap();
        let sign = |secret: &str, text: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        };
        let parts: [&[u8]; 2] = [b"1.", b"body"];
        for secret in ["old", "new"] {
            assert!(keys.signed(&parts, &[vec![], sign("x", "1.body"), sign(secret, "1.body")]));
        }
        assert!(!keys.signed(&parts, &[sign("other", "1.body"), sign("old", "2.body"), vec![0; 32]]));
        assert!(!keys.signed(&parts, &[]));
    }

    #[test]
    fn tokens_are_compared_as_a_whole() {
        let tokens = Tokens::from_settings(&mut settings("new,old"), "SECRET").unwrap();
        assert!(tokens.contain("new") && tokens.contain("old"));
        assert!(!tokens.contain("") && !tokens.contain("ne") && !tokens.contain("new,old"));
        assert_eq!(tokens.newest().unwrap().expose_secret(), "new");
        assert!(!format!("{tokens:?}").contains("new"));
    }

    #[test]
    fn only_commas_are_a_mistake() {
        let mut settings = settings(" , ,");
        assert!(Keys::from_settings(&mut settings, "SECRET").is_none());
        assert_eq!(settings.problems().len(), 1);
        assert!(Tokens::from_settings(&mut Settings::default(), "SECRET").is_none());
        assert!(settings.problems().len() == 1);
    }

    #[test]
    fn five_minutes_either_way_are_fresh() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let at = |seconds| Freshness::USUAL.check(Some(now + TimeDelta::seconds(seconds)), now);
        assert!(at(300).is_ok() && at(-300).is_ok() && at(0).is_ok());
        assert!(at(301).is_err() && at(-301).is_err());
        assert!(Freshness::USUAL.check(None, now).is_err());
        assert!(Freshness::USUAL.check(Some(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MIN_UTC).is_err());
    }
}
