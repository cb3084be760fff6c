//! The currencies whose rates are taken in.

use crate::Currency;

/// What payments are made in today, by <https://docs.stripe.com/currencies>, and what some were made in until the euro
/// came: `BGN`, `HRK`, `LTL`, `LVL`. Others that the ECB's history has (`CYP`, `EEK`, `MTL`, `ROL`, `SIT`, `SKK`, `TRL`) were gone
/// before there was anything to convert, and their minor units are in no table of ours.
const KNOWN: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD \
    CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB FJD FKP GBP GEL GIP GMD GNF GTQ GYD \
    HKD HNL HRK HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD \
    LSL LTL LVL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB \
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS \
    TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW";

/// Whether rates of this currency are of use.
pub(super) fn is_known(currency: Currency) -> bool {
    KNOWN.split(' ').any(|code| code == currency.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_codes_of_currencies_and_not_the_euro() {
        for code in KNOWN.split(' ') {
            assert_eq!(code.parse::<Currency>().unwrap().as_str(), code);
        }
        assert!(is_known("JPY".parse().unwrap()));
        for unknown in ["EUR", "TRL", "ROL", "ZZZ"] {
            assert!(!is_known(unknown.parse().unwrap()), "{unknown}");
        }
    }
}
