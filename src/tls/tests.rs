//! Loads what the `openssl` command line makes, and what a user may name by mistake.

mod chains;
mod errors;
pub(crate) mod handshake;
pub(crate) mod workshop;

use std::sync::Arc;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{IdentitySource, TlsError, TlsOptions, load};
use handshake::{client, handshake};
use workshop::{KeyKind, Workshop};

const PASSPHRASE: &str = "open sesame";

pub(crate) fn pem(workshop: &Workshop, cert: &str, key: &str) -> TlsOptions {
    options(IdentitySource::Pem { cert_path: workshop.path(cert), key_path: workshop.path(key) })
}

fn pfx(workshop: &Workshop, name: &str) -> TlsOptions {
    options(IdentitySource::Pkcs12 { pfx_path: workshop.path(name) })
}

fn options(identity: IdentitySource) -> TlsOptions {
    TlsOptions { identity, passphrase: None, client_ca_path: None, request_cert: false }
}

fn with_passphrase(options: TlsOptions, passphrase: &str) -> TlsOptions {
    TlsOptions { passphrase: Some(passphrase.to_owned()), ..options }
}

/// Makes `chain.pem`: the leaf and its issuer, as authorities hand it out.
fn make_chain(workshop: &Workshop) {
    workshop.write("chain.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem"));
}

fn certificates(workshop: &Workshop, names: &[&str]) -> Vec<CertificateDer<'static>> {
    names.iter().map(|name| CertificateDer::from_pem_file(workshop.path(name)).unwrap()).collect()
}

/// Loads, lets a client that trusts only the root verify the server, and checks which chain it presented.
fn assert_serves(workshop: &Workshop, options: &TlsOptions, chain: &[&str]) {
    let presented = handshake(loaded(options), client(workshop, None)).unwrap();
    assert_eq!(presented, certificates(workshop, chain));
}

fn loaded(options: &TlsOptions) -> Arc<ServerConfig> {
    load(options).unwrap_or_else(|error| panic!("{error}")).config
}

#[test]
fn plain_keys_of_every_encoding_serve_with_the_chain_in_its_order() {
    for kind in KeyKind::ALL {
        let workshop = Workshop::new(kind);
        make_chain(&workshop);
        workshop.openssl("pkey -in leaf.key -traditional -out traditional.key");
        let label = if kind == KeyKind::Rsa2048 { "BEGIN RSA PRIVATE KEY" } else { "BEGIN EC PRIVATE KEY" };
        assert!(workshop.read("traditional.key").contains(label));
        for key in ["leaf.key", "traditional.key"] {
            assert_serves(&workshop, &pem(&workshop, "chain.pem", key), &["leaf.pem", "middle.pem"]);
        }
    }
}

#[test]
fn encrypted_keys_of_every_supported_algorithm_serve() {
    const ALGORITHMS: [&str; 7] = [
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc",
        "-v2 aes-256-cbc",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512",
        "-v2 des3",
        "-v2 des3 -v2prf hmacWithSHA1",
        "-scrypt",
    ];
    for kind in KeyKind::ALL {
        let workshop = Workshop::new(kind);
        make_chain(&workshop);
        workshop.write("passphrase", PASSPHRASE);
        for algorithm in ALGORITHMS {
            workshop.openssl(&format!("pkcs8 -topk8 -in leaf.key -out safe.key -passout file:passphrase {algorithm}"));
            assert!(workshop.read("safe.key").contains("BEGIN ENCRYPTED PRIVATE KEY"));
            let options = with_passphrase(pem(&workshop, "chain.pem", "safe.key"), PASSPHRASE);
            assert_serves(&workshop, &options, &["leaf.pem", "middle.pem"]);
        }
    }
}

#[test]
fn a_passphrase_for_a_plain_key_is_ignored() {
    let workshop = Workshop::new(KeyKind::EcP256);
    make_chain(&workshop);
    let options = with_passphrase(pem(&workshop, "chain.pem", "leaf.key"), PASSPHRASE);
    assert_serves(&workshop, &options, &["leaf.pem", "middle.pem"]);
}

#[test]
fn text_around_the_blocks_does_not_matter() {
    let workshop = Workshop::new(KeyKind::EcP256);
    make_chain(&workshop);
    workshop.openssl("ecparam -name prime256v1 -out parameters.pem");
    workshop.openssl("x509 -in leaf.pem -text -out described.pem");
    let described = workshop.read("described.pem") + &workshop.read("middle.pem");
    let key = workshop.read("parameters.pem") + "Bag Attributes\n    friendlyName: test\n" + &workshop.read("leaf.key");
    let all_in_one = key.clone() + &described;
    let variants = [
        (described.clone(), key.clone()),
        (format!("\u{FEFF}{}", workshop.read("chain.pem")), format!("\u{FEFF}{}", workshop.read("leaf.key"))),
        (described.replace('\n', "\r\n"), key.replace('\n', "\r\n")),
        (format!("\u{FEFF}{}\u{FEFF}{}", workshop.read("leaf.pem"), workshop.read("middle.pem")), key.clone()),
        (described.trim_end().to_owned(), key.trim_end().to_owned()),
        (all_in_one.clone(), all_in_one),
    ];
    for (cert, key) in variants {
        workshop.write("cert.txt", cert);
        workshop.write("key.txt", key);
        assert_serves(&workshop, &pem(&workshop, "cert.txt", "key.txt"), &["leaf.pem", "middle.pem"]);
    }
    let latin1 = [b"# Schl\xFCssel\n".as_slice(), workshop.read("leaf.key").as_bytes()].concat();
    workshop.write("key.txt", latin1);
    assert_serves(&workshop, &pem(&workshop, "chain.pem", "key.txt"), &["leaf.pem", "middle.pem"]);
}

#[test]
fn an_encrypted_key_among_text_serves() {
    let workshop = Workshop::new(KeyKind::EcP256);
    make_chain(&workshop);
    workshop.openssl("pkcs8 -topk8 -in leaf.key -out safe.key -passout pass:secret");
    let key = workshop.read("safe.key");
    let in_one_line = key.replace('\n', "").replace("KEY-----", "KEY-----\n").replace("-----END", "\n-----END");
    for variant in [key.replace('\n', "\r\n"), in_one_line] {
        workshop.write("safe.key", format!("\u{FEFF}# the key\r\n{variant}# its end"));
        let options = with_passphrase(pem(&workshop, "chain.pem", "safe.key"), "secret");
        assert_serves(&workshop, &options, &["leaf.pem", "middle.pem"]);
    }
}

#[test]
fn pkcs12_of_today_and_of_the_past_serve_with_the_leaf_first() {
    const PROTECTIONS: [&str; 5] = [
        "",
        "-legacy",
        "-certpbe AES-128-CBC -keypbe AES-128-CBC -macalg sha512",
        "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
        "-nomac",
    ];
    for kind in KeyKind::ALL {
        let workshop = Workshop::new(kind);
        // The root goes before the middle, which is not the order to present them in.
        workshop.write("issuers.pem", workshop.read("root.pem") + &workshop.read("middle.pem"));
        for protection in PROTECTIONS {
            workshop.openssl(&format!(
                "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile issuers.pem -out leaf.pfx \
                 -passout pass:secret {protection}"
            ));
            let options = with_passphrase(pfx(&workshop, "leaf.pfx"), "secret");
            assert_serves(&workshop, &options, &["leaf.pem", "middle.pem", "root.pem"]);
        }
    }
}

#[test]
fn the_empty_passphrase_of_a_pkcs12_file_may_be_given_or_left_out() {
    let workshop = Workshop::new(KeyKind::EcP256);
    for protection in ["", "-legacy", "-certpbe NONE -keypbe NONE -nomac"] {
        workshop.openssl(&format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile middle.pem -out leaf.pfx -passout pass: {protection}"
        ));
        let without = pfx(&workshop, "leaf.pfx");
        let empty = with_passphrase(without.clone(), "");
        for options in [without, empty] {
            assert_serves(&workshop, &options, &["leaf.pem", "middle.pem"]);
        }
    }
}

#[test]
fn passphrases_may_hold_blanks_and_letters_of_any_language() {
    let workshop = Workshop::new(KeyKind::EcP256);
    make_chain(&workshop);
    let passphrase = "Grüße, 世界 & \"quotes\"";
    workshop.write("passphrase", passphrase);
    for protection in ["", "-legacy"] {
        workshop.openssl(&format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile middle.pem -out leaf.pfx \
             -passout file:passphrase {protection}"
        ));
        assert_serves(&workshop, &with_passphrase(pfx(&workshop, "leaf.pfx"), passphrase), &["leaf.pem", "middle.pem"]);
    }
    workshop.openssl("pkcs8 -topk8 -in leaf.key -out safe.key -passout file:passphrase");
    let options = with_passphrase(pem(&workshop, "chain.pem", "safe.key"), passphrase);
    assert_serves(&workshop, &options, &["leaf.pem", "middle.pem"]);
}

#[test]
fn a_client_certificate_is_required_and_checked_when_asked_for() {
    let workshop = Workshop::new(KeyKind::EcP256);
    make_chain(&workshop);
    workshop.make_root("stranger");
    workshop.make_leaf("friend", "root", KeyKind::EcP256);
    workshop.make_leaf("foe", "stranger", KeyKind::EcP256);
    let server = loaded(&TlsOptions {
        client_ca_path: Some(workshop.path("root.pem")),
        request_cert: true,
        ..pem(&workshop, "chain.pem", "leaf.key")
    });
    assert!(handshake(server.clone(), client(&workshop, Some("friend"))).is_ok());
    assert!(handshake(server.clone(), client(&workshop, Some("foe"))).is_err());
    assert!(handshake(server, client(&workshop, None)).is_err());
}

#[test]
fn half_a_client_certificate_setting_is_an_error() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let plain = pem(&workshop, "leaf.pem", "leaf.key");
    let no_authority = load(&TlsOptions { request_cert: true, ..plain.clone() });
    assert!(matches!(no_authority, Err(TlsError::ClientCaMissing)));
    let no_request = load(&TlsOptions { client_ca_path: Some(workshop.path("root.pem")), ..plain });
    assert!(matches!(no_request, Err(TlsError::ClientCaUnused { .. })));
}

#[test]
fn each_call_reads_the_files_afresh() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let options = pem(&workshop, "leaf.pem", "leaf.key");
    loaded(&options);
    workshop.make_leaf("leaf", "root", KeyKind::EcP256);
    assert_serves(&workshop, &options, &["leaf.pem"]);
}

#[test]
fn the_passphrase_is_not_shown() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("pkcs8 -topk8 -in leaf.key -out safe.key -passout pass:right");
    let options = with_passphrase(pem(&workshop, "leaf.pem", "safe.key"), PASSPHRASE);
    let error = load(&options).unwrap_err();
    for shown in [format!("{options:?}"), format!("{options:#?}"), format!("{error:?}"), error.to_string()] {
        assert!(!shown.contains(PASSPHRASE), "{shown}");
    }
}
