//! `hopwise serve`: keeps nodes up, and serves clients until Ctrl-C.
//!
//! **Invariant:** the only line on standard output says that clients may connect.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use crate::commands::Environment;
use crate::commands::live_page;
use crate::commands::options::Exit;
use crate::commands::run::watch_for_interrupts;
use crate::commands::standard_output::StandardOutput;
use crate::serve::{Drained, Options, Running, StartError};
use crate::watch::Watch;

/// Serves clients as `options` say, with a live page at `watch` if there is one.
#[must_use]
pub fn serve(env: &Environment, options: &Options, watch: Option<SocketAddr>, quiet: bool) -> Exit {
    let interrupts = watch_for_interrupts(env);
    let watch = match watch.map(|address| live_page::of_server(env, options, address)).transpose() {
        Ok(watch) => watch,
        Err(why) => return env.refuse(why),
    };
    let mut running = match Running::start(options, watch.as_ref().map(Watch::feed)) {
        Ok(running) => running,
        Err(StartError::Request(why)) => return env.refuse(why),
        Err(StartError::Broken(why)) => {
            env.tell(why);
            return Exit::Failure;
        }
    };
    if running.unpinned() > 0 && !quiet {
        let count = running.unpinned();
        env.tell(format_args!("{count} threads could not be pinned to their cores"));
    }
    let output = StandardOutput::default();
    output.write(&running.ready_line());
    let served = running.wait(|| interrupts.load(Ordering::Relaxed) > 0);
    let drained = match served.and_then(|()| running.drain()) {
        Ok(drained) => drained,
        Err(why) => {
            env.tell(why);
            return Exit::Failure;
        }
    };
    if !quiet {
        let Drained { connections, commands, unfinished } = drained;
        env.note(format_args!(
            "stopped with {connections} connections open and {commands} commands in progress, of which \
             {unfinished} did not end"
        ));
    }
    env.status_of(output)
}
