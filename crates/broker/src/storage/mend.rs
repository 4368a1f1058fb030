//! A damaged segment is written anew without what is damaged. The old one is kept beside it, as `*.damaged`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::entry::Entry;
use super::scan::{Scope, scan};
use super::segment::{self, FRAME_LEN, FrameHeader, Header};

const MENDED: &str = "mended";
const DAMAGED: &str = "damaged";

/// Replaces segment `number` by its good entries, and returns the new content. `next` is the number after its last frame.
/// After a crash there is either the old or the new one.
pub(super) fn mend(
    directory: &Path,
    number: u32,
    scope: Scope<'_>,
    next: u64,
) -> io::Result<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    scan(scope, |frame| {
        let mut out = vec![0; FRAME_LEN];
        for raw in frame.entries {
            // It stands for all that was to follow, which is not all there.
            let is_partial = !frame.is_whole && matches!(raw.entry, Entry::Reset { .. });
            if !is_partial {
                out.extend_from_slice(&scope.bytes[raw.range.clone()]);
            }
        }
        if out.len() > FRAME_LEN {
            frames.push(out);
        }
    });
    let first = next.saturating_sub(frames.len() as u64);
    let header = Header {
        number,
        seal: scope.seal,
        first,
        is_mended: true,
    };
    let mut content = header.encode();
    for (number, mut frame) in (first..).zip(frames) {
        FrameHeader::fill(&mut frame, number, scope.seal);
        content.extend_from_slice(&frame);
    }
    let path = segment::path(directory, number);
    let mended = path.with_extension(MENDED);
    let mut file = File::create(&mended)?;
    file.write_all(&content)?;
    file.sync_all()?;
    set_aside(directory, number)?;
    fs::rename(mended, path)?;
    Ok(content)
}

/// Takes a segment out of the log.
pub(super) fn set_aside(directory: &Path, number: u32) -> io::Result<()> {
    let path = segment::path(directory, number);
    fs::rename(&path, path.with_extension(DAMAGED))
}

/// Finishes or undoes what a crash cut short.
pub(super) fn settle(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != MENDED) {
            continue;
        }
        let Some(number) = path
            .file_stem()
            .and_then(|name| name.to_str()?.parse().ok())
        else {
            continue;
        };
        let target = segment::path(directory, number);
        if target.exists() {
            fs::remove_file(path)?;
        } else {
            fs::rename(path, target)?;
        }
    }
    Ok(())
}
