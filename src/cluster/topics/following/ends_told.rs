//! Asking where the topics end, and telling when all of that was read.

use std::{collections::BTreeMap, time::Instant};

use super::{Ask, Following, HANGING_GRACE, IDLE_INTERVAL, OWNERS, QUICK_INTERVAL, Step};
use crate::cluster::{
    core::Event,
    names::HostId,
    topics::{handover::Followed, reader::Place, settings::Role},
};

impl Following<'_> {
    /// Asks for the ends, once for all that want to know.
    pub(super) fn ask(&mut self) -> Step {
        if !self.spots.new_hosts().is_empty() {
            self.take_up_hosts()?;
        }
        let wait_for_ends = self.owners_goal.is_some() && self.ledger_goal.is_some() && self.ask.is_none();
        if !wait_for_ends {
            let places: Vec<Place> =
                self.spots.iter().map(|(place, _)| place).filter(|place| place.0 != Role::Relay).collect();
            match self.ends.high_watermarks(&places) {
                Ok(ends) => self.ends_are(&ends)?,
                Err(error) => self.cannot(&error, "where the topics end can't be asked")?,
            }
        }
        self.ask_due = Instant::now() + if self.is_quick() { QUICK_INTERVAL } else { IDLE_INTERVAL };
        Ok(())
    }

    pub(super) fn ends_are(&mut self, ends: &BTreeMap<Place, u64>) -> Step {
        self.told = None;
        let positions = self.spots.positions();
        for (place, end) in ends {
            let position = positions.get(place).copied().unwrap_or(0);
            if *end < position {
                return Err(self.shrunk(*place, position, *end));
            }
        }
        let of =
            |role| ends.iter().filter(move |(place, _)| place.0 == role).map(|(place, end)| (*place, *end));
        if self.owners_goal.is_none() {
            self.owners_goal = Some(of(Role::Owners).collect());
        }
        // With records of the owners topic unread, there may be partitions that are not known yet.
        let owners_are_read = positions.get(&OWNERS) >= ends.get(&OWNERS);
        if self.ledger_goal.is_none() && owners_are_read && self.spots.new_hosts().is_empty() {
            self.ledger_goal = Some(of(Role::Ledger).collect());
            self.ledger_goal_since = Instant::now();
        }
        if let Some(answer) = self.ask.as_ref().and_then(|ask| self.answer(ask, ends)) {
            self.ask = None;
            self.send(Followed::Event(answer), 0)?;
        }
        Ok(())
    }

    pub(super) fn answer(&self, ask: &Ask, ends: &BTreeMap<Place, u64>) -> Option<Event> {
        let end_of = |host: &HostId| {
            let place = (Role::Ledger, self.spots.partition(*host)?);
            ends.get(&place).map(|end| (*host, *end))
        };
        let positions = ask.hosts.iter().map(end_of).collect::<Option<Vec<_>>>()?;
        Some(Event::HighWatermarks { attempt: ask.attempt, positions })
    }

    pub(super) fn look_for_ends(&mut self) -> Step {
        let positions = match self.reader.positions() {
            Ok(positions) => positions,
            Err(error) => return self.cannot(&error, "how far the topics were read can't be told"),
        };
        self.spots.read_to(&positions);
        for (host, position) in self.spots.untold() {
            self.send(Followed::Event(Event::LedgerPosition { host, position }), 0)?;
        }
        if self.owners_goal.as_ref().is_some_and(|goal| self.spots.have_reached(goal)) {
            self.owners_goal = None;
            self.owners_are_new = false;
            self.send(Followed::Event(Event::OwnersAtEnd), 0)?;
        }
        if self.ledger_goal.as_ref().is_some_and(|goal| self.spots.have_reached(goal)) {
            self.ledger_goal = None;
            self.send(Followed::Event(Event::LedgerAtEnd), 0)?;
        }
        self.tell_of_open_transactions();
        Ok(())
    }

    /// A transaction that its broker forgot to end (Kafka before 3.6) hides what is behind it for ever.
    pub(super) fn tell_of_open_transactions(&mut self) {
        let Some(goal) = &self.ledger_goal else { return };
        let kafka = &self.start.options.kafka;
        if self.told.is_some() || self.ledger_goal_since.elapsed() < kafka.transaction_timeout + HANGING_GRACE
        {
            return;
        }
        self.ledger_goal_since = Instant::now();
        let topic = self.start.options.topic(Role::Ledger);
        for (place, spot) in self.spots.iter() {
            let (partition, position) = (place.1, spot.position);
            let Some(end) = goal.get(&place).filter(|end| **end > position) else { continue };
            let host = spot.host.map(|host| host.to_string()).unwrap_or_default();
            tracing::error!(
                host,
                end,
                "the ledger of a host can't be read beyond an open transaction that should have ended long ago: nobody can take \
                 over from any host. If it hangs, end it: kafka-transactions.sh --bootstrap-server {} abort --topic {topic} \
                 --partition {partition} --start-offset {position}",
                kafka.brokers
            );
        }
    }
}
