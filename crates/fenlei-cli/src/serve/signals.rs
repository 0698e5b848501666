//! Waits until somebody asks the server to end.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use fenlei_serve::Server;

use crate::interrupt::Stop;

/// How often is looked: ending within this time is soon enough.
const LOOK: Duration = Duration::from_millis(50);

/// Until Ctrl-C, or until the server has ended by itself because the system asked it to.
pub(super) fn wait(server: &Server) -> Result<()> {
    let stop = Stop::on_ctrl_c();
    while !stop.is_raised() && !server.has_ended() {
        thread::sleep(LOOK);
    }
    Ok(())
}
