//! Has napi-rs write down the types of what the addon exports, for `npm run check`.

use std::path::Path;
use std::{env, fs};

fn main() {
    napi_build::setup();
    let out = env::var("OUT_DIR").expect("cargo sets it");
    // target/PROFILE/build/PACKAGE/out
    let profile = Path::new(&out).ancestors().nth(3);
    let types = profile.expect("cargo's folders").join("napi-types");
    fs::create_dir_all(&types).expect("the target folder can be written");
    println!(
        "cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}",
        types.display()
    );
    println!("cargo::rerun-if-changed=build.rs");
}
