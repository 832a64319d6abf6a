//! Lost keys under which Persona rejects the pass: decided before she looks at what she has stored.

use super::*;

#[test]
fn a_pass_that_is_rejected_does_not_say_that_persona_knows_the_key() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    // An hour later she rejects it, before she looks at what she has stored.
    worker.now = BEGIN + HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Redeem);
    let lost = |worker: &Worker| match &worker.record.state {
        State::Redeeming { lost, .. } => lost.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(lost(&worker)[0].key, first.key);
    // So a request that arrives first twenty hours later may be answered a day after that,
    worker.now = BEGIN + 20 * HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    worker.now = BEGIN + 43 * HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    // and a 409 may be of a request that is running.
    assert_eq!(worker.not_redeemed(status(409, "b")), Effect::Redeem);
    assert!(lost(&worker).iter().any(|request| request.key == first.key));
}

#[test]
fn asking_a_key_that_is_rejected_each_time_does_not_keep_it_alive() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    for hours in [5, 10, 15, 20, 25] {
        worker.now = BEGIN + hours * HOUR;
        worker = worker.taken_up();
        assert_eq!(worker.request().0, first, "{hours}");
        worker.not_redeemed(status(401, "a"));
    }
    worker.now = BEGIN + 27 * HOUR;
    worker = worker.taken_up();
    assert_ne!(worker.request().0, first);
}
