//! Notifications of the file system. They only make things faster: nothing depends on their coming.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// Watches directories.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// With device and inode of what is watched.
    directories: Vec<(PathBuf, Option<(u64, u64)>)>,
    /// True once names in the directories changed, or notifications got lost.
    names_changed: Arc<AtomicBool>,
    bell: Receiver<()>,
}

/// What a notification means for us.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// Nothing: opened files, our own among them, and what was closed without having been written to.
    None,
    /// A file's content or number of names changed.
    Content,
    /// Files came, went or were renamed, or notifications got lost.
    Names,
}

fn news(event: &Event) -> News {
    if event.need_rescan() {
        return News::Names;
    }
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => News::Content,
        EventKind::Access(_) => News::None,
        EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Create(_)
        | EventKind::Remove(_)
        | EventKind::Any
        | EventKind::Other => News::Names,
        EventKind::Modify(_) => News::Content,
    }
}

impl Watch {
    /// Watches directories; where that is not possible, says so in the log and does without.
    pub(super) fn new(directories: Vec<PathBuf>) -> Self {
        let (sender, bell) = sync_channel(1);
        let names_changed = Arc::new(AtomicBool::new(true));
        let watcher = match watcher(sender, Arc::clone(&names_changed)) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "no notifications of the file system: directories are listed by the timer alone");
                None
            }
        };
        let directories = directories.into_iter().map(|directory| (directory, None)).collect();
        let mut watch = Self { watcher, directories, names_changed, bell };
        watch.renew_if_replaced();
        watch
    }

    /// Watches those directories anew that are other ones than before under the same names.
    pub(super) fn renew_if_replaced(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (directory, watched) in &mut self.directories {
            let there = fs::metadata(&*directory).ok().map(|metadata| (metadata.dev(), metadata.ino()));
            if there.is_none() || there == *watched {
                continue;
            }
            *watched = there;
            // The first time it is not watched, which is all the same.
            let _ = watcher.unwatch(directory);
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::warn!(directory = %directory.display(), %error, "directory cannot be watched: the timer alone tells of its files");
            }
        }
    }

    /// Returns whether names changed since they were last taken.
    pub(super) fn names_changed(&self) -> bool {
        self.names_changed.load(Ordering::Acquire)
    }

    /// Returns whether names changed since the last call.
    pub(super) fn take_names_changed(&self) -> bool {
        self.names_changed.swap(false, Ordering::AcqRel)
    }

    /// Sleeps until a notification comes or the time is over. Returns true for a notification.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        match self.bell.recv_timeout(at_most) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(at_most);
                false
            }
        }
    }
}

fn watcher(bell: SyncSender<()>, names_changed: Arc<AtomicBool>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error means that notifications may be missing.
        let news = event.as_ref().map_or(News::Names, news);
        if news == News::Names {
            names_changed.store(true, Ordering::Release);
        }
        if news != News::None {
            // A bell that rings already is enough.
            let _ = bell.try_send(());
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use notify::event::{AccessKind, CreateKind, DataChange, Flag, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn lost_notifications_and_changed_names_ask_for_a_listing_and_opens_for_nothing() {
        let kinds = [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), News::None),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), News::None),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), News::Content),
            (EventKind::Modify(ModifyKind::Data(DataChange::Any)), News::Content),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), News::Names),
            (EventKind::Create(CreateKind::File), News::Names),
            (EventKind::Remove(RemoveKind::File), News::Names),
        ];
        for (kind, wanted) in kinds {
            assert_eq!(news(&Event::new(kind)), wanted, "{kind:?}");
        }
        assert_eq!(news(&Event::new(EventKind::Other).set_flag(Flag::Rescan)), News::Names);
    }

    #[test]
    fn a_new_file_wakes_and_opening_it_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let watch = Watch::new(vec![directory.path().into()]);
        assert!(watch.take_names_changed(), "the first listing is due");
        fs::write(directory.path().join("a"), "a").unwrap();
        assert!(watch.wait(Duration::from_secs(10)));
        let until = Instant::now() + Duration::from_secs(10);
        while !watch.take_names_changed() {
            assert!(Instant::now() < until);
            watch.wait(Duration::from_millis(10));
        }
        while watch.wait(Duration::from_millis(200)) {}
        let _ = watch.take_names_changed();
        fs::read(directory.path().join("a")).unwrap();
        assert!(!watch.wait(Duration::from_millis(200)) && !watch.take_names_changed());
    }
}
