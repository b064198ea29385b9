//! TLS of the public port: rustls with ring, versions 1.2 and 1.3, HTTP/1.1 only.
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// An acceptor for the PEM chain and key, `None` where both are empty. The error is a sentence for the operator; it
/// never holds a byte of the key.
pub fn acceptor(
    certificate_chain: &[u8],
    private_key: &[u8],
) -> Result<Option<TlsAcceptor>, String> {
    if certificate_chain.is_empty() && private_key.is_empty() {
        return Ok(None);
    }
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate_chain)
        .collect::<Result<_, _>>()
        // Its own words repeat the line, and in a file of certificate and key that line can be the key's.
        .map_err(|_error| "the certificate file is no PEM: a section is malformed".to_owned())?;
    if chain.is_empty() {
        return Err("the certificate file holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(private_key)
        .map_err(|_error| "the key file holds no private key in PEM".to_owned())?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key do not go together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets instead of a table: a resumption costs the front no memory.
    config.ticketer = ring::Ticketer::new().map_err(|error| format!("TLS tickets: {error}"))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The same certificate for STUN and TURN (RFC 7443's names), `None` where there is none.
pub fn for_turn(acceptor: Option<&TlsAcceptor>) -> Option<Arc<ServerConfig>> {
    let mut config = ServerConfig::clone(acceptor?.config());
    config.alpn_protocols = vec![b"stun.turn".to_vec(), b"stun.nat-discovery".to_vec()];
    Some(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing: the reason repeated the line it did not understand, and with it the key.
    #[test]
    fn a_key_on_one_line_of_the_certificate_file_is_not_repeated() {
        let flattened =
            b"-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIA==-----END PRIVATE KEY-----x\n";
        let sentence = acceptor(flattened, b"").err().unwrap_or_default();
        assert_eq!(
            sentence,
            "the certificate file is no PEM: a section is malformed"
        );
    }
}
