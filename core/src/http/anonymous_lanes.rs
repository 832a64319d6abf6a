//! The anonymous lane's ways out: one, or several, of which each relay has one.
//!
//! A way is found by a random number that is kept with the relay, by rendezvous hashing: every process that
//! has the same proxies finds the same one, in whatever order they are listed, and a proxy that is added or taken
//! out moves the relays that are its own, and no other. Persona does not know the number: which way a relay has
//! tells her nothing of the other ways.

use std::sync::Arc;

use aws_lc_rs::digest::{digest, SHA256};
use aws_lc_rs::hmac;

use super::gate::{Gate, Gates};
use super::lane::{AnonymousLane, Route};
use crate::secret::os_random;
use crate::secret::rand_core::Rng;

/// By which of several ways out a call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One that is drawn for this call.
    Drawn,
    /// The one that this number gives.
    Of(u64),
    /// One after the other in the order that the number gives: this is so manieth's.
    InTurn(u64, u32),
    /// The client's one for challenges that are followed at once by a signature, and so may be joined to the API key:
    /// with one for each, all would be.
    BeforeSignature,
}

/// What gives the way of what has this name: a name that Persona does not know.
pub(crate) fn number_of(name: &str) -> u64 {
    first_number(digest(&SHA256, name.as_bytes()).as_ref())
}

fn first_number(bytes: &[u8]) -> u64 {
    let (number, _) = bytes.split_first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(*number)
}

/// One way out, and what it is known by: not by its password, which may change.
pub(crate) struct NamedRoute {
    pub(crate) name: String,
    pub(crate) route: Route,
}

/// A lane for each way out.
pub(crate) struct AnonymousLanes {
    /// Never none.
    lanes: Vec<(Arc<str>, AnonymousLane)>,
    /// With which relays are named whose callers keep them: nobody else knows it.
    key: hmac::Key,
    /// What gives [`Way::BeforeSignature`].
    before_signature: u64,
}

impl AnonymousLanes {
    /// `environment`: its requests have a limit of their own. `ways`: at least one.
    pub(crate) fn new(
        ways: Vec<NamedRoute>,
        gates: &Arc<Gates>,
        environment: &str,
        isolates: bool,
    ) -> Self {
        assert!(!ways.is_empty(), "a lane has a way out");
        let count = ways.len();
        let lane = |(index, way): (usize, NamedRoute)| {
            let route = match count {
                1 => way.route,
                _ => way.route.placed(index + 1, count),
            };
            let gate = gate(gates, environment, &way.name, count);
            (way.name.into(), AnonymousLane::new(route, gate, isolates))
        };
        let mut key = [0; 32];
        os_random().fill_bytes(&mut key);
        Self {
            lanes: ways.into_iter().enumerate().map(lane).collect(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            before_signature: os_random().next_u64(),
        }
    }

    /// The same lanes for requests of another environment.
    pub(crate) fn of_environment(&self, gates: &Arc<Gates>, environment: &str) -> Self {
        let count = self.lanes.len();
        let lane = |(name, lane): &(Arc<str>, AnonymousLane)| {
            let gate = gate(gates, environment, name, count);
            (name.clone(), lane.behind(gate))
        };
        Self {
            lanes: self.lanes.iter().map(lane).collect(),
            key: self.key.clone(),
            before_signature: self.before_signature,
        }
    }

    /// The lane of this way.
    pub(crate) fn by(&self, way: Way) -> &AnonymousLane {
        if let [(_, only)] = self.lanes.as_slice() {
            return only;
        }
        let (number, turn) = match way {
            Way::Drawn => (os_random().next_u64(), 0),
            Way::Of(number) => (number, 0),
            Way::InTurn(number, turn) => (number, turn as usize % self.lanes.len()),
            Way::BeforeSignature => (self.before_signature, 0),
        };
        let weight = |(name, _): &&(Arc<str>, AnonymousLane)| -> [u8; 32] {
            let named = [&number.to_be_bytes(), name.as_bytes()].concat();
            let digest = digest(&SHA256, &named);
            digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
        };
        let lanes = self.lanes.iter();
        if turn == 0 {
            return &lanes.min_by_key(weight).expect("a lane has a way out").1;
        }
        let mut ranked: Vec<_> = lanes.collect();
        ranked.sort_by_cached_key(weight);
        &ranked[turn].1
    }

    /// The way of a relay that only its caller keeps, for as long as this client lives.
    pub(crate) fn of_relay(&self, relay_token: &str) -> Way {
        Way::Of(first_number(
            hmac::sign(&self.key, relay_token.as_bytes()).as_ref(),
        ))
    }

    /// Lets go of the connections.
    pub(crate) fn release(&self) {
        for (_, lane) in &self.lanes {
            lane.release();
        }
    }
}

/// The gate of a way's calls. Each of several has one of its own: if a pause that was asked for at one held the calls
/// through all, it would show which belong together.
fn gate(gates: &Arc<Gates>, environment: &str, name: &str, count: usize) -> Gate {
    match count {
        1 => Gate::new(gates, &["environment", environment]),
        _ => Gate::new(gates, &["environment", environment, name]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use super::*;
    use crate::http::lane::Lane;
    use crate::http::{BaseUrl, Connection, Unused};
    use crate::wire::AnonymousRequest;

    fn lanes(names: &[&str]) -> AnonymousLanes {
        let base_url = BaseUrl::parse(BaseUrl::PERSONA).expect("it is good");
        let way = |name: &&str| NamedRoute {
            name: (*name).to_owned(),
            route: Route::new(Arc::new(Unused), base_url.clone()),
        };
        let ways = names.iter().map(way).collect();
        AnonymousLanes::new(ways, &Arc::default(), "production", false)
    }

    /// The name of a way.
    fn name(lanes: &AnonymousLanes, way: Way) -> String {
        let found = lanes.by(way);
        let mut all = lanes.lanes.iter();
        let (name, _) = all
            .find(|(_, lane)| std::ptr::eq(lane, found))
            .expect("it is one of them");
        name.to_string()
    }

    #[test]
    fn a_number_gives_every_process_the_same_way_in_whatever_order_they_are_listed() {
        let (one, other) = (lanes(&["a", "b", "c"]), lanes(&["c", "a", "b"]));
        let mut used = BTreeMap::<_, usize>::new();
        for number in 0..300 {
            let way = name(&one, Way::Of(number));
            assert_eq!(way, name(&other, Way::Of(number)));
            *used.entry(way).or_default() += 1;
        }
        assert!(
            used.len() == 3 && used.values().all(|count| *count > 60),
            "{used:?}"
        );
    }

    #[test]
    fn a_proxy_that_is_taken_out_moves_its_own_relays_and_no_other() {
        let (before, after) = (lanes(&["a", "b", "c"]), lanes(&["a", "c"]));
        for number in 0..300 {
            let way = name(&before, Way::Of(number));
            if way != "b" {
                assert_eq!(way, name(&after, Way::Of(number)));
            }
        }
    }

    #[test]
    fn in_turn_each_way_is_used_before_one_is_used_again() {
        let lanes = lanes(&["a", "b", "c"]);
        for number in 0..20 {
            let turn = |turn| name(&lanes, Way::InTurn(number, turn));
            let ways: BTreeSet<_> = (0..3).map(turn).collect();
            assert_eq!(ways.len(), 3);
            assert_eq!(turn(0), turn(3));
        }
    }

    #[test]
    fn a_drawn_way_is_another_one_each_time() {
        let lanes = lanes(&["a", "b", "c"]);
        let ways: BTreeSet<_> = (0..200).map(|_| name(&lanes, Way::Drawn)).collect();
        assert_eq!(ways.len(), 3);
    }

    #[test]
    fn challenges_before_a_signature_have_one_way_in_one_client_and_another_in_another() {
        let way = |lanes: &AnonymousLanes| name(lanes, Way::BeforeSignature);
        let mut used = BTreeSet::new();
        for _ in 0..64 {
            let client = lanes(&["a", "b"]);
            let first = way(&client);
            assert_eq!(first, way(&client));
            let sandbox = client.of_environment(&Arc::default(), "sandbox");
            assert_eq!(first, way(&sandbox));
            used.insert(first);
        }
        assert_eq!(used.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_at_one_proxy_holds_no_call_through_another() {
        let gates = Arc::default();
        let lanes = lanes(&["a", "b"]).of_environment(&gates, "production");
        let [(_, one), (_, other)] = lanes.lanes.as_slice() else {
            unreachable!("there are two")
        };
        one.gate().close(Duration::from_secs(9), None);
        assert!(other.gate().held().is_none());
        // Whoever else leaves by it in this environment waits, too.
        let same = lanes.of_environment(&gates, "production");
        let held = |lanes: &AnonymousLanes| -> Vec<_> {
            let lanes = lanes.lanes.iter();
            lanes
                .map(|(_, lane)| lane.gate().held().is_some())
                .collect()
        };
        assert_eq!(held(&same), [true, false]);
        let sandbox = lanes.of_environment(&gates, "sandbox");
        assert_eq!(held(&sandbox), [false, false]);
    }

    #[tokio::test]
    async fn a_client_that_was_closed_blames_no_proxy() {
        let lanes = lanes(&["a", "b"]);
        lanes.release();
        let request = AnonymousRequest::challenge("age", false);
        let lane = lanes.by(Way::Drawn);
        let failed = lane.send(&request, Connection::Any, Duration::ZERO).await;
        let failed = failed.expect_err("nothing is sent");
        assert_eq!(failed.description, "the client was closed");
    }

    #[test]
    fn a_relay_keeps_its_way_in_one_client_and_nobody_else_can_tell_which() {
        let (one, other) = (lanes(&["a", "b"]), lanes(&["a", "b"]));
        let of = |lanes: &AnonymousLanes, relay: usize| {
            name(lanes, lanes.of_relay(&format!("relay-{relay}")))
        };
        let ways = |lanes: &AnonymousLanes| -> Vec<_> { (0..64).map(|it| of(lanes, it)).collect() };
        assert_eq!(ways(&one), ways(&one));
        assert_eq!(
            ways(&one),
            ways(&one.of_environment(&Arc::default(), "sandbox"))
        );
        assert_ne!(ways(&one), ways(&other));
    }
}
