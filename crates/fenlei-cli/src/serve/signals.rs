//! Waits until somebody asks the server to end.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use fenlei_serve::Server;

use crate::interrupt::Stop;

/// How often is looked: ending within this time is soon enough.
const LOOK: Duration = Duration::from_millis(50);

/// Until Ctrl-C or a request of the system to end.
pub(super) fn wait(server: &Server) -> Result<()> {
    let stop = Stop::on_ctrl_c();
    while !stop.is_raised() && !server.was_asked_to_end() {
        thread::sleep(LOOK);
    }
    Ok(())
}
