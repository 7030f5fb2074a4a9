//! The reader of topics against a real broker: `RINGTAP_TEST_BROKERS=127.0.0.1:9092 cargo test -p ringtap-faults -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Offset,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use ringtap::checker::{ReadTopicsError, TopicReader};

const WAIT: Duration = Duration::from_secs(20);

fn brokers() -> String {
    std::env::var("RINGTAP_TEST_BROKERS").expect("RINGTAP_TEST_BROKERS names a broker")
}

fn send(producer: &BaseProducer, topic: &str, values: std::ops::Range<u32>) {
    for value in values {
        let value = value.to_string();
        producer.send(BaseRecord::<str, str>::to(topic).partition(0).key("k").payload(&value)).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

fn read(reader: &TopicReader, topic: &Arc<str>, within: Duration) -> Result<Vec<u32>, ReadTopicsError> {
    let mut values = Vec::new();
    reader.read_to_end(topic, 2, within, &mut |record| {
        let text = String::from_utf8(record.value.unwrap().into_vec()).unwrap();
        values.push(text.parse().unwrap());
        ControlFlow::Continue(())
    })?;
    Ok(values)
}

#[tokio::test]
#[ignore = "needs a broker"]
async fn what_is_committed_is_read_and_an_open_transaction_is_waited_for() {
    let run = format!("reader-{}", uuid::Uuid::from_u128(fastrand::u128(..)).simple());
    let topic: Arc<str> = format!("{run}.k.t").into();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let made = NewTopic::new(&topic, 2, TopicReplication::Fixed(1));
    admin.create_topics([&made], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let reader = TopicReader::new(&brokers(), &[]);
    assert_eq!(reader.topics(&run).unwrap().into_iter().collect::<Vec<_>>(), [(Arc::clone(&topic), 2)]);
    assert_eq!(read(&reader, &topic, WAIT).unwrap(), [] as [u32; 0]);

    config.set("transactional.id", &run);
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, &topic, 0..10);
    producer.commit_transaction(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, &topic, 10..15);
    producer.abort_transaction(WAIT).unwrap();
    assert_eq!(
        read(&reader, &topic, WAIT).unwrap(),
        (0..10).collect::<Vec<_>>(),
        "an aborted one at the end"
    );

    producer.begin_transaction().unwrap();
    send(&producer, &topic, 15..18);
    let error = read(&reader, &topic, Duration::from_secs(1)).unwrap_err();
    assert!(
        matches!(error, ReadTopicsError::OpenTransaction { partition: 0, stable: 17, end: 20, .. }),
        "{error:?}"
    );
    let ending = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        producer.commit_transaction(WAIT).unwrap();
    });
    let expected: Vec<u32> = (0..10).chain(15..18).collect();
    assert_eq!(read(&reader, &topic, WAIT).unwrap(), expected);
    ending.join().unwrap();

    let mut followed: Vec<u32> = Vec::new();
    reader
        .follow(&run, Offset::Beginning, &mut |record| {
            if let Some(record) = record {
                followed.push(String::from_utf8(record.value.unwrap().into_vec()).unwrap().parse().unwrap());
            }
            if followed.len() == 13 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(followed, expected);
}
