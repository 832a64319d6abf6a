//! What goes wrong: by chance, or at one exact point.

use std::sync::{Mutex, MutexGuard};

use super::dice::Dice;
use super::executor::BEGIN;
use super::pages::Page;
use crate::records::{HOUR, MINUTE};

/// Something asked of the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
    Create,
    Blind,
    Sign,
    Redeem,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    None,
    /// Nothing left; for a store: an error, and nothing was changed.
    NotSent,
    /// It left and never arrived; for a store: an error, and the write lands long after it.
    LostThere,
    /// It was done, and the answer got lost; for a store: an error, and the write landed.
    LostBack,
    /// Something on the way answers; Persona never sees the request.
    Page(Page),
    /// Persona does what is asked, and something on the way answers in her place.
    Filtered(Page),
    /// Persona fails before she looks at what she has stored, and says so under an id of its own.
    ErrorPassing,
    /// Persona stores an error as the answer, and does nothing.
    ErrorStored,
    /// Persona does it, and stores an error as the answer.
    DoneAndErrorStored,
    RateLimited,
    /// The answer arrives cut off.
    CutOff,
    /// A claim arrives without what stands beside it.
    Maimed,
    /// Persona signs wrongly, and stores that.
    BadSignature,
    /// The API key is wrong for a while.
    Unauthorized,
    /// The API key has no permission for a while (stored as the answer).
    Forbidden,
}

/// The fate of one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) mishap: Mishap,
    /// Whether the worker dies when it is on its way.
    pub(super) dies: bool,
    /// Milliseconds until it happens, and until the answer is back.
    pub(super) there: u64,
    pub(super) back: u64,
    /// How long Persona works on it: meanwhile the same key is refused with 409.
    pub(super) work: u64,
    /// For how many milliseconds it befalls all that is at stake; 0: this effect alone.
    pub(super) lasts: u64,
}

impl Fate {
    pub(super) const FINE: Fate = Fate {
        mishap: Mishap::None,
        dies: false,
        there: 0,
        back: 1,
        work: 0,
        lasts: 0,
    };
}

/// A time in which every answer is something on the way's.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u64,
    to: u64,
    page: Page,
    /// Whether requests get through, and only answers do not.
    filters: bool,
}

impl Stretch {
    fn random(dice: &mut Dice) -> Self {
        let from = BEGIN + dice.between(0, 22 * HOUR);
        let longest = dice.one_of(&[5 * MINUTE, HOUR, 6 * HOUR]);
        Self {
            from,
            to: from + dice.between(MINUTE, longest),
            page: Page::random(dice),
            filters: dice.hits(5_000),
        }
    }
}

/// Where fates come from.
pub(super) struct Faults(Mutex<Source>);

enum Source {
    Chance(Box<Rates>),
    Script {
        next: usize,
        stops: Vec<(usize, Fate)>,
        effects: Vec<Effect>,
        /// Until when a fate befalls all that is at stake.
        lasting: Option<(u64, Fate)>,
    },
}

/// How often what goes wrong, in 10,000; each seed has its own.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    store: u64,
    slow: u64,
    not_sent: u64,
    lost: u64,
    edge: u64,
    filtered: u64,
    passing: u64,
    stored: u64,
    limited: u64,
    misread: u64,
    dies: u64,
    /// Times of a wrong API key, and of one without permission.
    unauthorized: (u64, u64),
    forbidden: (u64, u64),
    stretches: Vec<Stretch>,
    calm_from: u64,
}

impl Rates {
    /// Swarm testing: of each fault none, little, or much, so that worlds differ.
    pub(super) fn random(dice: &mut Dice, calm_from: u64) -> Self {
        let scale = dice.one_of(&[0, 30, 100, 100, 300]);
        let mut rate = |most: u64| dice.one_of(&[0, most / 10, most / 3, most]) * scale / 300;
        Self {
            store: rate(3_000),
            slow: rate(1_000),
            not_sent: rate(3_000),
            lost: rate(3_000),
            edge: rate(3_000),
            filtered: rate(1_000),
            passing: rate(1_000),
            stored: rate(3_000),
            limited: rate(3_000),
            misread: rate(1_000),
            dies: rate(300),
            unauthorized: window(dice),
            forbidden: window(dice),
            stretches: match dice.hits(4_000) {
                true => (0..dice.between(1, 4))
                    .map(|_| Stretch::random(dice))
                    .collect(),
                false => Vec::new(),
            },
            calm_from,
        }
    }

    /// The same, but for what lasts, and what lets requests through and no answer.
    pub(super) fn momentary(self) -> Self {
        Self {
            filtered: 0,
            passing: 0,
            stretches: Vec::new(),
            ..self
        }
    }
}

fn window(dice: &mut Dice) -> (u64, u64) {
    match dice.hits(3_000) {
        false => (0, 0),
        true => {
            let from = BEGIN + dice.between(0, 40 * HOUR);
            (from, from + dice.between(0, 26 * HOUR))
        }
    }
}

impl Faults {
    pub(super) fn by_chance(rates: Rates) -> Self {
        Self(Mutex::new(Source::Chance(Box::new(rates))))
    }

    /// The effects are counted, and those with these numbers have these fates.
    pub(super) fn scripted(stops: Vec<(usize, Fate)>) -> Self {
        Self(Mutex::new(Source::Script {
            next: 0,
            stops,
            effects: Vec::new(),
            lasting: None,
        }))
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().expect("nothing panics while it is held")
    }

    /// The effects so far.
    pub(super) fn effects(&self) -> Vec<Effect> {
        match &*self.source() {
            Source::Chance(_) => Vec::new(),
            Source::Script { effects, .. } => effects.clone(),
        }
    }

    pub(super) fn fate(&self, effect: Effect, now: u64, dice: &mut Dice) -> Fate {
        match &mut *self.source() {
            Source::Chance(rates) => rates.fate(effect, now, dice),
            Source::Script {
                next,
                stops,
                effects,
                lasting,
            } => {
                *next += 1;
                effects.push(effect);
                let stop = stops.iter().find(|(number, _)| *number == *next - 1);
                if let Some((_, fate)) = stop {
                    if fate.lasts > 0 {
                        *lasting = Some((now + fate.lasts, *fate));
                    }
                    return *fate;
                }
                let is_at_stake = matches!(effect, Effect::Sign | Effect::Redeem);
                match lasting {
                    Some((until, fate)) if is_at_stake && now < *until => *fate,
                    _ => Fate::FINE,
                }
            }
        }
    }
}

impl Rates {
    fn fate(&self, effect: Effect, now: u64, dice: &mut Dice) -> Fate {
        let is_store = matches!(effect, Effect::Read | Effect::Write);
        let mut fate = Fate {
            there: dice.between(0, 5),
            back: dice.between(1, 5),
            ..Fate::FINE
        };
        if !is_store {
            fate = Fate {
                there: dice.between(5, 100),
                back: dice.between(5, 100),
                work: dice.between(0, 100),
                ..fate
            };
        }
        if now >= self.calm_from {
            return fate;
        }
        if dice.hits(self.slow) {
            match is_store {
                true => fate.there = dice.between(0, 8_900),
                // Up to two minutes: long after whoever asked has given up.
                false if dice.hits(5_000) => fate.there = dice.between(0, 120_000),
                false => fate.work = dice.between(0, 20_000),
            }
        }
        fate.dies = dice.hits(self.dies);
        let is_now = |stretch: &&Stretch| !is_store && within((stretch.from, stretch.to), now);
        let stretch = self.stretches.iter().find(is_now);
        fate.mishap = match effect {
            Effect::Read | Effect::Write => self.of_the_store(dice),
            Effect::Create | Effect::Blind => self.of_the_way(dice),
            Effect::Sign if within(self.unauthorized, now) => Mishap::Unauthorized,
            Effect::Sign if within(self.forbidden, now) => Mishap::Forbidden,
            Effect::Sign | Effect::Redeem => self.of_what_is_at_stake(effect, dice),
        };
        match stretch {
            Some(stretch) if stretch.filters => fate.mishap = Mishap::Filtered(stretch.page),
            Some(stretch) => fate.mishap = Mishap::Page(stretch.page),
            None => {}
        }
        fate
    }

    fn of_the_store(&self, dice: &mut Dice) -> Mishap {
        match dice.hits(self.store) {
            false => Mishap::None,
            true => dice.one_of(&[Mishap::NotSent, Mishap::LostBack, Mishap::LostThere]),
        }
    }

    fn of_the_way(&self, dice: &mut Dice) -> Mishap {
        if dice.hits(self.not_sent) {
            return Mishap::NotSent;
        }
        match dice.hits(self.lost) {
            false => Mishap::None,
            true => dice.one_of(&[Mishap::LostThere, Mishap::LostBack]),
        }
    }

    fn of_what_is_at_stake(&self, effect: Effect, dice: &mut Dice) -> Mishap {
        let way = self.of_the_way(dice);
        if way != Mishap::None {
            return way;
        }
        if dice.hits(self.edge) {
            return Mishap::Page(Page::random(dice));
        }
        if dice.hits(self.filtered) {
            return Mishap::Filtered(Page::random(dice));
        }
        if dice.hits(self.passing) {
            return Mishap::ErrorPassing;
        }
        if dice.hits(self.stored) {
            return dice.one_of(&[Mishap::ErrorStored, Mishap::DoneAndErrorStored]);
        }
        if dice.hits(self.limited) {
            return Mishap::RateLimited;
        }
        match dice.hits(self.misread) {
            false => Mishap::None,
            true if effect == Effect::Sign && dice.hits(3_000) => Mishap::BadSignature,
            true if effect == Effect::Redeem && dice.hits(2_000) => Mishap::Maimed,
            true => Mishap::CutOff,
        }
    }
}

fn within((from, to): (u64, u64), now: u64) -> bool {
    (from..to).contains(&now)
}
