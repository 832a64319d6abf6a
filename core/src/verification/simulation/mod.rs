//! Simulation: the engine on a store, a Persona, a clock and dice that are all made up, so that
//! everything that can go wrong does, in no time, and again in the same way for the same seed.
//!
//! * [`every_crash_point`] stops the process before and after each thing it asks of the outside, and
//!   [`every_crash_of_steps`] does so in purchases and redemptions of a caller's own, and
//!   [`every_crash_of_renewals`] while a strict pool is bought.
//! * [`single_faults`] are cases that one exact fault shows.
//! * [`wrong_clocks`] are those that one wrong clock, or one machine that sleeps, shows.
//! * [`random_worlds`] lets several workers live through two days of random faults.
//!
//! All of them stand under a [`watch`], which knows what may never happen, and an [`oracle`], which
//! asks Persona what she has stored whenever something ends without an answer.
//!
//! The engine knows nothing of it: it drives futures, and here they are driven by [`executor`].

mod callers;
mod clocks;
mod crashes;
mod dice;
mod every_crash_of_renewals;
mod every_crash_of_steps;
mod every_crash_point;
mod executor;
mod faults;
mod length;
mod oracle;
mod pages;
mod persona;
mod random_worlds;
mod seen;
mod server;
mod setting;
mod single_faults;
mod store;
mod town;
mod watch;
mod wrong_clocks;

/// Stands in every text that is a secret, so that it is found where it may not be.
const SECRET: &str = "SECRET";
