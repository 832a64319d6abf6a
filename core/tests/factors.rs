//! Blinding factors that are made ahead: none is given out twice, whoever asks.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use relaypass::moment::Moment;
use relaypass::os_random;
use relaypass::pass::blind_rsa::PublicKey;
use relaypass::pass::reserve::{Reserve, BATCH};
use relaypass::pass::Factor;

use crate::support::own_process::in_own_process;
use crate::support::signer::KeyPair;

const CHILDREN: usize = 64;
const THREADS: usize = 8;

fn key() -> PublicKey {
    PublicKey::from_spki(&KeyPair::generate(2048).spki()).unwrap()
}

/// What tells a factor from all others.
fn name(factor: &Factor) -> Vec<u8> {
    factor.inverse().expose().clone()
}

#[test]
fn no_factor_is_given_to_two_threads() {
    let (key, reserve) = (key(), Reserve::default());
    let given = Mutex::new(Vec::new());
    const BATCHES: usize = 6;
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                // Until all have been given out, to this thread or another.
                while given.lock().unwrap().len() < BATCHES * BATCH {
                    if let Some(factor) = reserve.take(&Moment::present()).factor {
                        given.lock().unwrap().push(name(&factor));
                    }
                }
            });
        }
        for _ in 0..BATCHES {
            let began = Moment::present();
            reserve.put(key.factors(BATCH, &mut os_random()), &began);
        }
    });
    let given = given.into_inner().unwrap();
    let different: HashSet<_> = given.iter().collect();
    assert_eq!(
        (given.len(), different.len()),
        (BATCHES * BATCH, BATCHES * BATCH)
    );
}

#[test]
fn no_factor_is_given_to_two_processes() {
    if !in_own_process("factors::no_factor_is_given_to_two_processes", &[]) {
        return;
    }
    let folder = std::env::temp_dir().join(format!("relaypass-factors-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (key, reserve) = (key(), Reserve::default());
    reserve.put(key.factors(BATCH, &mut os_random()), &Moment::present());
    let mut given = vec![name(&reserve.take(&Moment::present()).factor.unwrap())];
    for child in 0..CHILDREN {
        // Every other one has a child of its own.
        fork(|| {
            if child % 2 == 1 {
                fork(|| takes_none_but_its_own(&key, &reserve, &folder));
            }
            takes_none_but_its_own(&key, &reserve, &folder);
        });
        let factor = reserve.take(&Moment::present()).factor;
        given.extend(factor.as_ref().map(name));
    }
    assert_eq!(given.len(), BATCH, "what the parent made is the parent's");
    let mut files = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let names = fs::read(file.unwrap().path()).unwrap();
        given.extend(names.chunks(256).map(<[u8]>::to_vec));
        files += 1;
    }
    assert_eq!(files, CHILDREN + CHILDREN / 2);
    assert_eq!(given.len(), BATCH + 2 * files);
    let different: HashSet<_> = given.iter().collect();
    assert_eq!(different.len(), given.len());
    fs::remove_dir_all(&folder).unwrap();
}

/// Asks before and after it has made two, and writes down what it was given.
fn takes_none_but_its_own(key: &PublicKey, reserve: &Reserve, folder: &Path) {
    let mut given = Vec::new();
    let mut ask = || {
        let factor = reserve.take(&Moment::present()).factor;
        given.extend(factor.iter().flat_map(name));
    };
    ask();
    reserve.put(key.factors(2, &mut os_random()), &Moment::present());
    (0..3).for_each(|_| ask());
    fs::write(folder.join(std::process::id().to_string()), given).unwrap();
}

/// Does work in a child, and waits for it.
fn fork(work: impl FnOnce()) {
    // SAFETY: the child uses nothing that another thread of the parent may hold: the reserve, which is
    // what is tested, a file of its own, and the allocator, which glibc makes usable in children.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the child without the destructors and exit handlers of the parent's state.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0);
}
