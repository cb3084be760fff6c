//! Tests of what keys and contexts say.

use super::*;

fn configured(values: &[(&str, &str)]) -> (Option<StripeConfig>, Vec<String>) {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut settings = Settings::new(values);
    let config = StripeConfig::from_settings(&mut settings).map(|(config, _)| config);
    (config, settings.problems().iter().map(ToString::to_string).collect())
}

fn identity(values: &[(&str, &str)]) -> String {
    let (config, problems) = configured(values);
    assert_eq!(problems, Vec::<String>::new());
    config.unwrap().identity().to_string()
}

#[test]
fn a_key_says_its_mode_and_a_long_one_its_account() {
    let rest = "x".repeat(82);
    let long = |kind: &str| format!("{kind}_51GqIC8HYgolSBA35{rest}");
    for (key, expected) in [
        ("sk_test_4eC39HqLyjWDarjtT1zdp7dc".to_owned(), "mode test"),
        ("rk_live_4eC39HqLyjWDarjtT1zdp7dc".to_owned(), "mode live"),
        ("sk_live_51short".to_owned(), "mode live"),
        (long("sk_test"), "account acct_1GqIC8HYgolSBA35, mode test"),
        (long("rk_live"), "account acct_1GqIC8HYgolSBA35, mode live"),
        ("sk_other".to_owned(), ""),
    ] {
        assert_eq!(identity(&[("STRIPE_API_KEY", &key)]), expected);
    }
}

#[test]
fn a_key_of_an_organisation_needs_the_account() {
    let key = ("STRIPE_API_KEY", "sk_org_live_123");
    let (_, problems) = configured(&[key]);
    assert!(problems.iter().any(|problem| problem.contains("STRIPE_CONTEXT")), "{problems:?}");
    let within = identity(&[key, ("STRIPE_CONTEXT", "acct_1A/acct_2B")]);
    assert_eq!(within, "account acct_2B, mode live");
    for context in ["1A", "acct_", "acct_1A/", "acct_1 A", "acct_1A\r\nX: y"] {
        let (_, problems) = configured(&[key, ("STRIPE_CONTEXT", context)]);
        assert!(problems.iter().any(|problem| problem.contains("a path of accounts")), "{context}");
    }
}
