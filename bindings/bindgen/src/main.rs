//! `relaypass-bindgen kotlin|swift LIBRARY FOLDER`: writes what uniffi generates for a language from
//! the built library of `bindings/uniffi`.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use uniffi_bindgen::bindings::{
    generate, generate_swift_bindings, GenerateOptions, SwiftBindingsOptions, TargetLanguage,
};

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

fn main() -> ExitCode {
    let Arguments {
        language,
        library,
        folder,
    } = Arguments::parse();
    let written = match language {
        Language::Kotlin => generate(GenerateOptions {
            languages: vec![TargetLanguage::Kotlin],
            source: library.into(),
            out_dir: folder.into(),
            config_override: None,
            format: false,
            crate_filter: None,
            metadata_no_deps: true,
        }),
        // The source, the header and its module map.
        Language::Swift => generate_swift_bindings(SwiftBindingsOptions {
            generate_swift_sources: true,
            generate_headers: true,
            generate_modulemap: true,
            source: library.into(),
            out_dir: folder.into(),
            xcframework: false,
            module_name: Some("relaypass_ffiFFI".to_owned()),
            modulemap_filename: Some("module.modulemap".to_owned()),
            metadata_no_deps: true,
            link_frameworks: Vec::new(),
            config: None,
        }),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relaypass-bindgen: {error:?}");
            ExitCode::FAILURE
        }
    }
}
