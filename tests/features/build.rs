//! Does nothing: it is there for the features of what builds it. See `Cargo.toml`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
