//! TLS settings from files.

use std::{error::Error, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use super::{NodeError, TlsOptions};

/// Returns the driver's TLS settings.
pub(super) fn client_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, NodeError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&options.ca_file)? {
        roots.add(certificate).map_err(|source| file_error(&options.ca_file, source))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(settings_error)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(settings_error)?;
    let builder = if options.verify_address {
        builder.with_webpki_verifier(verifier)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { verifier, provider }))
    };
    let config = match &options.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = certificates(&client.certificate_file)?;
            let key = PrivateKeyDer::from_pem_file(&client.key_file)
                .map_err(|source| file_error(&client.key_file, source))?;
            builder.with_client_auth_cert(chain, key).map_err(settings_error)?
        }
    };
    Ok(Arc::new(config))
}

/// Reads a PEM file's certificates; one without any is an error.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    let found = CertificateDer::pem_file_iter(path).map_err(|source| file_error(path, source))?;
    let mut certificates = Vec::new();
    for certificate in found {
        certificates.push(certificate.map_err(|source| file_error(path, source))?);
    }
    if certificates.is_empty() {
        return Err(file_error(path, NoCertificate));
    }
    Ok(certificates)
}

#[derive(Debug, thiserror::Error)]
#[error("there is no certificate in it (PEM)")]
struct NoCertificate;

fn file_error(path: &Path, source: impl Error + Send + Sync + 'static) -> NodeError {
    NodeError::TlsFile { path: path.into(), source: Arc::new(source) }
}

fn settings_error(source: impl Error + Send + Sync + 'static) -> NodeError {
    NodeError::TlsSettings { source: Arc::new(source) }
}

/// Checks all of a certificate but the name that it is made out to: Cassandra's certificates are often for a host name,
/// or one for all nodes, and the driver only knows an IP address.
#[derive(Debug)]
struct AnyName {
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is looked at last: an error about it means that all else is well.
        match self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
