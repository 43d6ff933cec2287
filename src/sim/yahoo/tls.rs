//! The simulator's certificate authority and the certificates it serves, made in memory at each start.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::ServerError;

/// The names a client may call the simulator by.
const NAMES: [&str; 8] = [
    "query1.finance.yahoo.com",
    "query2.finance.yahoo.com",
    "finance.yahoo.com",
    "guce.yahoo.com",
    "consent.yahoo.com",
    "fc.yahoo.com",
    "localhost",
    "127.0.0.1",
];

/// The two identities of the simulator.
pub(super) struct Identities {
    /// The authority that clients are told to trust.
    pub ca_pem: String,
    /// Presents a certificate of that authority.
    pub trusted: TlsAcceptor,
    /// Presents a certificate of an authority nobody was told of.
    pub untrusted: TlsAcceptor,
}

impl Identities {
    pub(super) fn new() -> Result<Self, ServerError> {
        let (ca_pem, trusted) = identity("Nightdesk Yahoo simulator")?;
        let (_, untrusted) = identity("Nobody's authority")?;
        Ok(Self { ca_pem, trusted, untrusted })
    }
}

fn identity(authority: &str) -> Result<(String, TlsAcceptor), ServerError> {
    let failed = |e: &dyn std::fmt::Display| ServerError::Certificate(e.to_string());
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(|e| failed(&e))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, authority);
    let ca_key = KeyPair::generate().map_err(|e| failed(&e))?;
    let ca = CertifiedIssuer::self_signed(params, ca_key).map_err(|e| failed(&e))?;

    let mut leaf = CertificateParams::new(NAMES.map(String::from).to_vec()).map_err(|e| failed(&e))?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(|e| failed(&e))?;
    let certificate = leaf.signed_by(&key, &ca).map_err(|e| failed(&e))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .map_err(|e| failed(&e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((ca.pem(), TlsAcceptor::from(Arc::new(config))))
}
