//! Reading a segment from its start to its end, over whatever is damaged.

use std::ops::Range;

use super::entry::{self, Raw};
use super::seal::Seal;
use super::segment::{FRAME_LEN, FrameHeader, HEADER_LEN};

/// Where a segment is read, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) seal: Seal,
    /// Number of the first frame, where it is known.
    pub(super) first: Option<u64>,
    /// No segment follows: what is not whole at its end was being written when the process ended.
    pub(super) is_last: bool,
}

/// The good entries of one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a, 'b> {
    pub(super) entries: &'b [Raw<'a>],
    /// There were no others.
    pub(super) is_whole: bool,
}

/// What was found beside the entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Where the next frame goes.
    pub(super) end: usize,
    /// The number it gets.
    pub(super) next: u64,
    pub(super) damaged: Vec<Range<usize>>,
    /// Frames that ought to be there, as their numbers tell.
    pub(super) missing: u64,
    /// Something stands at the end that was being written when the process ended. Nobody counts on it.
    pub(super) is_torn: bool,
}

// ---------------------------------------------------------------------------------------------------------

impl Scanned {
    pub(super) fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.missing == 0
    }
}

/// Calls `visit` with every frame in order.
pub(super) fn scan<'a>(scope: Scope<'a>, mut visit: impl FnMut(Frame<'a, '_>)) -> Scanned {
    let Scope { bytes, seal, .. } = scope;
    let mut found = Scanned {
        end: HEADER_LEN,
        next: scope.first.unwrap_or(0),
        ..Scanned::default()
    };
    let mut is_first = scope.first.is_none();
    let mut is_after_damage = false;
    let mut entries = Vec::new();
    let mut bad = Vec::new();
    let mut at = HEADER_LEN;
    while at < bytes.len() {
        let header = FrameHeader::decode(&bytes[at..], seal);
        let Some((header, end)) = header.and_then(|header| {
            let end = (at + FRAME_LEN).checked_add(header.len)?;
            (end <= bytes.len()).then_some((header, end))
        }) else {
            let Some(next) = next_frame(scope, at, &mut found) else {
                break;
            };
            at = next;
            is_after_damage = true;
            continue;
        };
        entries.clear();
        bad.clear();
        read_entries(&bytes[..end], at + FRAME_LEN, seal, &mut entries, &mut bad);
        if !bad.is_empty() && scope.is_last && FrameHeader::find(bytes, end, seal).is_none() {
            found.is_torn = true;
            break;
        }
        if std::mem::take(&mut is_first) {
            found.next = header.number;
        }
        // One that was there before tells nothing new.
        if let Some(missing) = header.number.checked_sub(found.next) {
            // Those that are damaged were told of.
            if !std::mem::take(&mut is_after_damage) {
                found.missing += missing;
            }
            found.next = header.number + 1;
            visit(Frame {
                entries: &entries,
                is_whole: bad.is_empty(),
            });
            found.damaged.append(&mut bad);
        }
        at = end;
        found.end = end;
    }
    found
}

/// Where reading goes on after a place at which no frame is, if anywhere.
fn next_frame(scope: Scope<'_>, at: usize, found: &mut Scanned) -> Option<usize> {
    let rest = &scope.bytes[at..];
    // The usual end: room that was set aside.
    if rest.iter().all(|byte| *byte == 0) {
        return None;
    }
    let next = FrameHeader::find(scope.bytes, at + 1, scope.seal);
    match next {
        Some(next) => found.damaged.push(at..next),
        None if scope.is_last => found.is_torn = true,
        None => found.damaged.push(at..scope.bytes.len()),
    }
    next
}

/// Reads the entries from `at` to the end of `bytes`, and tells good and bad ones apart.
pub(super) fn read_entries<'a>(
    bytes: &'a [u8],
    mut at: usize,
    seal: Seal,
    good: &mut Vec<Raw<'a>>,
    bad: &mut Vec<Range<usize>>,
) {
    while at < bytes.len() {
        match entry::read(bytes, at, seal) {
            Some(raw) => {
                at = raw.range.end;
                if raw.is_body_good {
                    good.push(raw);
                } else {
                    bad.push(raw.range);
                }
            }
            None => {
                bad.push(at..bytes.len());
                return;
            }
        }
    }
}
