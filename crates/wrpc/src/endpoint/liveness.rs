//! Whether the other end of a call is still there: when it is asked, and when it counts as gone.

use async_nats::Subject;

/// How often an end that is known is asked in vain before it counts as gone.
const MISSES_MAX: u32 = 3;
/// How often it is asked in vain who works on a call before nobody does, where ends of Weft hear the question. Where none does,
/// an end of 1.9 has the call, which may take its time even to say so: then the deadline decides.
const UNCLAIMED_MISSES_MAX: u32 = 10;

/// What is known of the peer's being there.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    /// Where those who may work on a call that nobody has answered yet are asked; `None` where nobody hears it.
    pub(super) callees: Option<Subject>,
    /// Whether the call was there at the last look.
    is_known: bool,
    /// Whether the peer was asked at the last look.
    is_asked: bool,
    /// Whether it was heard of since then.
    is_heard: bool,
    /// Whether it is certain that an end of Weft works on the call, as long as one is there.
    is_claimed: bool,
    misses: u32,
}

/// What a look at a call says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// It is new, or something was heard of it: it costs nothing.
    Quiet,
    /// The peer is to be asked.
    Ask,
    Gone,
}

// ===== impl Liveness =====

impl Liveness {
    /// For a caller whose callees may be asked on that subject. Where only ends of Weft get the request, one of them says that it
    /// works on it when it is asked.
    pub(super) fn of_caller(callees: Option<Subject>, is_claimed: bool) -> Self {
        Self {
            callees,
            is_claimed,
            ..Self::default()
        }
    }

    /// Something came of the peer.
    pub(super) fn hear(&mut self) {
        self.is_heard = true;
    }

    /// An end of Weft says that it works on the call.
    pub(super) fn claim(&mut self) {
        self.is_heard = true;
        self.is_claimed = true;
    }

    /// An end of 1.9 may get the request as well.
    pub(super) fn expect_no_claim(&mut self) {
        self.is_claimed = false;
    }

    /// NATS says that nobody hears the question.
    pub(super) fn nobody_hears(&mut self) {
        if !self.is_claimed {
            self.callees = None;
        }
    }

    /// Looks at the call once more; whether it is known who the peer is.
    pub(super) fn look(&mut self, has_peer: bool) -> Look {
        let was_known = std::mem::replace(&mut self.is_known, true);
        let was_heard = std::mem::take(&mut self.is_heard);
        if was_heard {
            self.misses = 0;
            self.is_asked = false;
        } else if self.is_asked {
            self.misses += 1;
        }
        let misses_max = if has_peer || self.is_claimed {
            MISSES_MAX
        } else {
            UNCLAIMED_MISSES_MAX
        };
        if self.misses >= misses_max {
            return Look::Gone;
        }
        if !was_known || was_heard {
            return Look::Quiet;
        }
        self.is_asked = true;
        Look::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it is asked until it counts as gone.
    fn asked(liveness: &mut Liveness, has_peer: bool) -> u32 {
        let mut asked = 0;
        loop {
            match liveness.look(has_peer) {
                Look::Quiet => {}
                Look::Ask => asked += 1,
                Look::Gone => return asked,
            }
        }
    }

    #[test]
    fn what_is_new_or_busy_is_not_asked_about() {
        let mut liveness = Liveness::default();
        for _ in 0..100 {
            assert_eq!(liveness.look(true), Look::Quiet);
            liveness.hear();
        }
        assert_eq!(liveness.look(true), Look::Quiet);
        assert_eq!(liveness.look(true), Look::Ask);
    }

    #[test]
    fn a_peer_that_is_known_counts_as_gone_sooner() {
        assert_eq!(asked(&mut Liveness::default(), true), MISSES_MAX);
        assert_eq!(asked(&mut Liveness::default(), false), UNCLAIMED_MISSES_MAX);
        let mut liveness = Liveness::default();
        liveness.claim();
        assert_eq!(asked(&mut liveness, false), MISSES_MAX);
        let mut liveness = Liveness::of_caller(None, true);
        assert_eq!(asked(&mut liveness, false), MISSES_MAX);
        let mut liveness = Liveness::of_caller(None, true);
        liveness.expect_no_claim();
        assert_eq!(asked(&mut liveness, false), UNCLAIMED_MISSES_MAX);
    }

    #[test]
    fn an_answer_begins_it_anew() {
        let mut liveness = Liveness::default();
        for _ in 0..20 {
            assert_ne!(liveness.look(true), Look::Gone);
            assert_ne!(liveness.look(true), Look::Gone);
            assert_ne!(liveness.look(true), Look::Gone);
            liveness.hear();
        }
    }
}
