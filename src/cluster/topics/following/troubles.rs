//! What a follower does when something is not as it was, or can't be reached.

use std::time::Instant;

use rdkafka::error::KafkaError;

use super::{DOING, End, Following, IDLE_INTERVAL, OWNERS, Step, TELL_INTERVAL};
use crate::{
    cluster::{
        names::HostId,
        record::OwnersRecord,
        topics::{
            TopicsError,
            init::Init,
            reader::{Place, Reader},
            settings::Role,
        },
    },
    sink::kafka::{Meaning, SinkErrorKind, admin_code, lost, meaning},
};

impl Following<'_> {
    pub(super) fn check_range(
        &self,
        place: Place,
        host: HostId,
        position: u64,
        (begin, end): (u64, u64),
    ) -> Step {
        let topic = self.start.options.topic(place.0);
        if position < begin {
            let partition = place.1;
            return Err(TopicsError::LedgerTooLate { topic, host, partition, position, begin }.into());
        }
        if position > end {
            return Err(TopicsError::Shrunk { topic, partition: place.1, position, end }.into());
        }
        Ok(())
    }

    /// A partition ends before what was read of it. A topic that was made anew says more than one that became shorter.
    pub(super) fn shrunk(&mut self, place: Place, position: u64, end: u64) -> End {
        if let Err(error) = self.check_first_record() {
            return error;
        }
        let topic = self.start.options.topic(place.0);
        TopicsError::Shrunk { topic, partition: place.1, position, end }.into()
    }

    /// Looks whether what is to be read is there, and the owners topic is the one it was.
    pub(super) fn check(&mut self) -> Step {
        self.check_due = Instant::now() + self.start.options.check_interval;
        let places: Vec<Place> = self.spots.iter().map(|(place, _)| place).collect();
        let begins = match self.ends.begins(&places) {
            Ok(begins) => begins,
            Err(error) => {
                self.check_due = Instant::now() + IDLE_INTERVAL;
                return self.cannot(&error, "where the topics begin can't be asked");
            }
        };
        if let Some(begin) = begins.get(&OWNERS).copied().filter(|begin| *begin > 0) {
            return Err(
                TopicsError::OwnersCut { topic: self.start.options.topic(Role::Owners), begin }.into()
            );
        }
        for (place, spot) in self.spots.iter() {
            let begin = begins.get(&place).copied().unwrap_or(0);
            if let (Role::Ledger, Some(host)) = (place.0, spot.host) {
                self.check_range(place, host, spot.position, (begin, u64::MAX))?;
            }
        }
        self.check_first_record()
    }

    pub(super) fn check_first_record(&mut self) -> Step {
        let Some(known) = &self.first_owners else { return Ok(()) };
        match self.ends.first_of_owners() {
            Ok(Some(first)) if first == *known => Ok(()),
            Ok(found) => {
                let record = found.and_then(|bytes| OwnersRecord::decode(&bytes).ok());
                let found = record.as_ref().and_then(Init::of).map(|init| init.uuid);
                let (topic, expected) = (self.start.options.topic(Role::Owners), self.start.init.uuid);
                Err(TopicsError::OtherOwners { topic, expected, found }.into())
            }
            Err(error) => {
                self.check_due = Instant::now() + IDLE_INTERVAL;
                self.cannot(&error, "the owners topic's first record can't be read")
            }
        }
    }

    /// Something is not where it was to be read from.
    pub(super) fn gone(&mut self, error: &KafkaError) -> Step {
        tracing::debug!(%error, "something to be read is not there");
        self.check()?;
        // It is: the reader looked at a bad moment.
        self.begin_again(error)
    }

    /// Makes a new reader, that goes on where this one is: nothing is passed over or told twice.
    pub(super) fn begin_again(&mut self, error: &KafkaError) -> Step {
        self.cannot(error, "the cluster's topics can't be read")?;
        if self.start.stop.wait(self.backoff.next_wait()) {
            return Ok(());
        }
        let made = Reader::new(&self.start.options, self.context.clone());
        let reader = made.map_err(|error| End::from(lost(DOING, &error, "")))?;
        if let Err(error) = reader.add(&self.spots.positions()) {
            return Err(lost(DOING, &error, "").into());
        }
        self.reader = reader;
        Ok(())
    }

    /// Tells of a trouble; ends with one that trying again does not mend.
    pub(super) fn cannot(&mut self, error: &KafkaError, what: &'static str) -> Step {
        let code = admin_code(error);
        let cause = code.map_or_else(|| error.clone(), KafkaError::MetadataFetch);
        let kafka = lost(DOING, &cause, "");
        let may_pass = code.is_none_or(|code| meaning(code) == Meaning::Passing);
        if kafka.kind() == SinkErrorKind::Config && !may_pass {
            return Err(kafka.into());
        }
        if self.told.is_none_or(|at| at.elapsed() >= TELL_INTERVAL) {
            self.told = Some(Instant::now());
            let silent = self.context.why_silent(DOING);
            if kafka.kind() == SinkErrorKind::Denied || silent.kind() == SinkErrorKind::Denied {
                let topics = "Read, Write and Describe on the owners, ledger and relay topics";
                tracing::error!(error = %kafka, %silent, "{what}; the agent needs the rights {topics}");
            } else {
                tracing::warn!(error = %kafka, "{what}");
            }
        }
        Ok(())
    }
}
