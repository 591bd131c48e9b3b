//! Chains that no client takes are told apart from those that some client may take.

use super::{
    super::{ChainFault, IdentitySource, chain::fault_of, load::unix_seconds as now},
    KeyKind, TlsError, TlsOptions, Workshop,
    handshake::{client, handshake},
    load, loaded, make_chain, options, pem, with_passphrase,
};

fn fault(options: &TlsOptions) -> Option<ChainFault> {
    match load(options).unwrap().doubt {
        Some(TlsError::NotForClients { fault, file }) => {
            assert!(TlsError::NotForClients { file, fault: fault.clone() }.to_string().contains("clients refuse"));
            Some(fault)
        }
        Some(other) => panic!("{other}"),
        None => None,
    }
}

fn fault_of_leaf(workshop: &Workshop) -> Option<ChainFault> {
    fault(&pem(workshop, "leaf.pem", "leaf.key"))
}

#[test]
fn a_chain_in_its_time_and_for_servers_has_no_fault() {
    let workshop = Workshop::new(KeyKind::Rsa2048);
    make_chain(&workshop);
    assert_eq!(fault(&pem(&workshop, "chain.pem", "leaf.key")), None);
    // The certificate of an authority, as its own server's: usual where there is but one server.
    assert_eq!(fault(&pem(&workshop, "root.pem", "root.key")), None);
}

#[test]
fn an_expired_certificate() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.make_expired_leaf("leaf", "root");
    assert!(matches!(fault_of_leaf(&workshop), Some(ChainFault::Expired { .. })));
    assert!(handshake(loaded(&pem(&workshop, "leaf.pem", "leaf.key")), client(&workshop, None)).is_err());
}

#[test]
fn a_certificate_of_the_future() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let der = rustls::pki_types::pem::PemObject::from_pem_file(workshop.path("leaf.pem")).unwrap();
    assert!(matches!(fault_of(&[der], 0), Some(ChainFault::NotYetValid { .. })));
}

#[test]
fn a_certificate_for_clients_alone() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.make_odd_leaf("leaf", "root", &["subjectAltName=DNS:localhost", "extendedKeyUsage=clientAuth"]);
    assert_eq!(fault_of_leaf(&workshop), Some(ChainFault::NotForServers));
    workshop.make_odd_leaf("leaf", "root", &["subjectAltName=DNS:localhost", "extendedKeyUsage=clientAuth,serverAuth"]);
    assert_eq!(fault_of_leaf(&workshop), None);
}

#[test]
fn a_certificate_without_a_name() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let issue = |extension: &str| {
        workshop.openssl(&format!(
            "req -x509 -new -config req.cnf -days 2 -subj / -key leaf.key -out leaf.pem -addext {extension}"
        ));
    };
    issue("basicConstraints=CA:FALSE");
    assert_eq!(fault_of_leaf(&workshop), Some(ChainFault::Nameless));
    issue("subjectAltName=email:a@example.com");
    assert_eq!(fault_of_leaf(&workshop), Some(ChainFault::Nameless));
    issue("subjectAltName=IP:127.0.0.1");
    assert_eq!(fault_of_leaf(&workshop), None);
}

#[test]
fn an_issuer_that_is_no_certificate() {
    let workshop = Workshop::new(KeyKind::EcP256);
    let nonsense = "-----BEGIN CERTIFICATE-----\nbm90aGluZyBidXQgbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n";
    workshop.write("chain.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem") + nonsense);
    assert_eq!(fault(&pem(&workshop, "chain.pem", "leaf.key")), Some(ChainFault::Unreadable { position: 3 }));
}

#[test]
fn a_server_certificate_of_version_1_is_an_error_that_says_so() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.make_leaf_of_version_1("old", "root");
    workshop.openssl("pkcs12 -export -inkey old.key -in old.pem -out old.pfx -passout pass:secret");
    let pfx = options(IdentitySource::Pkcs12 { pfx_path: workshop.path("old.pfx") });
    for options in [pem(&workshop, "old.pem", "old.key"), with_passphrase(pfx, "secret")] {
        let error = load(&options).unwrap_err();
        assert!(matches!(error, TlsError::UnusableCertificate { .. }), "{error:?}");
        assert!(error.to_string().contains("X.509 version 1 or 2. Give an X.509 version 3 certificate"), "{error}");
    }
}

#[test]
fn no_damage_of_a_certificate_is_more_than_a_fault() {
    let workshop = Workshop::new(KeyKind::EcP256);
    workshop.openssl("x509 -in leaf.pem -outform DER -out leaf.der");
    let whole = std::fs::read(workshop.path("leaf.der")).unwrap();
    for place in 0..whole.len() {
        for value in [0, 0x7F, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[place] = value;
            let chain = [whole.clone().into(), damaged.into()];
            let _ = (fault_of(&chain, 0), fault_of(&chain[1..], 0));
        }
        let cut = whole[..place].to_vec().into();
        assert_eq!(fault_of(&[whole.clone().into(), cut], now()), Some(ChainFault::Unreadable { position: 2 }));
    }
}
