//! Each mistake is told with the option, the file and what to do.

use std::fs;

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{KeyKind, PASSPHRASE, TlsError, TlsOptions, Workshop, assert_serves, load, pem, pfx, with_passphrase};

/// Gives the error after checking that its message names all of `parts`.
fn error_naming(options: &TlsOptions, parts: &[&str]) -> TlsError {
    let error = load(options).unwrap_err();
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    error
}

macro_rules! assert_error {
    ($options:expr, $variant:ident, $parts:expr) => {
        let error = error_naming(&$options, &$parts);
        assert!(matches!(error, TlsError::$variant { .. }), "{error:?}");
    };
}

#[test]
fn a_file_that_cannot_be_read() {
    let workshop = Workshop::new(KeyKind::EcP256);
    fs::create_dir(workshop.path("directory")).unwrap();
    for missing in ["absent.file", "directory"] {
        assert_error!(pem(&workshop, missing, "leaf.key"), Unreadable, ["ssl.certPath", missing, "cannot be read"]);
        assert_error!(pem(&workshop, "leaf.pem", missing), Unreadable, ["ssl.keyPath", missing, "cannot be read"]);
        assert_error!(pfx(&workshop, missing), Unreadable, ["ssl.pfxPath", missing, "cannot be read"]);
        let client_ca_path = Some(workshop.path(missing));
        let options = TlsOptions { client_ca_path, request_cert: true, ..pem(&workshop, "leaf.pem", "leaf.key") };
        assert_error!(options, Unreadable, ["ssl.caPath", missing, "cannot be read"]);
    }
}

#[cfg(unix)]
#[test]
fn an_endless_file() {
    let workshop = Workshop::new(KeyKind::EcP256);
    std::os::unix::fs::symlink("/dev/zero", workshop.path("endless")).unwrap();
    assert_error!(pem(&workshop, "endless", "leaf.key"), TooLarge, ["ssl.certPath", "endless", "larger than"]);
    assert_error!(pfx(&workshop, "endless"), TooLarge, ["ssl.pfxPath", "endless", "larger than"]);
}

#[test]
fn a_file_without_what_is_sought() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("x509 -in leaf.pem -outform DER -out leaf.der");
    workshop.write("empty", "");
    workshop.write("prose.txt", "Dear reader,\nthis is no certificate.\n");
    for name in ["empty", "prose.txt", "leaf.der", "leaf.key"] {
        assert_error!(pem(&workshop, name, "leaf.key"), NoPemCertificate, ["ssl.certPath", name, "no certificate"]);
    }
    for name in ["empty", "prose.txt", "leaf.der", "leaf.pem"] {
        assert_error!(pem(&workshop, "leaf.pem", name), NoPemKey, ["ssl.keyPath", name, "no private key"]);
        assert_error!(pfx(&workshop, name), BrokenPkcs12, ["ssl.pfxPath", name, "not a PKCS#12 file"]);
    }
    let options = TlsOptions {
        client_ca_path: Some(workshop.path("prose.txt")),
        request_cert: true,
        ..pem(&workshop, "leaf.pem", "leaf.key")
    };
    assert_error!(options, NoPemCertificate, ["ssl.caPath", "prose.txt", "no certificate"]);
}

#[test]
fn a_damaged_pem_file() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let chain = workshop.read("leaf.pem") + &workshop.read("middle.pem");
    workshop.write("cut.pem", &chain[..chain.len() - 40]);
    assert_error!(pem(&workshop, "cut.pem", "leaf.key"), DamagedPem, ["ssl.certPath", "cut.pem", "-----END"]);
    let key = workshop.read("leaf.key");
    workshop.write("scribbled.key", key.replacen("KEY-----\n", "KEY-----\n!?", 1));
    assert_error!(pem(&workshop, "leaf.pem", "scribbled.key"), DamagedPem, ["ssl.keyPath", "scribbled.key", "base64"]);
    workshop.write("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let named = ["ssl.certPath", "nonsense.pem", "cannot be used"];
    assert_error!(pem(&workshop, "nonsense.pem", "leaf.key"), UnusableCertificate, named);
    let options = TlsOptions {
        client_ca_path: Some(workshop.path("nonsense.pem")),
        request_cert: true,
        ..pem(&workshop, "leaf.pem", "leaf.key")
    };
    assert_error!(options, UnusableCertificate, ["ssl.caPath", "nonsense.pem"]);
}

#[test]
fn a_key_that_cannot_be_used() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.key");
    workshop.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out coin.key");
    workshop.write("nonsense.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    for name in ["weak.key", "coin.key", "nonsense.key"] {
        assert_error!(pem(&workshop, "leaf.pem", name), UnusableKey, ["ssl.keyPath", name, "2048", "P-256"]);
    }
}

/// The message's own advice is followed, and the result must load.
#[test]
fn an_elliptic_key_without_its_public_part_and_its_completion() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("ec -in leaf.key -no_public -out half.key");
    assert_error!(pem(&workshop, "leaf.pem", "half.key"), UnusableKey, ["ssl.keyPath", "half.key", "openssl ec"]);
    workshop.openssl("ec -in half.key -out whole.key");
    load(&pem(&workshop, "leaf.pem", "whole.key")).unwrap();
}

#[test]
fn a_key_without_its_passphrase() {
    let workshop = Workshop::new(KeyKind::EcP256);
    for algorithm in ["-v2 aes-256-cbc", "-v2 des3"] {
        workshop.openssl(&format!("pkcs8 -topk8 -in leaf.key -out safe.key -passout pass:secret {algorithm}"));
        let options = pem(&workshop, "leaf.pem", "safe.key");
        assert_error!(options, PassphraseMissing, ["ssl.keyPath", "safe.key", "encrypted", "Set ssl.passphrase"]);
        for wrong in [PASSPHRASE, "", "Secret"] {
            let options = with_passphrase(pem(&workshop, "leaf.pem", "safe.key"), wrong);
            assert_error!(options, PassphraseWrong, ["ssl.keyPath", "safe.key", "ssl.passphrase is wrong"]);
        }
    }
}

/// The message's own advice is followed, and the result must load.
#[test]
fn an_old_style_encrypted_key_and_its_conversion() {
    for (kind, tool) in [(KeyKind::Rsa2048, "rsa"), (KeyKind::EcP256, "ec")] {
        let workshop = Workshop::new(kind);
        let traditional = if kind == KeyKind::Rsa2048 { "-traditional" } else { "" };
        workshop.openssl(&format!("{tool} -in leaf.key -aes256 {traditional} -passout pass:secret -out old.key"));
        assert!(workshop.read("old.key").contains("Proc-Type: 4,ENCRYPTED"));
        let options = with_passphrase(pem(&workshop, "leaf.pem", "old.key"), "secret");
        assert_error!(options, OldStyleEncryption, ["ssl.keyPath", "old.key", "Proc-Type", "openssl pkcs8 -topk8"]);
        assert_conversion_serves(&workshop, "old.key");
    }
}

#[test]
fn an_unsupported_key_encryption_and_its_conversion() {
    let workshop = Workshop::new(KeyKind::EcP256);
    for algorithm in ["-v1 PBE-SHA1-3DES", "-v1 PBE-MD5-DES -provider legacy -provider default"] {
        workshop.openssl(&format!("pkcs8 -topk8 -in leaf.key -passout pass:secret -out old.key {algorithm}"));
        let options = with_passphrase(pem(&workshop, "leaf.pem", "old.key"), "secret");
        let named = ["ssl.keyPath", "old.key", "not supported", "openssl pkcs8 -topk8"];
        assert_error!(options, UnsupportedKeyEncryption, named);
    }
    workshop.openssl("pkcs8 -topk8 -in leaf.key -passout pass:secret -out old.key -v1 PBE-SHA1-3DES");
    assert_conversion_serves(&workshop, "old.key");
}

/// Damage can make a file ask for rounds that take an hour, or for more memory than there is.
#[test]
fn a_key_whose_decryption_takes_too_much() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let encrypt = |how: &str| {
        workshop.openssl(&format!("pkcs8 -topk8 -in leaf.key -passout pass:secret -outform DER -out safe.der {how}"));
        fs::read(workshop.path("safe.der")).unwrap()
    };
    for (how, found, changed) in [
        // 65537 rounds become 8 million.
        ("-v2 aes-256-cbc -iter 65537", [2, 3, 1, 0, 1], [2, 3, 0x7F, 0, 1]),
        // The block size 8 becomes 127, and 16 MiB become 254.
        ("-scrypt", [0x40, 0, 2, 1, 8], [0x40, 0, 2, 1, 127]),
    ] {
        let mut key = encrypt(how);
        let at = key.windows(found.len()).position(|bytes| bytes == found).unwrap();
        key[at..at + found.len()].copy_from_slice(&changed);
        workshop.write("greedy.der", key);
        workshop.openssl("base64 -in greedy.der -out greedy.base64");
        let label = "ENCRYPTED PRIVATE KEY-----\n";
        let text = workshop.read("greedy.base64");
        workshop.write("greedy.key", format!("-----BEGIN {label}{text}-----END {label}"));
        let options = with_passphrase(pem(&workshop, "leaf.pem", "greedy.key"), "secret");
        let named = ["ssl.keyPath", "greedy.key", "too much time or memory", "openssl pkcs8 -topk8"];
        assert_error!(options, UnaffordableKeyEncryption, named);
    }
}

fn assert_conversion_serves(workshop: &Workshop, old: &str) {
    workshop.openssl(&format!("pkcs8 -topk8 -in {old} -out new.key -passin pass:secret -passout pass:secret"));
    workshop.write("both.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem"));
    let options = with_passphrase(pem(workshop, "both.pem", "new.key"), "secret");
    assert_serves(workshop, &options, &["leaf.pem", "middle.pem"]);
}

#[test]
fn a_key_that_does_not_match() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let named = ["ssl.keyPath", "root.key", "does not match", "ssl.certPath", "leaf.pem"];
    assert_error!(pem(&workshop, "leaf.pem", "root.key"), KeyMismatch, named);
    workshop.write("backwards.pem", workshop.read("middle.pem") + &workshop.read("leaf.pem"));
    assert_error!(pem(&workshop, "backwards.pem", "leaf.key"), KeyMismatch, ["backwards.pem", "must be the first"]);
}

#[test]
fn a_pkcs12_file_without_its_passphrase() {
    let workshop = Workshop::new(KeyKind::EcP256);
    for protection in ["", "-legacy"] {
        workshop.openssl(&format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -out leaf.pfx -passout pass:secret {protection}"
        ));
        let options = pfx(&workshop, "leaf.pfx");
        assert_error!(options, PassphraseMissing, ["ssl.pfxPath", "leaf.pfx", "Set ssl.passphrase"]);
        for wrong in [PASSPHRASE, "", "Secret"] {
            let options = with_passphrase(pfx(&workshop, "leaf.pfx"), wrong);
            assert_error!(options, PassphraseWrong, ["ssl.pfxPath", "leaf.pfx", "ssl.passphrase is wrong"]);
        }
        let options = with_passphrase(pfx(&workshop, "leaf.pfx"), "\u{1F511}");
        assert_error!(options, PassphraseUnsupported, ["ssl.pfxPath", "leaf.pfx", "ssl.passphrase", "emoji"]);
    }
}

#[test]
fn a_pkcs12_file_that_lacks_something() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let export = |arguments: &str| {
        workshop.openssl(&format!("pkcs12 -export -out partial.pfx -passout pass:secret {arguments}"));
        with_passphrase(pfx(&workshop, "partial.pfx"), "secret")
    };
    let no_key = export("-nokeys -in leaf.pem");
    assert_error!(no_key, NoPkcs12Key, ["ssl.pfxPath", "partial.pfx", "no private key"]);
    let no_certificate = export("-nocerts -inkey leaf.key -in leaf.key");
    assert_error!(no_certificate, NoPkcs12Certificate, ["ssl.pfxPath", "partial.pfx", "no certificate"]);
    // The tool refuses to put a pair that does not match into a file.
    let key = PrivateKeyDer::from_pem_file(workshop.path("leaf.key")).unwrap();
    let certificate = CertificateDer::from_pem_file(workshop.path("root.pem")).unwrap();
    let pair = PrivateKeyChain::new(
        "same id",
        PrivateKey::from_der(key.secret_der()).unwrap(),
        [Certificate::from_der(&certificate).unwrap()],
    );
    let mut store = KeyStore::new();
    store.add_entry("pair", KeyStoreEntry::PrivateKeyChain(pair));
    workshop.write("pair.pfx", store.writer("secret").write().unwrap());
    let options = with_passphrase(pfx(&workshop, "pair.pfx"), "secret");
    assert_error!(options, Pkcs12KeyMismatch, ["ssl.pfxPath", "pair.pfx", "matches its private key"]);
}

/// Without a checksum a wrong passphrase shows only as bad padding, which nonsense has in all but one of 256 cases.
#[test]
fn a_wrong_passphrase_of_a_pkcs12_file_without_checksum() {
    let workshop = Workshop::new(KeyKind::EcP256);
    for protection in ["", "-legacy"] {
        workshop.openssl(&format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -out leaf.pfx -passout pass:secret -nomac {protection}"
        ));
        let refused =
            |number: u32| load(&with_passphrase(pfx(&workshop, "leaf.pfx"), &number.to_string())).unwrap_err();
        assert!((0..8).map(refused).any(|error| matches!(error, TlsError::PassphraseWrong { .. })));
    }
}

#[test]
fn a_pkcs12_file_with_unsupported_protection_and_its_conversion() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl(
        "pkcs12 -export -inkey leaf.key -in leaf.pem -out odd.pfx -passout pass:secret \
         -legacy -certpbe PBE-SHA1-RC4-128",
    );
    let options = with_passphrase(pfx(&workshop, "odd.pfx"), "secret");
    assert_error!(options, UnsupportedPkcs12, ["ssl.pfxPath", "odd.pfx", "not supported", "openssl pkcs12 -export"]);
    workshop.openssl("pkcs12 -legacy -in odd.pfx -nodes -out ALL.pem -passin pass:secret");
    workshop.openssl("pkcs12 -export -in ALL.pem -out new.pfx -passout pass:secret");
    load(&with_passphrase(pfx(&workshop, "new.pfx"), "secret")).unwrap();
}

/// One that the parser panics at.
#[test]
fn a_pkcs12_file_that_asks_for_scrypt_at_no_cost() {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 2;
    const OCTETS: u8 = 4;
    const CONTEXT: u8 = 0xA0;
    const DATA: &[u8] = &[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
    const ENCRYPTED_DATA: &[u8] = &[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 6];
    const PBES2: &[u8] = &[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 13];
    const SCRYPT: &[u8] = &[6, 9, 0x2B, 6, 1, 4, 1, 0xDA, 0x47, 4, 11];
    const AES_256_CBC: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
    let der = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let length = content.len() as u8;
        let head = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [head, content].concat()
    };
    let number = |number: u8| der(INTEGER, &[&[number]]);

    let scrypt = der(SEQUENCE, &[&der(OCTETS, &[&[1; 8]]), &number(0), &number(8), &number(1)]);
    let derivation = der(SEQUENCE, &[SCRYPT, &scrypt]);
    let cipher = der(SEQUENCE, &[AES_256_CBC, &der(OCTETS, &[&[2; 16]])]);
    let algorithm = der(SEQUENCE, &[PBES2, &der(SEQUENCE, &[&derivation, &cipher])]);
    let content = der(SEQUENCE, &[DATA, &algorithm, &der(0x80, &[&[3; 16]])]);
    let encrypted = der(CONTEXT, &[&der(SEQUENCE, &[&number(0), &content])]);
    let safes = der(SEQUENCE, &[&der(SEQUENCE, &[ENCRYPTED_DATA, &encrypted])]);
    let authenticated = der(SEQUENCE, &[DATA, &der(CONTEXT, &[&der(OCTETS, &[&safes])])]);
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.write("free.pfx", der(SEQUENCE, &[&number(3), &authenticated]));
    let options = with_passphrase(pfx(&workshop, "free.pfx"), "secret");
    assert_error!(options, BrokenPkcs12, ["ssl.pfxPath", "free.pfx", "make no sense"]);
}

/// A file that was cut is refused. One changed byte may go unnoticed where nothing depends on it, but never panics.
#[test]
fn no_damage_makes_loading_panic() {
    const SAMPLES: usize = 60;
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("pkcs12 -export -inkey leaf.key -in leaf.pem -out leaf.pfx -passout pass:secret -iter 1");
    workshop.openssl("pkcs8 -topk8 -in leaf.key -out safe.key -passout pass:secret -iter 1");
    let archive = fs::read(workshop.path("leaf.pfx")).unwrap();
    for at in (0..archive.len()).step_by(archive.len() / SAMPLES) {
        workshop.write("bad.pfx", &archive[..at]);
        load(&with_passphrase(pfx(&workshop, "bad.pfx"), "secret")).unwrap_err();
        let mut flipped = archive.clone();
        flipped[at] ^= 0xFF;
        workshop.write("bad.pfx", flipped);
        let _ = load(&with_passphrase(pfx(&workshop, "bad.pfx"), "secret"));
    }
    let key = fs::read(workshop.path("safe.key")).unwrap();
    let body = "-----BEGIN ENCRYPTED PRIVATE KEY-----".len()..key.len() - "-----END ENCRYPTED PRIVATE KEY-----\n".len();
    for at in body.step_by(key.len() / SAMPLES) {
        workshop.write("bad.key", &key[..at]);
        load(&with_passphrase(pem(&workshop, "leaf.pem", "bad.key"), "secret")).unwrap_err();
        let mut changed = key.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        workshop.write("bad.key", changed);
        let _ = load(&with_passphrase(pem(&workshop, "leaf.pem", "bad.key"), "secret"));
    }
}
