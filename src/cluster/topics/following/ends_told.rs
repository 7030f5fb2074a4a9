//! Asking where the topics end, and telling when all of that was read.

use std::{collections::BTreeMap, time::Instant};

use super::{Ask, Following, HANGING_GRACE, IDLE_INTERVAL, OWNERS, QUICK_INTERVAL, Step};
use crate::cluster::{
    core::Event,
    names::HostId,
    topics::{handover::Followed, reader::Place, settings::Role},
};

/// Up to where a partition of the ledger is to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// Its high watermark, asked for after its end was last told.
    end: u64,
    /// Its last stable offset, asked for after that was last told: while the end does not come.
    stable_end: Option<u64>,
    since: Instant,
    /// When it was told last that it takes far too long.
    told: Instant,
}

impl Goal {
    fn new(end: u64) -> Self {
        let now = Instant::now();
        Self { end, stable_end: None, since: now, told: now }
    }
}

impl Following<'_> {
    /// Returns true if it is not read yet what was asked for.
    pub(super) fn waits_for_ends(&self) -> bool {
        self.owners_goal.is_some() || !self.ledger_goals.is_empty()
    }

    /// Asks for the ends, once for all that want to know.
    pub(super) fn ask(&mut self) -> Step {
        if !self.spots.new_hosts().is_empty() {
            self.take_up_hosts()?;
        }
        let places: Vec<Place> =
            self.spots.iter().map(|(place, _)| place).filter(|place| place.0 != Role::Relay).collect();
        let has_goal = |place: &Place| {
            if *place == OWNERS { self.owners_goal.is_some() } else { self.ledger_goals.contains_key(place) }
        };
        if self.ask.is_some() || !places.iter().all(has_goal) {
            match self.ends.high_watermarks(&places) {
                Ok(ends) => self.ends_are(&ends)?,
                Err(error) => self.cannot(&error, "where the topics end can't be asked")?,
            }
        }
        self.ask_stable_ends()?;
        self.ask_due = Instant::now() + if self.is_quick() { QUICK_INTERVAL } else { IDLE_INTERVAL };
        Ok(())
    }

    fn ends_are(&mut self, ends: &BTreeMap<Place, u64>) -> Step {
        self.told = None;
        let positions = self.spots.positions();
        for (place, end) in ends {
            let position = positions.get(place).copied().unwrap_or(0);
            if *end < position {
                return Err(self.shrunk(*place, position, *end));
            }
        }
        for (place, end) in ends {
            match place.0 {
                Role::Owners => {
                    self.owners_goal.get_or_insert(*end);
                }
                Role::Ledger => {
                    self.ledger_goals.entry(*place).or_insert_with(|| Goal::new(*end));
                }
                Role::Relay => {}
            }
        }
        if let Some(answer) = self.ask.as_ref().and_then(|ask| self.answer(ask, ends)) {
            self.ask = None;
            self.send(Followed::Event(answer), 0)?;
        }
        Ok(())
    }

    fn answer(&self, ask: &Ask, ends: &BTreeMap<Place, u64>) -> Option<Event> {
        let end_of = |host: &HostId| {
            let place = (Role::Ledger, self.spots.partition(*host)?);
            ends.get(&place).map(|end| (*host, *end))
        };
        let positions = ask.hosts.iter().map(end_of).collect::<Option<Vec<_>>>()?;
        Some(Event::HighWatermarks { attempt: ask.attempt, positions })
    }

    /// Asks how far the partitions can be read whose ends do not come.
    fn ask_stable_ends(&mut self) -> Step {
        let is_late = |goal: &Goal| goal.stable_end.is_none() && goal.since.elapsed() >= IDLE_INTERVAL;
        let places: Vec<Place> =
            self.ledger_goals.iter().filter(|(_, goal)| is_late(goal)).map(|(place, _)| *place).collect();
        match self.reader.stable_ends(&places) {
            Ok(ends) => {
                for (place, end) in ends {
                    if let Some(goal) = self.ledger_goals.get_mut(&place) {
                        goal.stable_end = Some(end);
                    }
                }
                Ok(())
            }
            Err(error) => self.cannot(&error, "how far the topics can be read can't be asked"),
        }
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
        if self.owners_goal.is_some_and(|end| self.spots.position(OWNERS) >= end) {
            self.owners_goal = None;
            self.owners_are_new = false;
            self.send(Followed::Event(Event::OwnersAtEnd), 0)?;
        }
        self.look_for_ledger_ends()?;
        self.tell_of_open_transactions();
        Ok(())
    }

    fn look_for_ledger_ends(&mut self) -> Step {
        let mut told = Vec::new();
        for (place, spot) in self.spots.iter() {
            let (Some(host), Some(goal)) = (spot.host, self.ledger_goals.get_mut(&place)) else { continue };
            if spot.position >= goal.end {
                self.ledger_goals.remove(&place);
                told.push(Event::LedgerAtEnd { host });
            } else if goal.stable_end.take_if(|end| spot.position >= *end).is_some() {
                told.push(Event::LedgerAtStableEnd { host });
            }
        }
        for event in told {
            self.send(Followed::Event(event), 0)?;
        }
        Ok(())
    }

    /// A transaction that its broker forgot to end (Kafka before 3.6) hides what is behind it for ever.
    fn tell_of_open_transactions(&mut self) {
        let kafka = &self.start.options.kafka;
        let limit = kafka.transaction_timeout + HANGING_GRACE;
        if self.told.is_some() {
            return;
        }
        let topic = self.start.options.topic(Role::Ledger);
        for (place, goal) in &mut self.ledger_goals {
            if goal.told.elapsed() < limit {
                continue;
            }
            goal.told = Instant::now();
            let (partition, position, end) = (place.1, self.spots.position(*place), goal.end);
            let host = self.spots.host(*place).map(|host| host.to_string()).unwrap_or_default();
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
