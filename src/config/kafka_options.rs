//! Which options may be handed to librdkafka as they are.

use super::sections::Delivery;

/// What is thought of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// With the reason, and what to do instead.
    Refused(String),
}

/// Options that one of our own settings decides: the option's name, then the setting's.
const TYPED: [(&str, &str); 21] = [
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
    ("compression.codec", "kafka.options.\"compression.type\""),
];

/// Options whose every other value breaks a promise: name, the values that don't, and the promise.
const PROMISES: [(&str, &[&str], &str); 12] = [
    ("enable.idempotence", &["true"], "retries would write records twice and out of order"),
    (
        "acks",
        &["all", "-1"],
        "a record is published when all in-sync copies have it; with less, a broker's death loses it",
    ),
    (
        "request.required.acks",
        &["all", "-1"],
        "a record is published when all in-sync copies have it; with less, a broker's death loses it",
    ),
    (
        "transactional.id",
        &[],
        "it is the node's own, made of cluster and host id, so that a second agent is fenced",
    ),
    (
        "partitioner",
        &[],
        "the partition is computed from the partition key, so that a Cassandra partition's changes stay in order",
    ),
    ("message.timeout.ms", &["0"], "a record is never given up; the log waits for Kafka"),
    ("delivery.timeout.ms", &["0"], "a record is never given up; the log waits for Kafka"),
    ("retries", &["2147483647"], "a record is never given up; the log waits for Kafka"),
    ("message.send.max.retries", &["2147483647"], "a record is never given up; the log waits for Kafka"),
    ("isolation.level", &["read_committed"], "positions of aborted transactions would be taken for true"),
    ("enable.auto.commit", &["false"], "positions are kept by ringtap, in the transaction of the records"),
    (
        "enable.auto.offset.store",
        &["false"],
        "positions are kept by ringtap, in the transaction of the records",
    ),
];

/// The most requests under way to a broker with which an idempotent producer keeps the order.
const IN_FLIGHT_MAX: u64 = 5;

/// Judges an option by what it would break.
pub(super) fn judge(name: &str, value: &str, delivery: Delivery) -> Verdict {
    if let Some((_, setting)) = TYPED.iter().find(|(typed, _)| *typed == name) {
        return Verdict::Refused(format!("decided by {setting}: set that, and leave this out"));
    }
    let in_flight = ["max.in.flight", "max.in.flight.requests.per.connection"];
    if in_flight.contains(&name) && value.parse::<u64>().is_ok_and(|number| number > IN_FLIGHT_MAX) {
        return Verdict::Refused(format!(
            "would break a promise: with more than {IN_FLIGHT_MAX} requests under way order is lost"
        ));
    }
    if delivery == Delivery::AtLeastOnce && name == "transactional.id" {
        return Verdict::Refused(
            "not used with kafka.delivery = \"at-least-once\": no transactions are made".to_owned(),
        );
    }
    match PROMISES.iter().find(|(option, _, _)| *option == name) {
        Some((_, good, promise)) if !good.contains(&value) => {
            Verdict::Refused(format!("would break a promise: {promise}"))
        }
        _ => Verdict::Fine,
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
            ("transactional.id", "mine"),
        ];
        for (name, value) in broken {
            let verdict = judge(name, value, Delivery::ExactlyOnce);
            assert!(matches!(verdict, Verdict::Refused(_)), "{name}");
        }
        for (name, value) in [("acks", "all"), ("linger.ms", "5"), ("max.in.flight", "5"), ("debug", "eos")] {
            assert_eq!(judge(name, value, Delivery::ExactlyOnce), Verdict::Fine, "{name}");
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
