//! Fences that are refused at first.

use std::time::Duration;

use ringtap::cluster::core::Event;
use secrecy::SecretString;

use super::{
    super::broker::shared,
    agents::{Ledger, Listener, establish, host, options},
};

const PASSWORD: &str = "canary-fence-password";

#[test]
fn a_fence_that_is_refused_holds_up_no_other_and_is_tried_until_it_is_allowed() {
    let (broker, _used) = shared();
    let init = establish(&options(&broker.address, "rights", 1));
    let mut secure = options(&broker.secure, "rights", 1);
    for (option, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "fencer"),
    ] {
        secure.kafka.librdkafka.insert(option.into(), value.into());
    }
    secure.kafka.secrets.insert("sasl.password".into(), SecretString::from(PASSWORD));
    broker.set_password("fencer", PASSWORD);
    broker.allow("fencer", &["--operation", "All", "--topic", "*"]);
    let id = |of| secure.names.transactional_id(host(of));
    broker
        .allow("fencer", &["--operation", "Write", "--operation", "Describe", "--transactional-id", &id(3)]);

    let mut refused = Ledger::connect(&options(&broker.address, "rights", 2), 1);
    let mut listener = Listener::begin(&secure, init, [].into());
    listener.topics.fence(1, host(2));
    listener.topics.fence(1, host(3));
    listener.until_event(&Event::Fenced { attempt: 1, host: host(3) });
    refused.commit([1]);
    let from = listener.gather(Duration::from_secs(1));
    assert_eq!(listener.count(from, &Event::Fenced { attempt: 1, host: host(2) }), 0);
    broker
        .allow("fencer", &["--operation", "Write", "--operation", "Describe", "--transactional-id", &id(2)]);
    listener.until_event(&Event::Fenced { attempt: 1, host: host(2) });
    refused.send([2]);
    refused.sink.commit_without_position().unwrap_err();
}
