//! Which options may be handed to librdkafka as they are.

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

const ORDER: &str = "the order of a key's records, and each record once, hang on it";
const LOSS: &str = "records would be given up before Kafka has them";
const OWN_ID: &str =
    "it is made of the cluster and the host id, so that a second agent of the node is fenced";
const READING: &str = "positions are read as they were committed, and nothing else";
const REPORTS: &str = "what Kafka has is known from delivery reports";
const FOREIGN_CODE: &str = "it would load foreign code into the agent";

/// Options that break a promise, and which.
const PROMISES: [(&str, &str); 31] = [
    ("transactional.id", OWN_ID),
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("queuing.strategy", ORDER),
    ("partitioner", ORDER),
    ("partitioner_cb", ORDER),
    ("msg_order_cmp", ORDER),
    ("acks", LOSS),
    ("request.required.acks", LOSS),
    ("retries", LOSS),
    ("message.send.max.retries", LOSS),
    ("message.timeout.ms", LOSS),
    ("delivery.timeout.ms", LOSS),
    ("produce.offset.report", REPORTS),
    ("delivery.report.only.error", REPORTS),
    ("dr_cb", REPORTS),
    ("dr_msg_cb", REPORTS),
    ("enabled_events", REPORTS),
    ("isolation.level", READING),
    ("group.id", READING),
    ("group.instance.id", READING),
    ("group.protocol", READING),
    ("auto.offset.reset", READING),
    ("enable.auto.commit", READING),
    ("auto.commit.enable", READING),
    ("enable.auto.offset.store", READING),
    ("enable.partition.eof", READING),
    ("plugin.library.paths", FOREIGN_CODE),
    ("interceptors", FOREIGN_CODE),
    ("test.mock.num.brokers", "records would go to a broker that is none"),
    ("log.queue", "librdkafka's log goes where ringtap's goes"),
];

/// The most requests under way to a broker with which an idempotent producer keeps the order.
const IN_FLIGHT_MAX: u64 = 5;

/// Contexts of `debug` that write what was configured, or what is said while authenticating.
const DEBUG_TELLS_SECRETS: [&str; 7] =
    ["all", "security", "conf", "plugin", "protocol", "msg", "interceptor"];

/// Judges an option by what it would break.
///
/// The sink refuses the same when it starts; here the reason is told with file and line, and all at once.
pub(super) fn judge(name: &str, value: &str) -> Verdict {
    if let Some((_, setting)) = TYPED.iter().find(|(typed, _)| *typed == name) {
        return Verdict::Refused(format!("decided by {setting}: set that, and leave this out"));
    }
    if let Some((_, promise)) = PROMISES.iter().find(|(option, _)| *option == name) {
        return Verdict::Refused(format!("would break a promise: {promise}"));
    }
    let tells = |context: &str| DEBUG_TELLS_SECRETS.contains(&context.trim());
    match name {
        "max.in.flight" | "max.in.flight.requests.per.connection"
            if !value.trim().parse().is_ok_and(|number| (1..=IN_FLIGHT_MAX).contains(&number)) =>
        {
            Verdict::Refused(format!(
                "would break a promise: order is kept with 1 to {IN_FLIGHT_MAX} requests under way"
            ))
        }
        "debug" if value.split(',').any(tells) => Verdict::Refused(format!(
            "would write secrets or data to the log: not one of {}",
            DEBUG_TELLS_SECRETS.join(", ")
        )),
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
