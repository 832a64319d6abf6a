//! A process of its own for a test that forks, or that changes what all tests of a process share.

use std::env;
use std::process::Command;

/// Says in which process a test runs.
const MARK: &str = "RELAYPASS_TEST_IN_OWN_PROCESS";

/// Whether the named test is in a process of its own, and is to go on. If not, it has been run in
/// one, with these variables, and it passed.
pub fn in_own_process(test: &str, variables: &[(&str, &str)]) -> bool {
    if env::var_os(MARK).is_some_and(|name| name == test) {
        return true;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, test)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    // A name that is no test's runs none, and succeeds.
    assert!(said.contains("1 passed"), "{said}{complained}");
    false
}
