//! Encryption of the connections to Kafka, and the login there.

use std::{collections::BTreeMap, path::PathBuf};

use secrecy::SecretString;

use crate::config::{Secret, setting::word_setting, values::Values};

/// What the brokers' listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encryption nor login.
    Plaintext,
    /// TLS.
    Ssl,
    /// Login without encryption.
    SaslPlaintext,
    /// Login over TLS.
    SaslSsl,
}
word_setting!(pub SecurityProtocol {
    Plaintext = "plaintext",
    Ssl = "ssl",
    SaslPlaintext = "sasl_plaintext",
    SaslSsl = "sasl_ssl",
});

impl SecurityProtocol {
    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_login(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How the login goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The password itself is sent.
    Plain,
    /// Proof of the password, SHA-256.
    ScramSha256,
    /// Proof of the password, SHA-512.
    ScramSha512,
}
word_setting!(pub SaslMechanism { Plain = "PLAIN", ScramSha256 = "SCRAM-SHA-256", ScramSha512 = "SCRAM-SHA-512" });

/// Encryption and login.
#[derive(Debug, Clone)]
pub struct KafkaSecurity {
    /// What the listener speaks.
    pub protocol: SecurityProtocol,
    /// How the login goes.
    pub sasl_mechanism: Option<SaslMechanism>,
    /// Who logs in.
    pub sasl_username: Option<String>,
    /// With which password.
    pub sasl_password: Option<Secret>,
    /// Certificates of the authorities that signed the brokers', PEM; none for the system's.
    pub ssl_ca_file: Option<PathBuf>,
    /// Our own certificate, PEM.
    pub ssl_certificate_file: Option<PathBuf>,
    /// The key of our certificate, PEM.
    pub ssl_key_file: Option<PathBuf>,
    /// The password of that key.
    pub ssl_key_password: Option<Secret>,
}

impl KafkaSecurity {
    pub(super) fn take(values: &mut Values) -> Self {
        let security = Self {
            protocol: values.take("kafka.security_protocol", SecurityProtocol::Plaintext),
            sasl_mechanism: values.take_optional("kafka.sasl_mechanism"),
            sasl_username: values.take_optional("kafka.sasl_username"),
            sasl_password: values.take_secret("kafka.sasl_password"),
            ssl_ca_file: values.take_optional("kafka.ssl_ca_file"),
            ssl_certificate_file: values.take_optional("kafka.ssl_certificate_file"),
            ssl_key_file: values.take_optional("kafka.ssl_key_file"),
            ssl_key_password: values.take_secret("kafka.ssl_key_password"),
        };
        security.check(values);
        security
    }

    fn check(&self, values: &mut Values) {
        let protocol = self.protocol;
        let is_refused = values.was_refused("kafka.security_protocol");
        let login = [
            ("kafka.sasl_mechanism", self.sasl_mechanism.is_some()),
            ("kafka.sasl_username", self.sasl_username.is_some()),
            ("kafka.sasl_password_file", self.sasl_password.is_some()),
        ];
        for (key, is_given) in login {
            if is_given && !protocol.has_login() && !is_refused {
                values.unfit(
                    key,
                    format!(
                        "not used with kafka.security_protocol = \"{protocol}\": set that to \"sasl_ssl\" or \
                         \"sasl_plaintext\", or leave this out"
                    ),
                );
            } else if !is_given && protocol.has_login() && !values.was_refused(key) {
                values.unfit(key, format!("missing: kafka.security_protocol = \"{protocol}\" needs it"));
            }
        }
        let tls = [
            ("kafka.ssl_ca_file", self.ssl_ca_file.is_some()),
            ("kafka.ssl_certificate_file", self.ssl_certificate_file.is_some()),
            ("kafka.ssl_key_file", self.ssl_key_file.is_some()),
            ("kafka.ssl_key_password_file", self.ssl_key_password.is_some()),
        ];
        for (key, is_given) in tls {
            if is_given && !protocol.has_tls() && !is_refused {
                values.unfit(
                    key,
                    format!(
                        "not used with kafka.security_protocol = \"{protocol}\": set that to \"ssl\" or \"sasl_ssl\", or \
                         leave this out"
                    ),
                );
            }
        }
        if self.ssl_certificate_file.is_some() != self.ssl_key_file.is_some() {
            let key =
                if self.ssl_key_file.is_some() { "kafka.ssl_key_file" } else { "kafka.ssl_certificate_file" };
            values.unfit(
                key,
                "a certificate and its key go together: give kafka.ssl_certificate_file and kafka.ssl_key_file",
            );
        }
    }

    pub(super) fn options(&self) -> (BTreeMap<String, String>, BTreeMap<String, SecretString>) {
        let path = |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string());
        let plain = [
            ("security.protocol", Some(self.protocol.to_string())),
            ("sasl.mechanism", self.sasl_mechanism.map(|mechanism| mechanism.to_string())),
            ("sasl.username", self.sasl_username.clone()),
            ("ssl.ca.location", path(&self.ssl_ca_file)),
            ("ssl.certificate.location", path(&self.ssl_certificate_file)),
            ("ssl.key.location", path(&self.ssl_key_file)),
        ];
        let secret = [("sasl.password", &self.sasl_password), ("ssl.key.password", &self.ssl_key_password)];
        (
            plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
            secret
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value.as_ref()?.expose().into())))
                .collect(),
        )
    }
}
