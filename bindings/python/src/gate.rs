//! A gate that many pass, until it is closed for ever.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::rest;

/// Open at first. One number says both whether it is closed and how many pass, so that nobody is between
/// the two questions: who is counted before it is closed is waited for, and who comes later sees it closed.
pub(crate) struct Gate(AtomicUsize);

/// The lowest bit: it is closed.
const CLOSED: usize = 1;
/// The others count those who pass, or come in vain.
const ONE: usize = 2;

/// Somebody passes, until this is dropped.
pub(crate) struct Pass<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Permission to pass; none once it is closed.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        let (pass, was_closed) = self.come();
        (!was_closed).then_some(pass)
    }

    /// Permission to pass even if it is closed: for who closes it.
    pub(crate) fn pass_closed(&self) -> Pass<'_> {
        self.come().0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Closes it, and waits until nobody passes any more. What they did is seen from here.
    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) >= ONE {
            rest();
        }
    }

    fn come(&self) -> (Pass<'_>, bool) {
        let before = self.0.fetch_add(ONE, Ordering::AcqRel);
        (Pass(self), before & CLOSED != 0)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(ONE, Ordering::Release);
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::sync::Arc;

    use loom::cell::Cell;
    use loom::thread::spawn;

    use super::*;
    use crate::sync::play;

    /// What threads enter, and what is taken down when the gate is closed: loom notices who is there then.
    struct Interpreter(Cell<()>);

    // SAFETY: the cell is loom's, which fails the model where two threads are in it in no order.
    unsafe impl Sync for Interpreter {}
    unsafe impl Send for Interpreter {}

    #[test]
    fn nobody_passes_when_it_is_closed() {
        play(|| {
            let gate = Arc::new(Gate::new());
            let interpreter = Arc::new([(); 2].map(|()| Interpreter(Cell::new(()))));
            let passing = [0, 1].map(|number| {
                let (gate, interpreter) = (gate.clone(), interpreter.clone());
                spawn(move || {
                    if let Some(pass) = gate.pass() {
                        interpreter[number].0.set(());
                        drop(pass);
                    }
                })
            });
            gate.close();
            // It ends here.
            interpreter.iter().for_each(|part| part.0.set(()));
            assert!(gate.is_closed() && gate.pass().is_none());
            drop(gate.pass_closed());
            for thread in passing {
                thread.join().unwrap();
            }
        });
    }
}
