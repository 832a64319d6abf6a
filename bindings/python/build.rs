//! On macOS a module that is not linked to libpython must say so to the linker.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
