//! What is published: the batch in hand, of changes of the own log and of those that other agents sent.

use std::collections::HashMap;

use crate::{
    agent::{accounting::Accounting, reading::count_records, tables::TableFilter},
    change::Change,
    cluster::names::HostId,
    record::{
        BatchWriter, Deletes, LateChanges, Made, Node, PartitionBy, RecordError, RecordPlace, TopicNames,
    },
    sink::{RecordBatch, RecordMarks},
};

/// The batch in hand, and who writes into it.
pub(super) struct Records {
    form: RecordForm,
    /// Of the own log.
    pub(super) own: BatchWriter,
    /// Of others': records name the node whose log the change stands in.
    others: HashMap<HostId, BatchWriter>,
    pub(super) tables: TableFilter,
    pub(super) batch: RecordBatch,
    pub(super) counted: Accounting,
    /// To see whether a record can be made.
    trial: RecordBatch,
}

/// What records look like.
#[derive(Debug, Clone)]
pub(super) struct RecordForm {
    pub(super) cluster: Box<str>,
    pub(super) host: HostId,
    pub(super) names: TopicNames,
    pub(super) deletes: Deletes,
    pub(super) partition_by: PartitionBy,
    pub(super) late: LateChanges,
}

impl RecordForm {
    fn writer(&self, host: HostId) -> BatchWriter {
        let node = Node { cluster: Some(self.cluster.clone()), host_id: Some(host.to_string().into()) };
        BatchWriter::new(node, self.names.clone(), self.deletes, self.partition_by).with_late(self.late)
    }
}

impl Records {
    pub(super) fn new(form: RecordForm, tables: TableFilter) -> Self {
        Self {
            own: form.writer(form.host),
            form,
            others: HashMap::new(),
            tables,
            batch: RecordBatch::default(),
            counted: Accounting::default(),
            trial: RecordBatch::default(),
        }
    }

    /// Appends the records of a change that another node's agent sent.
    pub(super) fn write_relayed(
        &mut self,
        from: HostId,
        place: RecordPlace,
        change: &Change<'_>,
        is_late: bool,
    ) -> Result<(), RecordError> {
        let Self { form, others, batch, counted, .. } = self;
        let writer = others.entry(from).or_insert_with(|| form.writer(from));
        let made = writer.write(change, place, RecordMarks { early: false, late: is_late }, batch)?;
        counted.late_changes += u64::from(is_late);
        if made == Made::Records {
            counted.newest_write = counted.newest_write.max(Some(change.timestamp));
        }
        Ok(())
    }

    /// Says whether the record of a change can be made, without publishing it.
    pub(super) fn check(&mut self, place: RecordPlace, change: &Change<'_>) -> Result<(), RecordError> {
        let checked = self.own.write(change, place, RecordMarks::default(), &mut self.trial);
        self.trial.clear();
        checked.map(|_| ())
    }

    /// Takes what was counted since the last batch, with the records of this one.
    pub(super) fn take_counted(&mut self, batch: &RecordBatch) -> Accounting {
        let mut counted = std::mem::take(&mut self.counted);
        count_records(batch, &mut counted);
        counted
    }
}
