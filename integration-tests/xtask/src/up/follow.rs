//! What `up` prints while the proxy runs.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::policy::Watch;
use crate::error::Error;
use crate::follow::Follower;
use crate::readable::{self, HEADER, Style};
use crate::stack::{Proxy, Stack};
use crate::{process, workspace};

/// How often the policy file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Prints decisions and what the filter says, and publishes the policy when it is saved, until the proxy ends by itself, which is an
/// error. Ctrl-C ends us before.
pub(super) fn until_it_ends(stack: &mut Stack, proxy: &Proxy, mut watch: Watch) -> Error {
    let style = Style::of_stdout();
    let mut requests = Follower::new(stack.access_log().to_path_buf());
    let mut log = Follower::new(stack.log().to_path_buf());
    let mut said = None;
    let mut looked = Instant::now();
    println!("\n{HEADER}");
    loop {
        for message in log.poll().iter().filter_map(|line| readable::message(line, style)) {
            // What is wrong with a policy, every worker thread says.
            if said.as_ref() != Some(&message) {
                println!("{message}");
                said = Some(message);
            }
        }
        for decision in requests.poll().iter().filter_map(|line| readable::decision(line, style)) {
            println!("{decision}");
        }
        if matches!(proxy, Proxy::Envoy(_)) && looked.elapsed() >= LOOK {
            looked = Instant::now();
            match watch.look(stack) {
                Some(Ok(done)) => println!("{:<10} {done}", clock()),
                Some(Err(error)) => println!("{:<10} {error}", clock()),
                None => {}
            }
        }
        if let Some(how) = stack.exited() {
            let tail = process::tail(stack.log(), 15);
            let log = workspace::shown(stack.log());
            return Error::new(format!("the proxy ended ({how}). The end of {log}:\n{tail}"));
        }
        if let Some(how) = stack.media_exited() {
            let log = stack.media().map(|media| process::tail(media.log(), 15)).unwrap_or_default();
            return Error::new(format!("the media service ended ({how}). The end of its log:\n{log}"));
        }
        sleep(Duration::from_millis(100));
    }
}

/// The time of day, in UTC as in the logs.
fn clock() -> String {
    let seconds = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
