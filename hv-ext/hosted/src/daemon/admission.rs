//! How many may be attached, and who is told that there is no room.

use std::collections::HashMap;

use super::limits::{Capacity, STRANGERS_MAX, TURNED_AWAY_MAX};
use super::policy::Policy;
use super::refusal::Refusal;

/// On what terms a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// May join a domain.
    Guest,
    /// No domain is open to its user: kept until it was told why.
    Stranger,
    /// There is no room for it: kept until it was told why.
    TurnedAway,
}

/// Connections by standing and user.
#[derive(Debug)]
pub struct Admission {
    capacity: Capacity,
    guests: usize,
    guests_of: HashMap<u32, usize>,
    strangers: usize,
    turned_away: usize,
}

impl Admission {
    /// Nobody is here yet.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            guests: 0,
            guests_of: HashMap::new(),
            strangers: 0,
            turned_away: 0,
        }
    }

    /// Takes a connection of this user in; `None` where not even a word of refusal is to be had.
    pub fn enter(&mut self, uid: u32, policy: &Policy) -> Option<Standing> {
        let standing = if !policy.knows(uid) {
            Standing::Stranger
        } else if self.has_room(uid, policy) {
            Standing::Guest
        } else {
            Standing::TurnedAway
        };
        let (count, most) = match standing {
            Standing::Guest => (&mut self.guests, usize::MAX),
            Standing::Stranger => (&mut self.strangers, STRANGERS_MAX),
            Standing::TurnedAway => (&mut self.turned_away, TURNED_AWAY_MAX),
        };
        if *count >= most {
            return None;
        }
        *count += 1;
        if standing == Standing::Guest {
            *self.guests_of.entry(uid).or_default() += 1;
        }
        Some(standing)
    }

    /// Lets a connection go that [`enter`](Self::enter) took in.
    pub fn leave(&mut self, uid: u32, standing: Standing) {
        match standing {
            Standing::Stranger => self.strangers -= 1,
            Standing::TurnedAway => self.turned_away -= 1,
            Standing::Guest => {
                self.guests -= 1;
                if let Some(count) = self.guests_of.get_mut(&uid) {
                    *count -= 1;
                    if *count == 0 {
                        self.guests_of.remove(&uid);
                    }
                }
            }
        }
    }

    /// A single user may have all there is; several share it.
    fn has_room(&self, uid: u32, policy: &Policy) -> bool {
        let of_uid = self.guests_of.get(&uid).copied().unwrap_or(0);
        let most = if policy.is_shared() {
            self.capacity.clients_per_uid
        } else {
            self.capacity.clients
        };
        self.guests < self.capacity.clients && of_uid < most
    }

    /// What a turned-away client is told.
    #[must_use]
    pub fn no_room(&self) -> Refusal {
        let why = format!(
            "v4vd has no room for another process ({} are attached): end some, or start v4vd with a higher limit of \
             descriptors (ulimit -Hn)",
            self.guests
        );
        Refusal::new(libc::EUSERS, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u32 = 500;

    fn admission(clients: usize) -> Admission {
        Admission::new(Capacity {
            clients,
            clients_per_uid: clients.div_ceil(2),
            rings: 8,
            rings_per_uid: 4,
        })
    }

    #[test]
    fn a_user_alone_may_have_all_the_room() {
        let (mut admission, policy) = (admission(4), Policy::open(OWNER));
        let standings: Vec<_> = (0..5).map(|_| admission.enter(OWNER, &policy)).collect();
        assert_eq!(
            standings[3..],
            [Some(Standing::Guest), Some(Standing::TurnedAway)]
        );
        admission.leave(OWNER, Standing::Guest);
        assert_eq!(
            admission.enter(OWNER, &policy),
            Some(Standing::Guest),
            "room came free"
        );
    }

    #[test]
    fn where_users_share_none_keeps_the_others_out() {
        let policy = Policy::parse("unlisted = 'allow'", OWNER).expect("a policy");
        let mut admission = admission(4);
        let standings: Vec<_> = (0..3).map(|_| admission.enter(1, &policy)).collect();
        assert_eq!(
            standings[1..],
            [Some(Standing::Guest), Some(Standing::TurnedAway)]
        );
        assert_eq!(admission.enter(2, &policy), Some(Standing::Guest));
    }

    #[test]
    fn strangers_are_few_and_take_no_room() {
        let (mut admission, policy) = (admission(1), Policy::open(OWNER));
        for _ in 0..STRANGERS_MAX {
            assert_eq!(admission.enter(7, &policy), Some(Standing::Stranger));
        }
        assert_eq!(admission.enter(7, &policy), None);
        assert_eq!(admission.enter(OWNER, &policy), Some(Standing::Guest));
    }
}
