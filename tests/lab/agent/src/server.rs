//! Reads requests until the line ends.

use crate::guests::Guests;
use crate::outlet::Outlet;
use crate::process::Processes;
use std::io::{self, BufRead, BufReader, Read};
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::{Envelope, Event, Request};

/// Serves `from`, answering into `to`. In dom0, requests for other agents are passed on to them.
pub(crate) fn serve(from: impl Read, to: Outlet, in_dom0: bool) -> io::Result<()> {
    let processes = Processes::new(to.clone());
    let guests = Guests::new(to.clone());
    to.tell(Event::Ready)?;
    for line in BufReader::new(from).lines() {
        let line = line?;
        // A serial line may begin with noise from before both ends were there.
        let Ok(request) = serde_json::from_str::<Envelope<Request>>(&line) else {
            continue;
        };
        if in_dom0 && request.peer != DOM0 {
            guests.pass_on(&request)?;
            continue;
        }
        match request.body {
            Request::Attach {
                id,
                name,
                address,
                limit_s,
            } => guests.attach(id, name, address, limit_s),
            Request::Detach { name } => guests.detach(&name),
            other => processes.handle(other)?,
        }
    }
    processes.kill_all();
    Ok(())
}
