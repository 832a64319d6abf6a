//! `relaypass-bindgen kotlin|swift LIBRARY FOLDER`: writes what uniffi generates for a language
//! from the built library of `bindings/uniffi`.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use uniffi_bindgen::bindings::{
    generate, generate_swift_bindings, GenerateOptions, SwiftBindingsOptions, TargetLanguage,
};

mod kotlin;

/// Where uniffi puts what it generates for Kotlin: by the package's name in uniffi.toml.
const KOTLIN_FILE: &str = "dev/relaypass/generated/relaypass_ffi.kt";

#[derive(Parser)]
struct Arguments {
    language: Language,
    /// librelaypass_ffi.so or .dylib
    library: String,
    /// Where the files go
    folder: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Swift,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let (library, folder) = (arguments.library, arguments.folder);
    match arguments.language {
        Language::Kotlin => {
            generate(GenerateOptions {
                languages: vec![TargetLanguage::Kotlin],
                source: library.into(),
                out_dir: folder.clone().into(),
                metadata_no_deps: true,
                ..GenerateOptions::default()
            })?;
            let file = PathBuf::from(folder).join(KOTLIN_FILE);
            let code = fs::read_to_string(&file)?;
            fs::write(&file, kotlin::fit(code)?)?;
        }
        // The source, the header and its module map.
        Language::Swift => generate_swift_bindings(SwiftBindingsOptions {
            generate_swift_sources: true,
            generate_headers: true,
            generate_modulemap: true,
            source: library.into(),
            out_dir: folder.into(),
            module_name: Some("relaypass_ffiFFI".to_owned()),
            modulemap_filename: Some("module.modulemap".to_owned()),
            metadata_no_deps: true,
            ..SwiftBindingsOptions::default()
        })?,
    }
    Ok(())
}
