//! Components to run: those of `cargo xtask guests`, and what no component is.

use std::path::{Path, PathBuf};

/// The file of the guest `name`, such as `hello-http` or `guestbook-web`.
///
/// It is looked for in the directory that `WEFT_GUESTS` names, else in that of the target directory which the test runs from.
///
/// # Panics
///
/// When it is not there.
pub fn path(name: &str) -> PathBuf {
    let path = directory().join(format!("{name}.wasm"));
    assert!(
        path.is_file(),
        "`{}` is not there; build the guests with `cargo xtask guests`",
        path.display()
    );
    path
}

/// The bytes of the guest `name`.
///
/// # Panics
///
/// As [`path`].
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// The same component with another digest: a custom section of this name is added to it.
///
/// # Panics
///
/// When the name has more than 100 bytes.
pub fn with_section(mut bytes: Vec<u8>, name: &str) -> Vec<u8> {
    assert!(name.len() <= 100, "a size of one byte");
    let length = u8::try_from(name.len()).unwrap();
    // Id of custom sections, size of the rest, length of the name.
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

/// A core module that imports, exports and does nothing.
pub fn core_module() -> &'static [u8] {
    b"\0asm\x01\0\0\0"
}

fn directory() -> PathBuf {
    if let Some(directory) = std::env::var_os("WEFT_GUESTS") {
        return directory.into();
    }
    let test = std::env::current_exe().unwrap();
    test.ancestors()
        .map(|directory| directory.join("guests/components"))
        .find(|directory| Path::is_dir(directory))
        .unwrap_or_else(|| {
            panic!(
                "no `guests/components` above `{}`; build the guests with `cargo xtask guests`",
                test.display()
            )
        })
}
