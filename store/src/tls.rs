//! TLS to the server: what `DATABASE_URL` says of it, and what may be wrong with it.

use std::str::FromStr;

use rustls::{CertificateError, Error as TlsError};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Reads a connection URL.
///
/// The system's authorities are always trusted, so `sslrootcert=system`, by which libpq asks for them, adds nothing but that
/// the certificate is checked in full.
///
/// # Errors
///
/// What is wrong with it, without quoting it: it holds a password.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, String> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (system, others): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| *pair == "sslrootcert=system");
    let options = PgConnectOptions::from_str(&format!("{base}?{}", others.join("&")))
        .map_err(|_| "is not a PostgreSQL URL such as postgres://user:password@host:5432/name".to_owned())?;
    if let Some(name) = unreadable_file(&options) {
        return Err(format!("names a file in {name} that can't be read"));
    }
    if system.is_empty() {
        return Ok(options);
    }
    if others.iter().any(|pair| pair.starts_with("sslmode=") && *pair != "sslmode=verify-full") {
        return Err("asks for sslrootcert=system, which needs sslmode=verify-full".to_owned());
    }
    Ok(options.ssl_mode(PgSslMode::VerifyFull))
}

/// The parameter whose file is not there: the driver says so only when it connects, as if the server were not there.
fn unreadable_file(options: &PgConnectOptions) -> Option<String> {
    let url = options.to_url_lossy();
    let mut parameters = url.query_pairs();
    // The driver writes certificates that are in the URL itself, and files with a word before them.
    let missing = parameters.find(|(name, value)| {
        matches!(name.as_ref(), "sslrootcert" | "sslcert" | "sslkey")
            && value.strip_prefix("file: ").is_some_and(|path| std::fs::read(path).is_err())
    });
    missing.map(|(name, _)| name.into_owned())
}

/// What is wrong with the server's TLS, and what to do; completes "the database at … ". None for every other error.
pub(crate) fn trouble(error: &sqlx::Error) -> Option<String> {
    let cause: &(dyn std::error::Error + 'static) = match error {
        sqlx::Error::Tls(cause) => cause.as_ref(),
        sqlx::Error::Io(cause) => cause.get_ref()?,
        _ => return None,
    };
    let Some(tls) = cause.downcast_ref::<TlsError>() else {
        let is_refusal =
            matches!(error, sqlx::Error::Tls(_)) && cause.to_string().contains("does not support TLS");
        return is_refusal.then(|| {
            "offers no TLS, which DATABASE_URL asks for: set it up on the server, or leave sslmode out where the \
             network is trusted"
                .to_owned()
        });
    };
    Some(match tls {
        // A bad signature is what an authority of the same name has made, such as the one before this one.
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "has a certificate of an authority that is not trusted here: add sslrootcert=FILE to DATABASE_URL, with the \
             authority's certificate in that file, or add it to the system's certificates"
                .to_owned()
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "has a certificate for another name: use the name that is in the certificate as the host in DATABASE_URL"
            .to_owned(),
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "has a certificate that is not valid at this time: renew it, or set the clock of this machine".to_owned(),
        other => format!("can't be talked to by TLS: {other}"),
    })
}
