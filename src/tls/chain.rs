//! Whether clients can take a chain of certificates: what is wrong with it on its face, whatever authorities they trust
//! and whatever name they know the server by. Pure: the time is given.

use std::fmt;

use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, parse_x509_certificate, time::ASN1Time};

/// Why no client that checks certificates takes a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    /// It was valid up to that day.
    Expired { until: String },
    /// It is valid from that day on only.
    NotYetValid { from: String },
    /// It says what it is for, and servers are not among it.
    NotForServers,
    /// There is no host name or address in it.
    Nameless,
    /// A certificate of an issuer is none; `position` counts from 1.
    Unreadable { position: usize },
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { until } => {
                write!(f, "it has expired: it was valid until {until}. Renew it, or set the clock of this machine")
            }
            Self::NotYetValid { from } => {
                write!(f, "it is valid from {from} on only. Wait, or set the clock of this machine")
            }
            Self::NotForServers => f.write_str(
                "its extended key usage does not have serverAuth. Have one issued for a server (a client's certificate \
                 is no server's)",
            ),
            Self::Nameless => f.write_str(
                "it names no host. Have one issued with the name that clients use, as a subject alternative name \
                 (subjectAltName=DNS:ipc.example.com)",
            ),
            Self::Unreadable { position } => {
                write!(f, "certificate {position} of the file is damaged. Take it out, or copy it again")
            }
        }
    }
}

/// The first thing that is wrong. What cannot be judged here is left to the clients.
///
/// `now`: in seconds since the Unix epoch.
pub fn fault_of(chain: &[CertificateDer<'_>], now: i64) -> Option<ChainFault> {
    let (own, issuers) = chain.split_first()?;
    parse(own).and_then(|own| fault_of_own(&own, now)).or_else(|| {
        let damaged = issuers.iter().position(is_unreadable)?;
        Some(ChainFault::Unreadable { position: damaged + 2 })
    })
}

fn fault_of_own(own: &X509Certificate<'_>, now: i64) -> Option<ChainFault> {
    let validity = own.validity();
    if now > validity.not_after.timestamp() {
        return Some(ChainFault::Expired { until: day(validity.not_after) });
    }
    if now < validity.not_before.timestamp() {
        return Some(ChainFault::NotYetValid { from: day(validity.not_before) });
    }
    if !is_for_servers(own) {
        return Some(ChainFault::NotForServers);
    }
    (!names_a_host(own)).then_some(ChainFault::Nameless)
}

/// Without the extension, a certificate is for everything.
fn is_for_servers(own: &X509Certificate<'_>) -> bool {
    match own.extended_key_usage() {
        Ok(Some(usage)) => usage.value.any || usage.value.server_auth,
        Ok(None) | Err(_) => true,
    }
}

/// Node.js looks at the common name where there is no alternative one.
fn names_a_host(own: &X509Certificate<'_>) -> bool {
    let has_common_name = own.subject().iter_common_name().next().is_some();
    match own.subject_alternative_name() {
        Ok(Some(names)) => has_common_name || names.value.general_names.iter().any(is_host),
        Ok(None) => has_common_name,
        Err(_) => true,
    }
}

fn is_host(name: &GeneralName<'_>) -> bool {
    matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed)
}

/// Clients differ in what they read: only what no parser here reads counts as damaged.
fn is_unreadable(certificate: &CertificateDer<'_>) -> bool {
    parse(certificate).is_none() && ParsedCertificate::try_from(certificate).is_err()
}

fn day(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}
