//! Options of librdkafka that nobody may set from outside, and why.

use std::collections::BTreeMap;

/// Why an option is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("librdkafka option `{option}` is refused: {reason}")]
pub struct RefusedOption {
    /// Which one.
    pub option: String,
    /// Which promise it would break, or where to set it.
    pub reason: &'static str,
}

/// Options that hold secrets: they are taken from files or the environment alone, and never shown.
const SECRETS: [&str; 9] = [
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "ssl_key",
];

const OWN_ID: &str =
    "it is made of the cluster and the host id, so that a second agent of the node is fenced";
const OWN: &str = "it is set by an option of ringtap's own";
const ORDER: &str = "the order of a key's records, and each record once, hang on it";
const LOSS: &str = "records would be given up before Kafka has them";
const READING: &str =
    "it belongs to the reading of positions, which must see what is committed and nothing else";

/// Options with a fixed value, and those that another option decides.
const REFUSED: [(&str, &str); 39] = [
    ("bootstrap.servers", OWN),
    ("metadata.broker.list", OWN),
    ("transactional.id", OWN_ID),
    ("transaction.timeout.ms", OWN),
    ("queue.buffering.max.kbytes", OWN),
    ("queue.buffering.max.messages", OWN),
    ("message.max.bytes", OWN),
    ("log_level", "librdkafka's log goes where ringtap's goes"),
    ("log.queue", "librdkafka's log goes where ringtap's goes"),
    ("log.thread.name", "librdkafka's log goes where ringtap's goes"),
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("retries", ORDER),
    ("message.send.max.retries", ORDER),
    ("queuing.strategy", ORDER),
    ("partitioner", ORDER),
    ("partitioner_cb", ORDER),
    ("msg_order_cmp", ORDER),
    ("acks", LOSS),
    ("request.required.acks", LOSS),
    ("message.timeout.ms", LOSS),
    ("delivery.timeout.ms", LOSS),
    ("produce.offset.report", "delivery reports are ringtap's own"),
    ("delivery.report.only.error", "delivery reports are ringtap's own"),
    ("dr_cb", "delivery reports are ringtap's own"),
    ("dr_msg_cb", "delivery reports are ringtap's own"),
    ("enabled_events", "delivery reports are ringtap's own"),
    ("allow.auto.create.topics", "topics are made with the settings of `kafka.topics`"),
    ("isolation.level", READING),
    ("group.id", READING),
    ("group.instance.id", READING),
    ("group.protocol", READING),
    ("auto.offset.reset", READING),
    ("enable.auto.commit", READING),
    ("auto.commit.enable", READING),
    ("enable.auto.offset.store", READING),
    ("enable.partition.eof", READING),
    ("plugin.library.paths", "it would load foreign code into the agent"),
    ("interceptors", "it would load foreign code into the agent"),
];

/// Contexts of `debug` that write what was configured, or what is said while authenticating.
const DEBUG_TELLS_SECRETS: [&str; 7] =
    ["all", "security", "conf", "plugin", "protocol", "msg", "interceptor"];

/// Requests that may be on their way to a broker at a time; with more, the idempotent producer loses the order.
const IN_FLIGHT_MAX: u32 = 5;

/// Returns true if the option's value is a secret.
pub fn is_secret(option: &str) -> bool {
    SECRETS.contains(&option)
}

/// Checks options that are passed through to librdkafka: those that would break a promise are refused, and so are
/// secrets, which have a way of their own.
pub fn check_options(options: &BTreeMap<String, String>) -> Result<(), RefusedOption> {
    for (option, value) in options {
        let is_secret = is_secret(option)
            .then_some("secrets are given by file or environment variable, not among the options");
        if let Some(reason) = is_secret.or_else(|| reason_against(option, value)) {
            return Err(RefusedOption { option: option.clone(), reason });
        }
    }
    Ok(())
}

/// Returns why an option is refused, wherever it comes from; secrets are not looked at.
pub(crate) fn reason_against(option: &str, value: &str) -> Option<&'static str> {
    if option.starts_with("test.") {
        return Some("records would go to a broker that is none");
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == option) {
        return Some(reason);
    }
    let tells = |context: &str| DEBUG_TELLS_SECRETS.contains(&context.trim());
    match option {
        "max.in.flight" | "max.in.flight.requests.per.connection"
            if value.trim().parse::<u32>().map_or(true, |most| most == 0 || most > IN_FLIGHT_MAX) =>
        {
            Some("the order of a key's records is kept with 1 to 5 requests in flight")
        }
        "debug" if value.split(',').any(tells) => Some(
            "the contexts all, security, conf, plugin, protocol, msg and interceptor can write secrets or data to the log",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(option: &str, value: &str) -> bool {
        check_options(&[(option.to_owned(), value.to_owned())].into_iter().collect()).is_err()
    }

    #[test]
    fn options_that_break_a_promise_are_refused_whatever_their_value() {
        for option in [
            "enable.idempotence",
            "acks",
            "request.required.acks",
            "transactional.id",
            "isolation.level",
            "partitioner",
            "message.timeout.ms",
            "delivery.timeout.ms",
            "retries",
            "queuing.strategy",
            "test.mock.num.brokers",
            "plugin.library.paths",
        ] {
            assert!(refused(option, "1") && refused(option, "true"), "{option}");
        }
    }

    #[test]
    fn the_number_of_requests_in_flight_keeps_the_order() {
        for option in ["max.in.flight", "max.in.flight.requests.per.connection"] {
            assert!(!refused(option, "1") && !refused(option, "5"));
            assert!(refused(option, "6") && refused(option, "0") && refused(option, "many"));
        }
    }

    #[test]
    fn secrets_and_debug_output_that_holds_them_are_refused() {
        assert!(SECRETS.iter().all(|secret| refused(secret, "x")));
        assert!(refused("debug", "all") && refused("debug", "broker, security"));
        assert!(!refused("debug", "broker,topic,eos"));
        let error = check_options(&[("sasl.password".into(), "hunter2".into())].into_iter().collect());
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn what_only_tunes_passes() {
        for (option, value) in [
            ("linger.ms", "20"),
            ("compression.type", "zstd"),
            ("batch.size", "65536"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "cdc"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("client.id", "x"),
            ("socket.keepalive.enable", "true"),
        ] {
            assert!(!refused(option, value), "{option}");
        }
    }
}
