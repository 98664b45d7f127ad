//! The certificate of a server: the user's, or one that is made and known by its fingerprint.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    fingerprint: String,
    /// Whether it was made here, so that nobody knows it but by its fingerprint.
    is_own: bool,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

impl Certificate {
    /// The certificate in a file of PEM, perhaps with those that it was signed by, and its key.
    ///
    /// # Errors
    /// A sentence, when they cannot be read or used.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        Self::from_pem(certificate, &read(certificate)?, key, &read_private(key)?, false)
    }

    /// The server's own, below `codex_home`; it is made if there is none.
    ///
    /// # Errors
    /// A sentence, when it cannot be made, kept or read.
    pub fn own(codex_home: &Path) -> Result<Self, String> {
        let directory = codex_home.join("serve");
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        if !certificate.exists() || !key.exists() {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
            let made = made.map_err(|error| format!("a certificate cannot be made: {error}"))?;
            write(&key, made.signing_key.serialize_pem().as_bytes())?;
            write(&certificate, made.cert.pem().as_bytes())?;
        }
        Self::from_pem(&certificate, &read(&certificate)?, &key, &read_private(&key)?, true)
    }

    fn from_pem(at: &Path, certificate: &[u8], key_at: &Path, key: &[u8], is_own: bool) -> Result<Self, String> {
        let said = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| said(at, &error))?;
        let first = chain.first().ok_or_else(|| said(at, &"there is no certificate in it"))?;
        let fingerprint = Sha256::digest(first.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| said(key_at, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|error| said(at, &error))?;
        let config = config.with_no_client_auth().with_single_cert(chain, key).map_err(|error| said(at, &error))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint, is_own })
    }

    /// What stands behind an address: `#sha256=…` where only that says that it is the right certificate.
    pub fn suffix(&self) -> String {
        if self.is_own { format!("#sha256={}", self.fingerprint) } else { String::new() }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_private(path: &Path) -> Result<Vec<u8>, String> {
    let mode = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.mode();
    if mode & 0o077 != 0 {
        return Err(format!("{}: others can read it; `chmod 600` it", path.display()));
    }
    read(path)
}

/// Puts a file in place that nobody else can read.
fn write(path: &PathBuf, bytes: &[u8]) -> Result<(), String> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}
