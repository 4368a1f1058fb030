//! Which of its two forms the calls of a function take.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// After how many calls in the short form one goes to all who serve the function, so that those of 1.9 among them have
/// their part and are noticed.
const SHORT_MAX: u32 = 64;
/// How many calls ends of Weft answer before the one after which they are asked whether they take short ones: who calls once
/// and never again has no use for it.
const ASK_AFTER: u32 = 1;
/// The same where somebody does not.
const ASK_INTERVAL: u32 = 1024;

/// The form of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// With headers, as 1.9 understands it too.
    Full,
    /// To ends of Weft alone (`docs/design/wrpc.md`).
    Short,
}

/// Who answered a request in the full form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answerer {
    Weft,
    Plain,
}

/// What is known of those who serve a function. Shared by all its callers in this process.
#[derive(Debug, Default)]
pub(crate) struct Route {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Full {
        /// How many answers of Weft are still to come before it is asked.
        until_asked: u32,
    },
    /// It is asked whether short calls arrive.
    Asked,
    Short {
        left: u32,
    },
}

// ===== impl Route =====

impl Route {
    /// The form of the next call.
    pub(crate) fn next(&self) -> Form {
        let mut state = self.lock();
        match &mut *state {
            State::Short { left } if *left > 0 => {
                *left -= 1;
                Form::Short
            }
            State::Short { left } => {
                *left = SHORT_MAX;
                Form::Full
            }
            State::Full { .. } | State::Asked => Form::Full,
        }
    }

    /// A request in the full form was answered; whether it is to be asked now if short ones arrive.
    pub(crate) fn answered(&self, by: Answerer) -> bool {
        let mut state = self.lock();
        match (by, &mut *state) {
            (Answerer::Plain, _) => *state = State::later(),
            (Answerer::Weft, State::Full { until_asked: 0 }) => {
                *state = State::Asked;
                return true;
            }
            (Answerer::Weft, State::Full { until_asked }) => *until_asked -= 1,
            (Answerer::Weft, State::Asked | State::Short { .. }) => {}
        }
        false
    }

    /// What was asked has come to somebody who takes short calls, or has not.
    pub(crate) fn asked(&self, is_welcome: bool) {
        let mut state = self.lock();
        // Somebody of 1.9 may have answered meanwhile.
        if *state == State::Asked {
            *state = if is_welcome {
                State::Short { left: SHORT_MAX }
            } else {
                State::later()
            };
        }
    }

    /// A short call came to nobody.
    pub(crate) fn lost(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Short { .. }) {
            *state = State::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl State =====

impl State {
    /// Not to be asked soon.
    fn later() -> Self {
        Self::Full {
            until_asked: ASK_INTERVAL,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Full {
            until_asked: ASK_AFTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has just asked.
    fn asked() -> Route {
        let route = Route::default();
        assert!(!route.answered(Answerer::Weft));
        assert!(route.answered(Answerer::Weft));
        route
    }

    #[test]
    fn calls_are_short_once_that_is_known_to_arrive() {
        let route = asked();
        // Nobody asks twice.
        assert!(!route.answered(Answerer::Weft));
        assert_eq!(route.next(), Form::Full);
        route.asked(true);
        for _ in 0..3 {
            for _ in 0..SHORT_MAX {
                assert_eq!(route.next(), Form::Short);
            }
            assert_eq!(route.next(), Form::Full);
            assert!(!route.answered(Answerer::Weft));
        }
    }

    #[test]
    fn one_end_of_1_9_keeps_all_calls_in_its_form() {
        let route = asked();
        route.asked(true);
        assert!(!route.answered(Answerer::Plain));
        assert_eq!(route.next(), Form::Full);
        for _ in 0..ASK_INTERVAL {
            assert!(!route.answered(Answerer::Weft));
        }
        assert!(route.answered(Answerer::Weft));
        // It answers while that is asked.
        assert!(!route.answered(Answerer::Plain));
        route.asked(true);
        assert_eq!(route.next(), Form::Full);
    }

    #[test]
    fn it_is_asked_again_after_a_short_call_was_lost() {
        let route = asked();
        route.asked(true);
        assert_eq!(route.next(), Form::Short);
        route.lost();
        assert_eq!(route.next(), Form::Full);
        assert!(!route.answered(Answerer::Weft));
        assert!(route.answered(Answerer::Weft));
        route.asked(false);
        assert!(!route.answered(Answerer::Weft));
    }
}
