//! What the options of a client may be, and what holds for those that are left out.

use crate::described::{Plain, Rule};
use crate::http::BaseUrl;

/// No pool of one claim type is larger.
pub(crate) const MOST_PASSES: u32 = 1_000;

/// What is bought by hand holds no more ready than these, unless the pool is larger.
pub(crate) const MOST_AHEAD: u32 = 100;

/// More retries are never made.
pub(super) const MOST_RETRIES: u32 = 10;
/// Of anonymous proxies.
pub(super) const MOST_PROXIES: usize = 100;
pub(crate) const DEFAULT_RETRIES: u32 = 3;

/// In seconds, as all times here.
pub(super) const DEFAULT_TIMEOUT: u64 = 10;
pub(super) const LONGEST_TIMEOUT: u64 = 600;
pub(super) const DEFAULT_IDLE_TIMEOUT: u64 = 20;
/// No single call is given as much.
pub(super) const A_DAY: u64 = 86_400;

pub(super) const BASE_URL: Rule = Rule::ANY.by_default(Plain::Text(BaseUrl::PERSONA));
pub(super) const ENVIRONMENT: Rule =
    Rule::one_of(&[Plain::Text("production"), Plain::Text("sandbox")]);
/// What a claim has to come in; by default what the client says.
pub(crate) const CLAIM_FORM: Rule =
    Rule::one_of(&[Plain::Text("auto"), Plain::Text("pem"), Plain::Text("jwk")]);
pub(crate) const ENCRYPTION_FORM: Rule = CLAIM_FORM.by_default(Plain::Text("auto"));
/// How Persona's page for the visitor looks.
pub(crate) const THEME: Rule = Rule::one_of(&[
    Plain::Text("light"),
    Plain::Text("dark"),
    Plain::Text("auto"),
]);
pub(super) const TIMEOUT: Rule = Rule::time(DEFAULT_TIMEOUT, LONGEST_TIMEOUT);
pub(super) const IDLE_TIMEOUT: Rule = Rule::time(DEFAULT_IDLE_TIMEOUT, LONGEST_TIMEOUT);
pub(super) const STORE_TIMEOUT: Rule = Rule::time(DEFAULT_TIMEOUT, LONGEST_TIMEOUT);
pub(super) const RETRIES: Rule = Rule::count(DEFAULT_RETRIES as u64, MOST_RETRIES as u64);
pub(super) const PASS_BINDING: Rule =
    Rule::one_of(&[Plain::Text("claim_type"), Plain::Text("relay")])
        .by_default(Plain::Text("claim_type"));
/// Within so many seconds of its relay a verification buys its pass, at a random moment.
pub(super) const DEFAULT_PURCHASE_WINDOW: u64 = 120;
/// A session lasts 30 minutes; the pass is there well before its end.
pub(crate) const LONGEST_PURCHASE_WINDOW: u64 = 1_200;
pub(super) const PURCHASE_WINDOW: Rule =
    Rule::count(DEFAULT_PURCHASE_WINDOW, LONGEST_PURCHASE_WINDOW);
pub(super) const PRIVACY: Rule = Rule::one_of(&[Plain::Text("standard"), Plain::Text("strict")])
    .by_default(Plain::Text("standard"));
pub(super) const ISOLATION: Rule =
    Rule::one_of(&[Plain::Text("none"), Plain::Text("relay")]).by_default(Plain::Text("none"));
pub(super) const PASS_POOL: Rule = Rule::count(0, MOST_PASSES as u64);
pub(super) const BACKGROUND: Rule = Rule::ANY.by_default(Plain::Flag(false));

/// How long a call as a whole may take, where a call says so.
pub(crate) const CALL_TIMEOUT: Rule = Rule {
    above: Some(0),
    below: Some(A_DAY),
    ..Rule::ANY
};
/// How many passes are bought ahead at once.
pub(crate) const PREFETCH: Rule = Rule {
    least: Some(0),
    most: Some(MOST_PASSES as u64),
    ..Rule::ANY
};
