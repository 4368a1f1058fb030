//! A terminal that does not show what is typed.

use std::io::{self, Stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Standard input without echo, until dropped.
pub(super) struct Silence {
    input: Stdin,
    before: Termios,
}

// ===== impl Silence =====

impl Silence {
    /// Switches the echo off; `None` where standard input is no terminal.
    pub(super) fn begin() -> Option<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&input, OptionalActions::Flush, &silent).ok()?;
        Some(Self { input, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}
