//! What a person reads: progress and errors on stderr, data on stdout.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Says what is going on, on stderr.
pub(crate) fn say(text: impl Display) {
    // When nobody listens any more there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a line of data to stdout. A closed pipe is no error: the reader has what it wanted.
pub(crate) fn data(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints an error with its chain of causes.
pub(crate) fn error(error: &anyhow::Error) {
    say(format_args!("error: {error}"));
    for cause in error.chain().skip(1) {
        say(format_args!("  caused by: {cause}"));
    }
}
