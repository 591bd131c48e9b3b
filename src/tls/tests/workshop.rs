//! Makes certificates, keys and PKCS#12 files with the `openssl` command line in a directory of its own.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// Without a configuration of its own, `openssl req` would add the extensions of the machine's default one.
const REQUEST_CONFIG: &str = "[req]\ndistinguished_name = name\n[name]\n";

const CA: &[&str] = &["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
const LOCALHOST: &[&str] = &["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Rsa2048,
    EcP256,
}

impl KeyKind {
    pub const ALL: [Self; 2] = [Self::Rsa2048, Self::EcP256];

    fn generator_arguments(self) -> &'static str {
        match self {
            Self::Rsa2048 => "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            Self::EcP256 => "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        }
    }
}

/// Holds `root.pem` (an authority), `middle.pem` (an authority that the root signed) and `leaf.pem` (for `localhost`,
/// signed by the middle), each with its plain PKCS#8 key `*.key`.
pub struct Workshop {
    directory: TempDir,
}

impl Workshop {
    pub fn new(leaf: KeyKind) -> Self {
        let workshop = Self { directory: tempfile::tempdir().unwrap() };
        fs::write(workshop.path("req.cnf"), REQUEST_CONFIG).unwrap();
        workshop.make_root("root");
        workshop.make_signed("middle", "root", KeyKind::EcP256, CA);
        workshop.make_signed("leaf", "middle", leaf, LOCALHOST);
        workshop
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Runs `openssl` in the directory with arguments that are separated by blanks.
    pub fn openssl(&self, arguments: &str) {
        self.run(arguments.split_whitespace());
    }

    /// Makes the self-signed authority `<name>.pem`.
    pub fn make_root(&self, name: &str) {
        self.make_key(name, KeyKind::EcP256);
        self.run(request_arguments(name, CA));
    }

    /// Makes `<name>.pem` for `localhost`, signed by `<issuer>.pem`.
    pub fn make_leaf(&self, name: &str, issuer: &str, kind: KeyKind) {
        self.make_signed(name, issuer, kind, LOCALHOST);
    }

    /// Makes `<name>.pem` for `localhost`, signed by `<issuer>.pem`, of yesterday.
    pub fn make_expired_leaf(&self, name: &str, issuer: &str) {
        self.make_request(name);
        self.write("extensions", LOCALHOST.join("\n"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -set_serial 7 -days -1 -extfile extensions -out {name}.pem"
        ));
    }

    /// Makes `<name>.pem` of X.509 version 1, which has no extensions, signed by `<issuer>.pem`.
    pub fn make_leaf_of_version_1(&self, name: &str, issuer: &str) {
        self.make_request(name);
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -set_serial 7 -days 2 -out {name}.pem"
        ));
    }

    /// Makes `<name>.pem` with these extensions instead of those of `localhost`.
    pub fn make_odd_leaf(&self, name: &str, issuer: &str, extensions: &[&str]) {
        self.make_signed(name, issuer, KeyKind::EcP256, extensions);
    }

    /// Makes `<name>.csr`, with a key of its own.
    fn make_request(&self, name: &str) {
        self.make_key(name, KeyKind::EcP256);
        self.openssl(&format!("req -new -config req.cnf -subj /CN={name} -key {name}.key -out {name}.csr"));
    }

    fn make_signed(&self, name: &str, issuer: &str, kind: KeyKind, extensions: &[&str]) {
        self.make_key(name, kind);
        let mut arguments = request_arguments(name, extensions);
        arguments.extend(["-CA".into(), format!("{issuer}.pem"), "-CAkey".into(), format!("{issuer}.key")]);
        self.run(arguments);
    }

    fn make_key(&self, name: &str, kind: KeyKind) {
        self.openssl(&format!("genpkey {} -out {name}.key", kind.generator_arguments()));
    }

    fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) {
        let output = Command::new("openssl").args(arguments).current_dir(self.directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn request_arguments(name: &str, extensions: &[&str]) -> Vec<String> {
    let fixed = format!("req -x509 -new -config req.cnf -days 2 -subj /CN={name} -key {name}.key -out {name}.pem");
    let mut arguments: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    for extension in extensions {
        arguments.extend(["-addext".to_owned(), (*extension).to_owned()]);
    }
    arguments
}
