//! Stops of a process: where it stops, what becomes of what it asked for, and who goes on. And what
//! something on the way does to a process that lives.

use super::faults::{Effect, Fate, Mishap};
use super::pages::{Form, Page};
use crate::records::HOUR;

/// The process stops at the effect with this number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) at: usize,
    pub(super) fate: Fate,
    pub(super) next: Next,
}

/// Who goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The process, restarted at once: it asks again.
    Itself,
    /// Another one at once: it looks for what is due, and asks.
    Another,
    /// Another one when the lease is over and recovery is due.
    AnotherLater,
    /// Nobody asks for hours; recovery alone looks for what is due.
    RecoveryAlone,
}

/// Who goes on where somebody always asks.
pub(super) const ASKING: [Next; 3] = [Next::Itself, Next::Another, Next::AnotherLater];

/// Everybody who may go on.
pub(super) const EVERYBODY: [Next; 4] = [
    Next::Itself,
    Next::Another,
    Next::AnotherLater,
    Next::RecoveryAlone,
];

/// What an unfinished person and a spent pass are answered with; the likeliest first.
pub(super) const MAPPINGS: [(u16, u16); 9] = [
    (403, 409),
    (403, 401),
    (403, 422),
    (409, 401),
    (409, 409),
    (409, 422),
    (422, 401),
    (422, 409),
    (422, 422),
];

pub(super) const STOPPED: Fate = Fate {
    dies: true,
    ..Fate::FINE
};

/// Nothing of it arrived.
pub(super) const NEVER_ARRIVED: Fate = Fate {
    mishap: Mishap::NotSent,
    ..STOPPED
};

/// A filter that lets requests through, and for two hours no answer.
const FILTERED: Fate = Fate {
    mishap: Mishap::Filtered(Page::html(403)),
    lasts: 2 * HOUR,
    ..Fate::FINE
};

impl Stop {
    /// Whether what was asked is done, and nobody knows.
    fn hides_most(&self) -> bool {
        let is_silent = self.fate.mishap == Mishap::None && self.fate.there == 0;
        is_silent || self.fate == FILTERED
    }
}

/// Who goes on when the worker with this number dies; the first has number 1.
pub(super) fn next_of(stops: &[Stop], worker: usize) -> Next {
    let mut deadly = stops.iter().filter(|stop| stop.fate.dies);
    let stop = deadly.nth(worker - 1);
    stop.expect("each death is one of the stops").next
}

/// At how many of the stops Persona stores an error, having done nothing, or having done it.
pub(super) fn stored_errors(stops: &[Stop]) -> (usize, usize) {
    let count = |mishap| {
        let of_this_kind = stops.iter().filter(|stop| stop.fate.mishap == mishap);
        of_this_kind.count()
    };
    (
        count(Mishap::ErrorStored),
        count(Mishap::DoneAndErrorStored),
    )
}

/// Which stops are played.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) next: &'a [Next],
    /// Whether two stops in a row are played, too.
    pub(super) pairs: bool,
    /// Pairs with all fates; else those whose answers were lost.
    pub(super) every_fate: bool,
}

/// Plays a flow with every single stop, and with pairs of them. `play` returns the effects, and how
/// many of them came before the flow began. Returns how many of each were played.
pub(super) fn every_stop(
    play: impl Fn(&[Stop]) -> (Vec<Effect>, usize),
    plan: Plan,
) -> (usize, usize) {
    let (mut singles, mut pairs) = (0, 0);
    let (effects, before) = play(&[]);
    for first in stops(&effects, before, plan.next, true) {
        let (effects, _) = play(&[first]);
        singles += 1;
        if !plan.pairs || !(plan.every_fate || first.hides_most()) {
            continue;
        }
        for second in stops(&effects, first.at + 1, plan.next, plan.every_fate) {
            play(&[first, second]);
            pairs += 1;
        }
    }
    (singles, pairs)
}

/// All stops from an effect on, or only those whose answers are lost.
fn stops(effects: &[Effect], from: usize, next: &[Next], every_fate: bool) -> Vec<Stop> {
    let mut stops = Vec::new();
    for (at, effect) in effects.iter().enumerate().skip(from) {
        for fate in fates(*effect) {
            // Whoever lives goes on himself.
            let next = if fate.dies { next } else { &[Next::Itself] };
            stops.extend(next.iter().map(|next| Stop {
                at,
                fate,
                next: *next,
            }));
        }
    }
    stops.retain(|stop| every_fate || stop.hides_most());
    stops
}

/// What something on the way does to a request, or to all of some hours.
fn on_the_way() -> impl Iterator<Item = Fate> {
    let page = |status, form| Mishap::Page(Page { status, form });
    let filtered = |status, form| Mishap::Filtered(Page { status, form });
    let once = [
        page(200, Form::Html),
        page(302, Form::Empty),
        page(403, Form::Json),
        page(422, Form::Empty),
        page(503, Form::Html),
        filtered(200, Form::Json),
        filtered(401, Form::Html),
        filtered(409, Form::Empty),
        Mishap::CutOff,
        Mishap::LostBack,
    ];
    let long = [page(403, Form::Html), filtered(200, Form::Empty)];
    let of = |lasts| {
        move |mishap| Fate {
            mishap,
            lasts,
            ..Fate::FINE
        }
    };
    let once = once.into_iter().map(of(0));
    let long = long.into_iter().map(of(HOUR));
    once.chain(long).chain([FILTERED])
}

/// What can become of an effect.
fn fates(effect: Effect) -> Vec<Fate> {
    // It arrives when somebody else is at work already.
    let late = Fate {
        there: 1_500,
        ..STOPPED
    };
    let error = |mishap| Fate { mishap, ..STOPPED };
    match effect {
        Effect::Read | Effect::Create | Effect::Blind => vec![NEVER_ARRIVED, STOPPED],
        Effect::Write => vec![NEVER_ARRIVED, STOPPED, late],
        Effect::Sign | Effect::Redeem => {
            let deaths = [
                NEVER_ARRIVED,
                STOPPED,
                late,
                error(Mishap::ErrorStored),
                error(Mishap::DoneAndErrorStored),
            ];
            deaths.into_iter().chain(on_the_way()).collect()
        }
    }
}

/// Says what was being played when a check fails.
pub(super) struct ToldOnPanic(pub(super) String);

impl Drop for ToldOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("every crash point: {}", self.0);
        }
    }
}
