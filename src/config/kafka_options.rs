//! Which options may be handed to librdkafka as they are.

use crate::sink::kafka::reason_against;

/// What is thought of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// With the reason, and what to do instead.
    Refused(String),
}

/// Options that one of our own settings decides: the option's name, then the setting's.
const TYPED: [(&str, &str); 22] = [
    ("bootstrap.servers", "kafka.brokers"),
    ("metadata.broker.list", "kafka.brokers"),
    ("transaction.timeout.ms", "kafka.transaction_timeout_ms"),
    ("queue.buffering.max.kbytes", "kafka.queue_bytes_max"),
    ("message.max.bytes", "kafka.record_bytes_max"),
    ("security.protocol", "kafka.security_protocol"),
    ("sasl.mechanism", "kafka.sasl_mechanism"),
    ("sasl.mechanisms", "kafka.sasl_mechanism"),
    ("sasl.username", "kafka.sasl_username"),
    ("sasl.password", "kafka.sasl_password_file"),
    ("ssl.ca.location", "kafka.ssl_ca_file"),
    ("ssl.certificate.location", "kafka.ssl_certificate_file"),
    ("ssl.key.location", "kafka.ssl_key_file"),
    ("ssl.key.password", "kafka.ssl_key_password_file"),
    ("ssl.ca.pem", "kafka.ssl_ca_file"),
    ("ssl.certificate.pem", "kafka.ssl_certificate_file"),
    ("ssl.key.pem", "kafka.ssl_key_file"),
    ("ssl.keystore.location", "kafka.ssl_certificate_file and kafka.ssl_key_file"),
    ("ssl.keystore.password", "kafka.ssl_key_password_file"),
    ("allow.auto.create.topics", "kafka.create_topics"),
    ("queue.buffering.max.messages", "kafka.queue_records_max"),
    ("compression.codec", "kafka.options.\"compression.type\""),
];

/// Judges an option by what it would break.
///
/// The sink refuses the same when it starts; here it is told with file and line, and all at once.
pub(super) fn judge(name: &str, value: &str) -> Verdict {
    if let Some((_, setting)) = TYPED.iter().find(|(typed, _)| *typed == name) {
        return Verdict::Refused(format!("decided by {setting}: set that, and leave this out"));
    }
    match reason_against(name, value) {
        Some(reason) => Verdict::Refused(reason.to_owned()),
        None => Verdict::Fine,
    }
}

/// Returns true if an option's value must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    const SIGNS: [&str; 7] = ["password", "secret", "pem", "oauthbearer", "jaas", "token", "credential"];
    SIGNS.iter().any(|sign| name.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_promise_is_refused() {
        let broken = [
            ("acks", "1"),
            ("enable.idempotence", "false"),
            ("partitioner", "random"),
            ("message.timeout.ms", "30000"),
            ("max.in.flight", "6"),
            ("max.in.flight", "none"),
            ("transactional.id", "mine"),
            ("debug", "eos, security"),
        ];
        for (name, value) in broken {
            assert!(matches!(judge(name, value), Verdict::Refused(_)), "{name}");
        }
        for (name, value) in [("linger.ms", "5"), ("max.in.flight", "5"), ("debug", "eos")] {
            assert_eq!(judge(name, value), Verdict::Fine, "{name}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in
            ["sasl.oauthbearer.client.secret", "ssl.key.pem", "sasl.oauthbearer.config", "ssl.key.password"]
        {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("linger.ms"));
    }
}
