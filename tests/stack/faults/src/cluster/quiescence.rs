//! Waiting until all is published and audited.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::member::Member;

/// How long all agents have to say it. Longer than a node takes to sync what it has written.
const STABLE_FOR: Duration = Duration::from_secs(3);
/// How far behind an agent may be that works for itself: its node writes tables of its own all the time. In seconds.
const LAG_MAX: f64 = 1.0;
/// How often they are asked.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until all agents have said for a while that their logs are read and audited to the end and nothing is pending;
/// returns how long it took. An error says in words what was missing.
pub(super) fn wait_until_quiet(members: &mut [Member], within: Duration) -> Result<Duration, String> {
    let began = Instant::now();
    let mut quiet_since: Option<Instant> = None;
    loop {
        let unrest: Vec<String> =
            members.iter_mut().filter(|member| member.is_in).filter_map(unrest).collect();
        if unrest.is_empty() {
            if quiet_since.get_or_insert_with(Instant::now).elapsed() > STABLE_FOR {
                return Ok(began.elapsed());
            }
        } else {
            quiet_since = None;
        }
        if began.elapsed() > within {
            return Err(format!("not quiet within {within:?}: {}", unrest.join("; ")));
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns in words what an agent still has to do.
pub(super) fn unrest(member: &mut Member) -> Option<String> {
    let number = member.node.number();
    match member.agent.ended() {
        Ok(None) => {}
        Ok(Some(status)) => return Some(format!("agent {number} ended with {status}")),
        Err(error) => return Some(format!("agent {number}: {error:#}")),
    }
    if member.is_alone {
        return match member.agent.status() {
            Ok(status)
                if status.get("lag_seconds").and_then(Value::as_f64).is_some_and(|lag| lag < LAG_MAX) =>
            {
                None
            }
            Ok(status) => Some(format!("agent {number} says {status}")),
            Err(error) => Some(format!("agent {number}: {error:#}")),
        };
    }
    match member.cluster_status() {
        Ok(status) if is_quiet(&status) => None,
        Ok(status) => Some(format!("agent {number} says {status}")),
        Err(error) => Some(format!("agent {number}: {error:#}")),
    }
}

/// Says whether the `cluster` of a status tells that nothing is left to do.
fn is_quiet(status: &Value) -> bool {
    status.get("is_caught_up").and_then(Value::as_bool) == Some(true)
        && status.get("session").is_some_and(|session| !session.is_null())
        && status.get("pending_changes").and_then(Value::as_u64) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_quiet_only_with_a_session_caught_up_and_with_nothing_pending() {
        let status = |text: &str| is_quiet(&serde_json::from_str(text).unwrap());
        assert!(status(r#"{"session":"7","is_caught_up":true,"pending_changes":0}"#));
        for not in [
            r#"{"session":null,"is_caught_up":true,"pending_changes":0}"#,
            r#"{"session":"7","is_caught_up":false,"pending_changes":0}"#,
            r#"{"session":"7","is_caught_up":true,"pending_changes":1}"#,
            r#"{"session":"7","is_caught_up":true}"#,
            "{}",
        ] {
            assert!(!status(not), "{not}");
        }
    }
}
