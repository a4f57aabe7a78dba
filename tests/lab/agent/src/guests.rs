//! dom0's connections to the agents in the guests.

use crate::outlet::Outlet;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::{Envelope, Event, Request};

/// How long one attempt to connect may take: a guest that boots drops the first packets.
const ATTEMPT: Duration = Duration::from_millis(500);

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(100);

struct Link {
    stream: TcpStream,
    to: Outlet,
}

/// The attached guests by name.
#[derive(Clone)]
pub(crate) struct Guests {
    links: Arc<Mutex<HashMap<String, Link>>>,
    host: Outlet,
}

impl Guests {
    pub(crate) fn new(host: Outlet) -> Self {
        Self {
            links: Arc::default(),
            host,
        }
    }

    /// Connects in a thread of its own, and tells the host how it went.
    pub(crate) fn attach(&self, id: u64, name: String, address: String, limit_s: u64) {
        let guests = self.clone();
        thread::spawn(move || {
            let event = match guests.connect(&name, &address, Duration::from_secs(limit_s)) {
                Ok(()) => Event::Attached { id },
                Err(error) => Event::Refused {
                    id,
                    why: format!("{name} at {address}: {error}"),
                },
            };
            // Without the host there is nobody to tell.
            let _ = guests.host.tell(event);
        });
    }

    fn connect(&self, name: &str, address: &str, limit: Duration) -> io::Result<()> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let end = Instant::now() + limit;
        let stream = loop {
            match TcpStream::connect_timeout(&address, ATTEMPT) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => thread::sleep(PAUSE),
            }
        };
        stream.set_nodelay(true)?;
        let link = Link {
            stream: stream.try_clone()?,
            to: Outlet::new(stream.try_clone()?),
        };
        self.lock().insert(name.to_owned(), link);
        let (guests, name) = (self.clone(), name.to_owned());
        thread::spawn(move || guests.relay(&name, stream));
        Ok(())
    }

    /// Passes a guest's events to the host under the guest's name, until the connection ends.
    fn relay(&self, name: &str, stream: TcpStream) {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            let Ok(mut event) = serde_json::from_str::<Envelope<Event>>(&line) else {
                break;
            };
            name.clone_into(&mut event.peer);
            if self.host.line(&event).is_err() {
                return;
            }
        }
        // As above: the host may be gone.
        let _ = self.host.line(&Envelope {
            peer: name.to_owned(),
            body: Event::Lost,
        });
    }

    /// Passes a request on to the guest that it names.
    pub(crate) fn pass_on(&self, request: &Envelope<Request>) -> io::Result<()> {
        let to = self.lock().get(&request.peer).map(|link| link.to.clone());
        let sent = match to {
            Some(to) => to.line(&Envelope {
                peer: DOM0.to_owned(),
                body: request.body.clone(),
            }),
            None => Err(io::Error::other("no such guest is attached")),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(_) => self.host.line(&Envelope {
                peer: request.peer.clone(),
                body: Event::Lost,
            }),
        }
    }

    /// Ends the connection to a guest.
    pub(crate) fn detach(&self, name: &str) {
        if let Some(link) = self.lock().remove(name) {
            // A connection that has ended already needs no end.
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
