//! What the library says of certificates, in words for whoever has made them.

use std::io;

use rustls::CertificateError;

/// The library words the fault as one of the peer's certificate; here it is the user's own.
pub(super) fn certificate_fault(error: &rustls::Error) -> String {
    match error {
        _ if shows_old_version(error) => "it is of X.509 version 1 or 2".to_owned(),
        rustls::Error::InvalidCertificate(fault) => fault.to_string(),
        other => other.to_string(),
    }
}

/// The library that checks certificates reads version 3 only, and its error has no type of rustls's own.
fn shows_old_version(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other))
        if other.to_string() == "UnsupportedCertVersion")
}

/// Why a handshake with a client has failed, in words.
pub fn explain_handshake(error: &io::Error) -> String {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(error) if shows_old_version(error) => "the client's certificate is of X.509 version 1 or 2, and only \
            version 3 can be checked. Issue it again with an extension, which makes it version 3: openssl x509 -req ... \
            -extfile FILE, with basicConstraints=CA:FALSE in FILE"
            .to_owned(),
        _ => error.to_string(),
    }
}
