//! Signals of the operating system.

use std::{io, thread, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use super::stops::Stops;

/// Watches signals in a thread of its own: SIGTERM and SIGINT ask for a graceful stop, a second one or `patience`
/// without an end for one at once; SIGHUP calls `reload`.
///
/// The thread lives as long as the process.
pub fn watch(stop: Stops, patience: Duration, mut reload: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    // Handlers are in place before this returns: a signal right after the start does not kill.
    let (mut terminate, mut interrupt, mut hang_up) = {
        let _entered = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async move {
            let mut give_up = None;
            loop {
                let wake = give_up.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
                tokio::select! {
                    _ = terminate.recv() => escalate(&stop, &mut give_up, patience),
                    _ = interrupt.recv() => escalate(&stop, &mut give_up, patience),
                    _ = hang_up.recv() => reload(),
                    () = sleep_until(wake) => if give_up.is_some() {
                        tracing::warn!(patience_seconds = patience.as_secs(), "stopping at once: what is not committed is read again by the next run");
                        stop.now.stop();
                        give_up = None;
                    },
                }
            }
        });
    })?;
    Ok(())
}

fn escalate(stop: &Stops, give_up: &mut Option<Instant>, patience: Duration) {
    if stop.graceful.is_stopped() {
        stop.now.stop();
        return;
    }
    tracing::info!("stopping: publishing what was read");
    stop.graceful.stop();
    *give_up = Some(Instant::now() + patience);
}
